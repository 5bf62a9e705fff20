"""Text files line by line: UTF-8, and every complaint names the file and the line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tinyeval.errors import DataError


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open UTF-8 text, with or without byte order mark, or raise :class:`DataError`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.start + 1].hex()
        raise DataError(
            f"{path}: expected UTF-8 text, found the byte 0x{found}; save the file as UTF-8"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def json_lines(path: Path, *, unique_keys: bool = False) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (line number, object) of a file that holds one JSON object per line.

    Args:
        path: the file; blank lines are skipped.
        unique_keys: refuse an object that has a key twice (``json`` would keep the last one).

    Raises:
        DataError: a line that is not a JSON object, or that was cut off.
    """
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = parse_json(line, unique_keys=unique_keys)
            except ValueError as error:
                whole = line.endswith(("\n", "\r"))
                remedy = "" if whole else "; the file was probably cut off: copy it again"
                raise DataError(f"{path}:{number}: {error}{remedy}") from error
            if not isinstance(value, dict):
                raise DataError(
                    f"{path}:{number}: expected a JSON object, found {type(value).__name__}"
                )
            yield number, value


def read_json(path: Path) -> object:
    """Return the value of a JSON file, or raise :class:`DataError`."""
    with open_text(path) as file:
        text = file.read()
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    try:
        return parse_json(text, unique_keys=True)
    except ValueError as error:
        raise DataError(f"{path}: {error}; if the file was cut off, copy it again") from error


def parse_json(text: str, *, unique_keys: bool = False) -> object:
    """Parse one JSON value; every way to fail is a ``ValueError`` with a short reason."""
    try:
        return json.loads(text, object_pairs_hook=_unique if unique_keys else None)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise ValueError(f"not JSON: {error.msg} at {line}column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("not JSON that can be read: nested too deeply") from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice!r} appears twice in one object")
    return values
