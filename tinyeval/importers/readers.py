"""Files -> raw tables: one reader per kind of file, told by content, then by suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.arrowtables import read_arrow, read_parquet
from tinyeval.importers.delimited import read_delimited
from tinyeval.importers.jsontables import read_json_lines, read_json_table
from tinyeval.importers.npfiles import read_npz, refuse_npy
from tinyeval.importers.opening import PACKED_SUFFIXES, first_bytes, plain_name
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.workbooks import read_workbook

READERS: dict[str, Callable[[Path], RawTable]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".tab": read_delimited,
    ".txt": read_delimited,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json_table,
    ".parquet": read_parquet,
    ".feather": read_arrow,
    ".arrow": read_arrow,
    ".ipc": read_arrow,
    ".npz": read_npz,
    ".npy": refuse_npy,
    ".xlsx": read_workbook,
}
"""By suffix, which may have that of a packer after it."""

MAGIC: dict[bytes, Callable[[Path], RawTable]] = {
    b"PAR1": read_parquet,
    b"ARROW1": read_arrow,
    b"\x93NUMPY": refuse_npy,
}
"""By first bytes, whatever the suffix."""


def suffix_of(path: Path) -> str:
    """Return what says the format: ``.csv`` of ``results.csv.gz``."""
    return Path(plain_name(path)).suffix.lower()


def read_raw(path: Path) -> RawTable:
    """Read a table; it has at least one column and one row.

    Raises:
        DataError: an unknown suffix, a damaged or empty file, a column that appears twice.
    """
    head = first_bytes(path)
    reader = next((one for magic, one in MAGIC.items() if head.startswith(magic)), None)
    reader = reader or READERS.get(suffix_of(path))
    if reader is None:
        packed = " (or one of these and .gz)" if path.suffix.lower() in PACKED_SUFFIXES else ""
        raise DataError(
            f"{path}: expected a table with one of the suffixes {', '.join(READERS)}{packed}, "
            f"found {path.suffix or 'no suffix'}"
        )
    table = reader(path)
    if not len(table):
        raise DataError(f"{path}: the table has no rows")
    return table
