"""Finding the files of a format by what they begin with, where their names tell little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.block import Finding
from tinyeval.importers.walk import files_below

FEW = 50
"""Files below a folder whose beginnings a sniffer looks at."""

Why = Callable[[Path], str]
"""Says why a file is of a format; "" if it is not."""


def sniff_below(path: Path, pattern: str, why: Why) -> str:
    """Say why a file, or the first such file below a folder, is of a format; "" if none is.

    Args:
        path: a file or a folder.
        pattern: what the whole names of files below a folder match.
        why: says of one file.
    """
    if path.is_file():
        return why(path)
    return next(filter(None, map(why, islice(files_below(path, pattern), FEW))), "")


def files_of(paths: Sequence[Path], pattern: str, why: Why, missing: str) -> list[Path]:
    """Return files as they are given, and those of a format below folders, each once.

    Raises:
        DataError: a folder without one; its message ends with ``missing``.
    """
    files: dict[Path, None] = {}
    for path in paths:
        found = (
            [path] if path.is_file() else [one for one in files_below(path, pattern) if why(one)]
        )
        if not found:
            raise DataError(f"{path}: {missing}")
        files |= dict.fromkeys(found)
    return list(files)


def leave_out(files: Sequence[Path], other: Why, what: str) -> tuple[list[Path], list[Finding]]:
    """Leave out files that hold no marks of single items, where others do.

    Args:
        files: one or more.
        other: says of a file why it holds none; "" if it does.
        what: plain words for them: "files of judgments of pairs were left out".
    """
    useless = [one for one in files if other(one)]
    if not useless or len(useless) == len(files):  # alone, they are refused with the reason
        return list(files), []
    names = tuple(one.name for one in useless[:3])
    kept = [one for one in files if one not in set(useless)]
    return kept, [Finding("dropped", what, len(useless), names)]


def named_by(name: str) -> Finding:
    """Say that a model is called as its file or folder is, because the file does not name it."""
    return Finding("guessed", "models are called as their files or folders are", 1, (name,))
