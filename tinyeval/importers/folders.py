"""Folders of tables: one called ``responses.*``, what ``datasets`` saves, or a file per model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.aliases import USUAL_SPLITS
from tinyeval.importers.readers import READERS, suffix_of
from tinyeval.importers.separators import HEAD, is_table
from tinyeval.importers.textfiles import open_text, read_json

STATE, SPLITS = "state.json", "dataset_dict.json"
"""What ``Dataset.save_to_disk`` and ``DatasetDict.save_to_disk`` leave in a folder."""

BESIDE = ("items", "models", "trials", "soft")
"""Tables of this name, or with it before the suffix, belong to others."""


@dataclass(frozen=True)
class Source:
    """A table to read.

    Attributes:
        path: a file; of a saved data set, its ``state.json``.
        owner: the model whose answers it holds if no column names any; empty: the file's stem.
    """

    path: Path
    owner: str = ""


def looks_like(path: Path) -> str:
    """Say what of a table a path shows, or ""."""
    if not path.is_dir():
        return f"a {suffix_of(path)} file" if _is_table(path) else ""
    if (path / SPLITS).is_file() or (path / STATE).is_file():
        return "a data set saved by datasets"
    found = _responses(path)
    if found:
        return f"a folder with {found[0].name}"
    tables = _tables(path)
    return f"a folder with {len(tables)} tables, such as {tables[0].name}" if tables else ""


def sources(path: Path) -> list[Source]:
    """Return the tables at a path.

    Raises:
        DataError: a folder with none, or with several called ``responses.*``.
    """
    if not path.is_dir():
        return [Source(path)]
    if (path / SPLITS).is_file():
        return list(_splits(path))
    if (path / STATE).is_file():
        return [Source(path / STATE, path.name)]
    found = _responses(path)
    if len(found) > 1:
        raise DataError(
            f"{path}: expected one table called responses.* in this folder, found {len(found)}; "
            "name the file itself"
        )
    tables = found or _tables(path)
    if not tables:
        raise DataError(f"{path}: found no table in this folder; name the file itself")
    return [Source(one) for one in tables]


def shards(state: Path) -> list[Path]:
    """Return the Arrow files of a saved data set, given its ``state.json``."""
    about = read_json(state)
    about = about if isinstance(about, dict) else {}
    files = about.get("_data_files")
    if not isinstance(files, list) or not files:
        raise DataError(f"{state}: names no data files; save the data set anew (save_to_disk)")
    if about.get("_indices_files") or about.get("_indices_data_files"):
        raise DataError(
            f"{state}: the data set has an index beside its rows; save it anew, with "
            "flatten_indices().save_to_disk(...)"
        )
    names = [str(one.get("filename", "")) if isinstance(one, dict) else "" for one in files]
    found = [state.parent / Path(name).name for name in names]
    for one in found:
        if not one.is_file():
            raise DataError(f"{one}: there is no such file, though {state} names it")
    return found


def _splits(path: Path) -> Iterator[Source]:
    about = read_json(path / SPLITS)
    names = about.get("splits") if isinstance(about, dict) else None
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise DataError(f"{path / SPLITS}: expected a list of splits, found {json.dumps(names)}")
    for name in names:
        usual = name in USUAL_SPLITS
        yield Source(path / Path(name).name / STATE, path.name if usual else name)


def _responses(folder: Path) -> list[Path]:
    return [one for one in _tables(folder) if one.name.startswith("responses.")]


def _tables(folder: Path) -> list[Path]:
    found = (one for one in folder.iterdir() if not one.name.startswith(".") and not _belongs(one))
    return sorted(filter(_is_table, found))


def _is_table(path: Path) -> bool:
    """Say whether a file has a table's suffix; plain text must look like one, too."""
    if suffix_of(path) not in READERS or not path.is_file():
        return False
    if suffix_of(path) != ".txt":
        return True
    try:
        with open_text(path) as file:
            return is_table(file.read(HEAD))
    except DataError:
        return False


def _belongs(path: Path) -> bool:
    parts = path.name.lower().split(".")
    return parts[0] in ("readme", "license", *BESIDE) or bool(set(parts[1:-1]) & set(BESIDE))
