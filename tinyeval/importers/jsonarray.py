"""JSON values out of text, and the objects of one long array one by one.

An array is read through a window of text that moves on; what it held is forgotten, so memory is
bounded by the longest element, however long the file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tinyeval.errors import DataError
from tinyeval.importers.opening import check_bound
from tinyeval.importers.values import shown

CHUNK = 2**20
"""Characters read at a time."""

SHORT = 2**20
"""Characters that are parsed whatever they hold."""

LONGEST = 2**28
"""Characters of an element of an array; in a longer one, a bracket is missing."""

SPACE = " \t\r\n"


def check_values(path: Path, text: str) -> None:
    """Raise :class:`DataError` where values would take more than the bound of their file."""
    if len(text) < SHORT:
        return
    several = sum(map(text.count, "[{"))
    needed = len(text) + OBJECT * several + VALUE * text.count(",")
    check_bound(path, needed, f"{several:,} lists and objects, or more, in one")


OBJECT, VALUE = 64, 40
"""Bytes of an empty list or object, and of a number inside one."""


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
        raise ValueError(f"the key {shown(twice)} appears twice in one object")
    return values


def array_objects(
    path: Path, file: TextIO, head: str, unique_keys: bool = False
) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (line number, object) of an array of objects.

    Args:
        path: of the file, for messages.
        file: open text, of which ``head`` was read.
        head: its beginning; the first character that is no space is ``[``.
        unique_keys: as for :func:`parse_json`.

    Raises:
        DataError: not JSON, an element that is no object, text after the array, or no end.
    """
    window = _Window(path, file, head)
    decoder = json.JSONDecoder(object_pairs_hook=_unique if unique_keys else None)
    window.take("[")
    if window.next() != "]":
        yield window.line, window.value(decoder)
        while window.next() != "]":
            window.take(",")
            window.next()
            yield window.line, window.value(decoder)
    window.take("]")
    if window.next():
        raise window.error("text after the end of the array")


class _Window:
    """A moving part of a text file, and the line at which it is."""

    def __init__(self, path: Path, file: TextIO, text: str) -> None:
        self.path, self.file, self.text = path, file, text
        self.place, self.line = 0, 1

    def error(self, reason: str) -> DataError:
        return DataError(f"{self.path}:{self.line}: not JSON: {reason}")

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        rest = self.text[self.place :]
        # Twice as much each time, so that a long element is not parsed over and over.
        read = self.file.read(max(CHUNK, len(rest)))
        self.text, self.place = rest + read, 0
        check_values(self.path, self.text)
        return bool(read)

    def advance(self, end: int) -> None:
        self.line += self.text.count("\n", self.place, end)
        self.place = end

    def next(self) -> str:
        """Return the next character that is no space, without taking it; empty at the end."""
        while True:
            end = self.place
            while end < len(self.text) and self.text[end] in SPACE:
                end += 1
            self.advance(end)
            if end < len(self.text):
                return self.text[end]
            if not self.more():
                return ""

    def take(self, expected: str) -> None:
        found = self.next()
        if found != expected:
            cut = "" if found else "; the file was probably cut off: copy it again"
            raise self.error(f"expected {expected!r}, found {found!r}{cut}")
        self.place += 1

    def value(self, decoder: json.JSONDecoder) -> dict[str, object]:
        """Take a JSON object."""
        if self.next() not in ("{", ""):
            where, found = f"{self.path}:{self.line}", self.text[self.place]
            raise DataError(f"{where}: expected a JSON object in the array, found {found!r}")
        while True:
            try:
                value, end = decoder.raw_decode(self.text, self.place)
            except json.JSONDecodeError as error:
                if len(self.text) - self.place > LONGEST or not self.more():
                    reason = f"{error.msg}; if the file was cut off, copy it again"
                    raise self.error(reason) from error
            except RecursionError as error:
                raise self.error("nested too deeply") from error
            except ValueError as error:
                raise DataError(f"{self.path}:{self.line}: {error}") from error
            else:
                self.advance(end)
                return dict(value)
