"""Files -> raw tables: one reader per suffix."""

from __future__ import annotations

import csv
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError, examples
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.textfiles import json_records, open_text, read_json, starts_array

if TYPE_CHECKING:
    from pyarrow import ChunkedArray


def read_raw(path: Path) -> RawTable:
    """Read a table by its suffix; it has at least one column and one row.

    Raises:
        DataError: an unknown suffix, a damaged or empty file, a column that appears twice.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: expected a table with one of the suffixes {', '.join(READERS)}, "
            f"found {path.suffix or 'no suffix'}"
        )
    table = reader(path)
    if not len(table):
        raise DataError(f"{path}: the table has no rows")
    return table


def _read_csv(path: Path) -> RawTable:
    lines = array("q")
    chunk: list[list[str]] = []
    with open_text(path) as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next((row for row in reader if row), None)
            if header is None:
                raise DataError(f"{path}: the file is empty")
            columns: list[list[object]] = [[] for _ in _unique_names(path, header)]
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(
                        f"{path}:{reader.line_num}: expected {len(header)} values, as in the "
                        f"header, found {len(row)}; the file may have been cut off"
                    )
                lines.append(reader.line_num)
                chunk.append(row)
                if len(chunk) == 4096:
                    _append(columns, chunk)
                    chunk = []
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from error
    _append(columns, chunk)
    return RawTable(path, dict(zip(header, columns, strict=True)), lines)


def _append(columns: list[list[object]], rows: list[list[str]]) -> None:
    for column, *values in zip(columns, *rows, strict=True):
        # Interned, an id that fills many rows is held once.
        column.extend(map(sys.intern, values))


def _unique_names(path: Path, names: Sequence[str]) -> Sequence[str]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: {len(twice)} column(s) appear more than once: {examples(twice)}")
    return names


def _read_jsonl(path: Path) -> RawTable:
    lines = array("q")

    def records() -> Iterator[dict[str, object]]:
        for line, record in json_records(path, unique_keys=True):
            lines.append(line)
            yield record

    columns = _columns_of(records())
    if not lines:
        raise DataError(f"{path}: the file is empty")
    return RawTable(path, columns, lines)


def _read_json(path: Path) -> RawTable:
    if starts_array(path):
        records = json_records(path, unique_keys=True)
        return RawTable(path, _columns_of(record for _, record in records))
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(
            f"{path}: expected {{item: score}}, {{model: {{item: score}}}} or a list of objects"
        )
    if isinstance(value.get("model"), str):
        return RawTable(path, _columns_of([value]))
    return RawTable(path, _columns_of(_answers(path, value)))


def _answers(path: Path, value: dict[str, object]) -> Iterator[dict[str, object]]:
    nested = [isinstance(inner, dict) for inner in value.values()]
    if any(nested) and not all(nested):
        raise DataError(f"{path}: expected either {{item: score}} or {{model: {{item: score}}}}")
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from ({"model": key, "item": item, "score": s} for item, s in inner.items())
        else:
            yield {"item": key, "score": inner}


def _columns_of(records: Iterable[Mapping[str, object]]) -> dict[str, list[object]]:
    columns: dict[str, list[object]] = {}
    n = 0
    for record in records:
        for name, value in record.items():
            column = columns.setdefault(name, [])
            column.extend([None] * (n - len(column)))
            # Interned, an id that fills many rows is held once.
            column.append(sys.intern(value) if type(value) is str else value)
        n += 1
    for column in columns.values():
        column.extend([None] * (n - len(column)))
    return columns


def _read_parquet(path: Path) -> RawTable:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            table = file.read()
        values = [_parquet_column(column) for column in table.columns]
    except Exception as error:  # pyarrow raises several kinds on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: not a Parquet file, or damaged: {reason}") from error
    columns = dict(zip(_unique_names(path, names), values, strict=True))
    columns.pop("__index_level_0__", None)  # pandas writes unnamed row labels under this name
    return RawTable(path, columns)


def _parquet_column(column: ChunkedArray) -> Sequence[object]:
    from pyarrow import types

    kind = column.type
    numeric = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
    return _Numbers(column) if numeric else column.to_pylist()


class _Numbers(Sequence[object]):
    """Numbers as Parquet holds them; only those asked for one by one become Python objects."""

    def __init__(self, column: ChunkedArray) -> None:
        self.column = column

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, row: Any) -> Any:
        return self.column[row].as_py()

    def __iter__(self) -> Iterator[object]:
        return iter(self.column.to_pylist())

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray[np.float64]:
        return np.concatenate([np.empty(0), *map(_floats, self.column.chunks)])


def _floats(chunk: Any) -> NDArray[np.float64]:
    """Read Arrow's buffers: its own way to numpy imports pandas, which takes longer than that."""
    if not len(chunk):
        return np.empty(0)
    cells = slice(chunk.offset, chunk.offset + len(chunk))
    known, data = chunk.buffers()
    name = str(chunk.type)
    raw = _bits(data) if name == "bool" else np.frombuffer(data, FLOATS.get(name, name))
    values = raw[cells].astype(np.float64)
    if known is not None:
        values[_bits(known)[cells] == 0] = np.nan
    return values


def _bits(buffer: Any) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")


FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""Arrow's names of numbers that numpy calls otherwise."""

READERS: dict[str, Callable[[Path], RawTable]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
