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
from tinyeval.importers.ipcsizes import unpacked
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
"""Bytes of a cell that is one of few objects: a text that many rows have."""

OBJECT = 64
"""Bytes of a cell that is an object of its own."""


def read_parquet(path: Path) -> RawTable:
    """Read a Parquet file."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            check_parquet(path, file.metadata, schema)
            unique_names(path, list(schema.names))
        words = [one.name for one in schema if _is_text(one.type)]
        with pq.ParquetFile(path, read_dictionary=words) as file:  # each text once, not once a row
            columns = _read(path, file, list(schema.names))
    except DataError:
        raise
    except Exception as error:  # pyarrow raises several kinds on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: not a Parquet file, or damaged: {reason}") from error
    return RawTable(path, columns, sure=MARK in (schema.metadata or {}))


def _read(path: Path, file: ParquetFile, names: Sequence[str]) -> dict[str, Sequence[object]]:
    if len(names) <= AT_ONCE:
        return _columns(_sound(path, file.read()))
    columns: dict[str, Sequence[object]] = {}
    for k in range(0, len(names), AT_ONCE):
        some = names[k : k + AT_ONCE]
        table = file.read(columns=some, use_threads=False)
        if table.column_names != some:  # of a column "a", "a.b" may be taken for a part
            return _columns(_sound(path, file.read()))
        columns |= _cells(_sound(path, table), fitted=True)
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
    with pa.OSFile(str(file)) as source:  # mapped, what lies beyond its end ends the process
        for size in unpacked(source):
            needed += size
            check_bound(file, needed, "packed columns")
        source.seek(0)
        needed = 0
        try:
            reader = pa.ipc.open_file(source)
            batches = (reader.get_batch(k) for k in range(reader.num_record_batches))
        except pa.ArrowInvalid:
            source.seek(0)
            batches = iter(pa.ipc.open_stream(source))
        for batch in batches:
            needed += batch.nbytes + batch.num_rows * _row_width(batch.schema)
            check_bound(file, needed, f"more than {batch.num_rows:,} rows")
            batch.validate(full=True)  # offsets beyond a buffer would end the process, too
            yield batch


def check_parquet(path: Path, metadata: Any, schema: Schema) -> None:
    """Raise :class:`DataError` where a Parquet file says that it holds more than its bound.

    Args:
        path: the file.
        metadata: of the file: run lengths and one text for all rows take few bytes on disk.
        schema: its columns.
    """
    rows = metadata.num_rows  # not of its columns: pyarrow aborts the process if they are damaged
    needed = rows * _row_width(schema)
    check_bound(path, needed, f"{rows:,} rows of {len(schema.types):,} columns")


def _sound(path: Path, table: Table) -> Table:
    """Return a table that holds what it says, with no more nested values than may be objects."""
    table.validate(full=True)
    nested = [one for one in table.columns if one.type.num_fields]
    size = sum(one.nbytes for one in nested)
    check_bound(path, OBJECT // POINTER * size, f"{size:,} bytes of lists and structures")
    return table


def _row_width(schema: Schema) -> int:
    return sum(_width(kind) * n for kind, n in Counter(schema.types).items())


def _width(kind: Any) -> int:
    """Return the bytes that a cell takes: as Arrow holds it, and as a score or an object."""
    if _is_number(kind):
        return kind.bit_width // 8 + 4
    return 2 * POINTER if _is_text(kind) else OBJECT


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind)


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
        _Numbers(_fitted(column) if fitted else column) if numbers[kind] else _objects(column)
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


def _objects(column: ChunkedArray) -> Sequence[object]:
    from pyarrow import types

    if not types.is_dictionary(column.type):
        return column.to_pylist()
    values: list[object] = []
    for chunk in column.chunks:  # an object for each text, however many rows have it
        known = chunk.dictionary.to_pylist()
        values += [None if k is None else known[k] for k in chunk.indices.to_pylist()]
    return values


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
