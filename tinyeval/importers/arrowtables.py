"""Arrow's tables: Parquet, Feather and IPC files, and what ``datasets`` saves, as raw columns.

Numbers stay in Arrow's memory until they are asked for.  What a file says of its size is held
against a bound before anything is read: run lengths make any number of rows from a few bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.delimited import unique_names
from tinyeval.importers.opening import check_bound
from tinyeval.importers.rawtable import RawTable

if TYPE_CHECKING:
    from pyarrow import ChunkedArray, Schema, Table
    from pyarrow.parquet import ParquetFile

INDEX = "__index_level_0__"
"""The name under which pandas writes unnamed row labels."""

MARK = b"tinyeval.items"
"""Key of a Parquet file's metadata: all columns but the first are items."""

AT_ONCE = 1000
"""Columns read together; Arrow takes twice the memory of thousands of short columns."""

POINTER = 8
"""Bytes of a cell that is an object."""


def read_parquet(path: Path) -> RawTable:
    """Read a Parquet file."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            unique_names(path, list(schema.names))
            _check_rows(path, schema, rows)
            columns = _read(file, list(schema.names))
    except DataError:
        raise
    except Exception as error:  # pyarrow raises several kinds on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: not a Parquet file, or damaged: {reason}") from error
    return RawTable(path, columns, sure=MARK in (schema.metadata or {}))


def _read(file: ParquetFile, names: Sequence[str]) -> dict[str, Sequence[object]]:
    if len(names) <= AT_ONCE:
        return _columns(file.read())
    columns: dict[str, Sequence[object]] = {}
    for k in range(0, len(names), AT_ONCE):
        some = names[k : k + AT_ONCE]
        table = file.read(columns=some, use_threads=False)
        if table.column_names != some:  # of a column "a", "a.b" may be taken for a part
            return _columns(file.read())
        columns |= _cells(table, fitted=True)
    return _with_labels(columns)


def read_arrow(path: Path) -> RawTable:
    """Read a Feather or IPC file, or an IPC stream."""
    return RawTable(path, read_shards(path, [path]))


def read_shards(path: Path, files: Sequence[Path]) -> dict[str, Sequence[object]]:
    """Return the columns of Arrow files that lie one after another.

    Args:
        path: for messages.
        files: IPC files or streams of one schema.
    """
    import pyarrow as pa

    try:
        batches = [batch for file in files for batch in _batches(file)]
        table = pa.Table.from_batches(batches)
        unique_names(path, list(table.column_names))
        return _columns(table)
    except DataError:
        raise
    except Exception as error:  # pyarrow raises several kinds on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: not an Arrow file, or damaged: {reason}") from error


def from_arrow(table: Table, path: Path) -> RawTable:
    """Return an Arrow table in memory as a raw one."""
    unique_names(path, list(table.column_names))
    return RawTable(path, _columns(table))


def _batches(file: Path) -> Iterator[Any]:
    import pyarrow as pa

    needed = 0
    with pa.memory_map(str(file)) as source:
        try:
            reader = pa.ipc.open_file(source)
            batches = (reader.get_batch(k) for k in range(reader.num_record_batches))
        except pa.ArrowInvalid:
            source.seek(0)
            batches = iter(pa.ipc.open_stream(source))
        for batch in batches:
            needed += batch.nbytes + POINTER * batch.num_rows * batch.num_columns
            check_bound(file, needed, f"more than {batch.num_rows:,} rows")
            yield batch


def _check_rows(path: Path, schema: Schema, rows: int) -> None:
    kinds = Counter(schema.types)
    width = sum(_width(kind) * n for kind, n in kinds.items())
    check_bound(path, rows * width, f"{rows:,} rows of {kinds.total():,} columns")


def _width(kind: Any) -> int:
    """Return the bytes that a cell takes: as Arrow holds it, and as a score."""
    return kind.bit_width // 8 + 4 if _is_number(kind) else POINTER


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)


def _columns(table: Table) -> dict[str, Sequence[object]]:
    return _with_labels(_cells(table))


def _cells(table: Table, fitted: bool = False) -> dict[str, Sequence[object]]:
    """Return the columns; numbers that are ``fitted`` are copied into memory of their size."""
    kinds = table.schema.types
    numbers = {kind: _is_number(kind) for kind in set(kinds)}
    values = [
        _Numbers(_fitted(column) if fitted else column) if numbers[kind] else column.to_pylist()
        for column, kind in zip(table.columns, kinds, strict=True)
    ]
    return dict(zip(table.column_names, values, strict=True))


def _fitted(column: ChunkedArray) -> ChunkedArray:
    import pyarrow as pa

    chunks = []
    for chunk in column.chunks:
        buffers = [one and pa.py_buffer(one.to_pybytes()) for one in chunk.buffers()]
        about = len(chunk), buffers, chunk.null_count, chunk.offset
        chunks.append(pa.Array.from_buffers(chunk.type, *about))
    return pa.chunked_array(chunks, column.type)


def _with_labels(columns: dict[str, Sequence[object]]) -> dict[str, Sequence[object]]:
    """Put row labels first where they are ids, and leave them out where they count rows."""
    index = columns.pop(INDEX, None)  # unnamed row labels: numbers of rows, or ids
    if index is not None and len(index) and all(isinstance(one, str) for one in index):
        columns = {"": index, **columns}
    return columns


class _Numbers(Sequence[object]):
    """Numbers as Arrow holds them; only those asked for one by one become Python objects."""

    def __init__(self, column: ChunkedArray) -> None:
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, row: Any) -> Any:
        return self.column[row].as_py()

    def __iter__(self) -> Iterator[object]:
        return iter(self.column.to_pylist())

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray[np.float64]:
        return self.numbers().astype(np.float64)

    def numbers(self) -> NDArray[np.float32] | NDArray[np.float64]:
        """Return float32 as they are, all others as float64; NaN where there is none."""
        chunks = [_floats(chunk) for chunk in self.column.chunks if len(chunk)]
        return chunks[0] if len(chunks) == 1 else np.concatenate([np.empty(0), *chunks])


def _floats(chunk: Any) -> NDArray[np.float32] | NDArray[np.float64]:
    """Read Arrow's buffers: its own way to numpy imports pandas, which takes longer than that."""
    start, stop = chunk.offset, chunk.offset + len(chunk)
    known, data = chunk.buffers()
    name = str(chunk.type)
    raw = _bits(data) if name == "bool" else np.frombuffer(data, FLOATS.get(name, name))
    kind = raw.dtype if raw.dtype == np.float32 else np.float64
    values = raw[start:stop].astype(kind, copy=False)
    if known is not None and chunk.null_count:
        values = np.where(_bits(known)[start:stop] == 0, values.dtype.type(np.nan), values)
    return values


def _bits(buffer: Any) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")


FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""Arrow's names of numbers that numpy calls otherwise."""
