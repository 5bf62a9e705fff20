"""Opening other people's files: regular ones only, unpacked by what they hold, within a bound.

A FIFO, a device, or a link to one would hang or never end, so it is not opened.  gzip, bzip2, xz
and Zstandard are told by their first bytes, whatever the file is called.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tinyeval.errors import DataError

LEAST_BOUND = 2**31
"""Bytes that any file may become."""

WIDEST = 4
"""Bytes that a character of text may take in memory."""

CELL = 24
"""Bytes of a table's cell as it is read: where its value is, and what is made of it."""

TIMES = 20
"""What a larger file may become, in times its size."""

PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of what is packed."""

PACKED_SUFFIXES = frozenset({".gz", ".bz2", ".xz", ".zst", ".zstd"})


def check_regular(path: Path) -> int:
    """Return the size of a file in bytes, or raise :class:`DataError` if it is no regular file."""
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(found.st_mode):
        raise DataError(f"{path}: expected a file, found a folder")
    if not stat.S_ISREG(found.st_mode):
        kind = "a pipe" if stat.S_ISFIFO(found.st_mode) else "a device or socket"
        raise DataError(f"{path}: expected a regular file, found {kind}; save it as a file first")
    return found.st_size


def bound(path: Path) -> int:
    """Return how many bytes reading a file may take: 2 GiB, or twenty times its size."""
    return max(LEAST_BOUND, TIMES * check_regular(path))


def check_bound(path: Path, needed: int, what: str) -> None:
    """Raise :class:`DataError` where a file says that it would need more bytes than its bound.

    Args:
        path: the file.
        needed: bytes that reading would take.
        what: what is so large: "100,000,000 rows of 3 columns".
    """
    if needed > bound(path):
        raise DataError(
            f"{path}: {check_regular(path):,} bytes hold {what}, which would take "
            f"{needed / 2**30:.1f} GiB of memory, more than 2 GiB and {TIMES} times the file; "
            "split it by models, or keep fewer columns"
        )


def check_cells(path: Path, rows: int, columns: int) -> None:
    """Raise :class:`DataError` where a table has become larger than its file's bound."""
    check_bound(path, CELL * rows * columns, f"{rows:,} rows or more of {columns:,} columns")


def first_bytes(path: Path, n: int = 8) -> bytes:
    """Return the first bytes of a regular file as they are, packed or not."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            return file.read(n)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def plain_name(path: Path) -> str:
    """Return a file's name without the suffix that says how it is packed."""
    return path.stem if path.suffix.lower() in PACKED_SUFFIXES else path.name


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file's bytes, unpacked; what is more than its bound raises ``OSError``."""
    most, head = bound(path), first_bytes(path)
    kind = next((kind for magic, kind in PACKED.items() if head.startswith(magic)), "")
    if not kind:
        with path.open("rb") as file:
            yield file
        return
    with _unpacking(path, kind) as source:
        yield io.BufferedReader(_Bounded(source, most), 2**16)


def _unpacking(path: Path, kind: str) -> Any:
    if kind == "gzip":
        return gzip.open(path)
    if kind == "bzip2":
        return bz2.open(path)
    if kind == "xz":
        return lzma.open(path)
    import pyarrow as pa

    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")


class _Bounded(io.RawIOBase):
    """Bytes of a stream up to a bound."""

    def __init__(self, source: Any, most: int) -> None:
        self.source, self.left = source, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.source.read(len(buffer))
        self.left -= len(data)
        if self.left < 0:
            raise OSError(f"it unpacks to more than 2 GiB and {TIMES} times its size")
        buffer[: len(data)] = data
        return len(data)
