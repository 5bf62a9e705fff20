"""Text files, a line or a record at a time: every complaint names file and line.

Text is UTF-8, or UTF-16 where a byte order mark says so, and may be packed.
"""

from __future__ import annotations

import codecs
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tinyeval.errors import DataError
from tinyeval.importers.jsonarray import CHUNK, LONGEST, array_objects, check_values, parse_json
from tinyeval.importers.opening import WIDEST, bound, check_bound, open_unpacked

DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading and unpacking raise."""

CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""Bytes that text has not, in whatever encoding of one byte a letter."""


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open UTF-8 or UTF-16 text, with or without byte order mark, or raise :class:`DataError`.

    What is packed by gzip, bzip2, xz or Zstandard is unpacked as it is read.
    """
    try:
        with open_unpacked(path) as raw:
            head = raw.peek(4)[:4] if isinstance(raw, io.BufferedReader) else b""
            wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            with io.TextIOWrapper(raw, "utf-16" if wide else "utf-8-sig", newline="") as file:
                yield file
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.start + 1].hex()
        remedy = "save the file as UTF-8"
        if CONTROL.search(error.object):
            remedy = "it is not text, whatever its name says: give the table itself"
        raise DataError(
            f"{path}: expected UTF-8 text, found the byte 0x{found}; {remedy}"
        ) from error
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read: {reason}") from error


def json_records(
    path: Path, *, unique_keys: bool = False, skip: Callable[[str], bool] | None = None
) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield (line number, object) of a file of JSON objects, one in memory at a time.

    Args:
        path: a file with one object per line, or with one array of objects.
        unique_keys: refuse an object that has a key twice (``json`` would keep the last one).
        skip: says of a line that it need not be read; an array has no lines.

    Raises:
        DataError: something that is not a JSON object, or that was cut off.
    """
    with open_text(path) as file:
        head = file.read(CHUNK)
        if head.lstrip()[:1] == "[":
            yield from array_objects(path, file, head, unique_keys)
            return
    with open_text(path) as file:  # anew: what is packed cannot always be wound back
        yield from _line_objects(path, file, unique_keys, skip)


def starts_array(path: Path) -> bool:
    """Say whether a file's first character that is no space opens a JSON array."""
    with open_text(path) as file:
        return file.read(CHUNK).lstrip()[:1] == "["


def _line_objects(
    path: Path, file: TextIO, unique_keys: bool, skip: Callable[[str], bool] | None
) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(iter(lambda: file.readline(LONGEST), ""), 1):
        if len(line) == LONGEST:
            raise DataError(
                f"{path}:{number}: is longer than {LONGEST:,} characters: not JSON lines"
            )
        if not line.strip() or (skip is not None and skip(line)):
            continue
        check_values(path, line)
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


def read_text(path: Path) -> str:
    """Return the text of a JSON file, or raise :class:`DataError`, also where it is a bomb."""
    most = bound(path) // WIDEST
    read: list[str] = []
    with open_text(path) as file:
        size = 0
        while chunk := file.read(CHUNK):  # what is asked for at once is allocated at once
            size += len(chunk)
            check_bound(path, WIDEST * size, f"more than {most:,} characters")
            read.append(chunk)
    text = "".join(read)
    check_values(path, text)
    return text


def read_json(path: Path) -> object:
    """Return the value of a JSON file, or raise :class:`DataError`."""
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    try:
        return parse_json(text, unique_keys=True)
    except ValueError as error:
        raise DataError(f"{path}: {error}; if the file was cut off, copy it again") from error
