"""Members of ZIP archives, those packed with Zstandard too.

Python reads these from 3.14 on only; Arrow, which reads Parquet here anyway, unpacks them.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from tinyeval.errors import DataError, DependencyError
from tinyeval.importers.opening import WIDEST, bound

ZSTANDARD = 93
"""The number of this compression in ZIP archives."""

LARGE, RATIO = 2**26, 500
"""Bytes of a member from which on it must not be this much smaller when packed."""


def read_member(path: Path, archive: ZipFile, name: str) -> bytes:
    """Return a member of an archive.

    Raises:
        DataError: it is damaged, or made to fill the memory.
        DependencyError: it is packed with Zstandard, and nothing here can unpack it.
    """
    found = archive.getinfo(name)
    if found.file_size > min(max(LARGE, RATIO * found.compress_size), bound(path) // WIDEST):
        raise DataError(
            f"{path}: {name} says that it unpacks {found.compress_size:,} bytes into "
            f"{found.file_size:,}, which no log does; the file is damaged, or was made to do harm"
        )
    try:
        return archive.read(name)
    except NotImplementedError as error:
        if found.compress_type != ZSTANDARD:
            raise DataError(
                f"{path}: {name} is packed in a way that Python cannot read (method "
                f"{found.compress_type})"
            ) from error
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise DataError(f"{path}: {name} is damaged: {error}; copy the file again") from error
    return _unpack(path, found)


def _unpack(path: Path, found: ZipInfo) -> bytes:
    import pyarrow as pa

    if not pa.Codec.is_available("zstd"):
        raise DependencyError(
            f"{path}: is packed with Zstandard, which this build of pyarrow cannot read; install "
            "pyarrow from PyPI, or convert the log: inspect log convert --to json"
        )
    try:
        stream = pa.CompressedInputStream(pa.BufferReader(_packed(path, found)), "zstd")
        content = bytes(stream.read(found.file_size + 1))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: {found.filename} is damaged: {error}") from error
    if len(content) != found.file_size or zlib.crc32(content) != found.CRC:
        raise DataError(f"{path}: {found.filename} is damaged; copy the file again")
    return content


def _packed(path: Path, found: ZipInfo) -> bytes:
    """Return the bytes of a member as they lie in the archive, behind a header of their own."""
    with path.open("rb") as file:
        file.seek(found.header_offset)
        local = file.read(30)
        if len(local) < 30 or not local.startswith(b"PK\x03\x04"):
            raise DataError(f"{path}: {found.filename} is damaged; copy the file again")
        lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        file.seek(lengths, io.SEEK_CUR)
        return file.read(found.compress_size)
