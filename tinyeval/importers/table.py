"""Plain tables in csv, jsonl, json, parquet or npz, wide or long, and what lies beside them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs
from tinyeval.errors import ConfigError, DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.beside import notes_beside, with_trials
from tinyeval.importers.block import Block, Merged
from tinyeval.importers.layouts import to_block
from tinyeval.importers.merge import merge
from tinyeval.importers.parts import read_blocks
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.readers import READERS, read_raw

SUFFIXES = (*READERS, ".npz")


class TableImporter:
    """Reads csv, jsonl, json, parquet and npz tables."""

    def sniff(self, path: Path) -> str:
        """Accept a file with a table's suffix, or a folder with one file ``responses.*``."""
        if path.is_dir():
            return next((f"a folder with {one.name}" for one in _tables_in(path)), "")
        return f"a {path.suffix.lower()} file" if path.suffix.lower() in SUFFIXES else ""

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read tables and join them; ``options.metric`` names the score column of long tables."""
        if options.filter is not None:
            raise ConfigError(f"tables have no filters, but filter={options.filter!r} was given")
        with closing(_blocks([_table_at(path) for path in paths], options)) as blocks:
            return merge(blocks, options)


@dataclass(frozen=True)
class TableJob:
    """How a table is read."""

    path: Path
    metric: str | None

    def read(self) -> Block:
        """Read it whatever its suffix and layout."""
        if self.path.suffix.lower() == ".npz":
            return read_npz(self.path)
        return to_block(read_raw(self.path), self.metric)


def _blocks(files: Sequence[Path], options: Options) -> Generator[Block]:
    for block in read_blocks([TableJob(file, options.metric) for file in files], options):
        yield with_trials(block)
        yield from notes_beside(block)


def _tables_in(folder: Path) -> list[Path]:
    files = (one for one in folder.glob("responses.*") if one.stem == "responses")
    return sorted(one for one in files if one.suffix.lower() in SUFFIXES)


def _table_at(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = _tables_in(path)
    if len(found) != 1:
        raise DataError(
            f"{path}: expected one table called responses.* in this folder, found {len(found)}; "
            "name the file itself"
        )
    return found[0]


def read_npz(path: Path) -> Block:
    """Read arrays ``scores`` (models, items), ``models`` and ``items``; never a pickle."""
    arrays = _arrays(path, ("scores", "models", "items"))
    scores = arrays.pop("scores")
    raw = RawTable(path, {name: array.ravel().tolist() for name, array in arrays.items()})
    models, items = raw.unique_ids("models"), raw.unique_ids("items")
    if scores.dtype.kind not in "fiub" or scores.shape != (len(models), len(items)):
        raise DataError(
            f"{path}: expected numeric scores of shape (models, items) = ({len(models)}, "
            f"{len(items)}), found {scores.dtype} of shape {scores.shape}"
        )
    for cut in slabs(scores.shape):
        slab = scores[cut]
        bad = np.argwhere(~((slab >= 0) & (slab <= 1) | np.isnan(slab)))
        if len(bad):
            row, column = bad[0]
            raise DataError(
                f"{path}: the score {slab[row, column]} of model {models[cut][row]!r} on item "
                f"{items[column]!r} lies outside [0, 1]; divide percentages by 100"
            )
    return Block(path, models, items, scores.astype(np.float32, copy=False))


def _arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            found = archive.files
            arrays = {name: archive[name] for name in names if name in found}
    except Exception as error:  # zipfile and numpy raise a dozen kinds on damaged bytes
        raise DataError(
            f"{path}: not an npz file of plain arrays, or damaged ({error}); write it with "
            "numpy.savez(path, scores=..., models=..., items=...), ids as text"
        ) from error
    if len(arrays) < len(names):
        raise DataError(f"{path}: expected arrays {', '.join(names)}, found {examples(found, 8)}")
    return arrays
