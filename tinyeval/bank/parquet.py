"""Plain columns as parquet bytes, and back from bytes that may come from a stranger.

The same columns give the same bytes: no time stamp, no compression, every writer option fixed.
Decoding limits its memory before and while it reads, because a billion nulls, or a long text
repeated, take only a few bytes in a file (https://parquet.apache.org/docs/file-format/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import BankError, one_line

MAX_ROWS = 10_000_000
MAX_CELLS = 200_000_000
MAX_TEXT = 2**30
"""Largest numbers of rows, of cells, and of characters of distinct texts in a table."""

_BATCH = 1024


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        type: ``string``, ``double`` or ``int32``.
        cells: a value for each row; None, or NaN in an array, is null.
    """

    type: str
    cells: Sequence | NDArray


SHORT = 200
"""Characters shown of a library's message, which may quote a hostile file."""


@contextmanager
def reading(file: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn a parser's errors about a damaged file into :class:`BankError`.

    Args:
        file: name of the file, for the message.
        kinds: the parser's own errors, besides ValueError and the like.
    """
    damage: tuple[type[Exception], ...] = (ValueError, LookupError, TypeError, OverflowError)
    try:
        yield
    except damage + kinds as error:
        raise BankError(f"{file}: cannot be read ({one_line(error, SHORT)})") from error


def encode_table(columns: Mapping[str, Column], file: str) -> bytes:
    """Return columns of equal length as parquet.

    Raises:
        BankError: text that is not valid Unicode, or a table too large to be read back.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pa.table({name: _to_arrow(column) for name, column in columns.items()})
        sink = pa.BufferOutputStream()
        pq.write_table(
            table,
            sink,
            version="2.6",
            compression="none",
            use_dictionary=False,
            write_statistics=False,
            store_schema=False,
        )
    except UnicodeEncodeError as error:
        reason = one_line(error, SHORT)
        raise BankError(f"{file}: text that is not valid Unicode ({reason})") from error
    data = bytes(sink.getvalue())
    if table.num_rows * len(columns) > MAX_CELLS or len(data) > MAX_TEXT:
        raise BankError(
            f"{file}: {table.num_rows} rows of {len(columns)} columns, {len(data)} bytes, are more "
            f"than the {MAX_CELLS} cells and {MAX_TEXT} bytes allowed; leave columns out"
        )
    return data


def decode_table(
    data: bytes, file: str, types: Mapping[str, str], others: Sequence[str]
) -> dict[str, Column]:
    """Return the columns of a parquet file as lists; null is None, equal texts share an object.

    Args:
        data: the file's bytes.
        file: name of the file, for error messages.
        types: the type that a column of this name must have.
        others: the types that a column of any other name may have.

    Raises:
        BankError: not parquet, damaged, too large, another type, or duplicate column names.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(file, pa.ArrowException, OSError):
        parquet = pq.ParquetFile(pa.BufferReader(data))
        kinds = [(field.name, str(field.type)) for field in parquet.schema_arrow]
        _check_size(parquet.metadata, len(kinds), file)
        _check_types(kinds, file, types, others)
        cells: list[list[Any]] = [[] for _ in kinds]
        texts = _Texts(file)
        for batch in parquet.iter_batches(_BATCH):
            batch.validate(full=True)
            for (_, kind), known, column in zip(kinds, cells, batch.columns, strict=True):
                values = column.to_pylist()
                known += map(texts.shared, values) if kind == "string" else values
    return {name: Column(kind, known) for (name, kind), known in zip(kinds, cells, strict=True)}


def _check_size(metadata: Any, columns: int, file: str) -> None:
    # reads no other metadata: pyarrow would end the whole process on a damaged column
    rows = sum(metadata.row_group(k).num_rows for k in range(metadata.num_row_groups))
    if rows != metadata.num_rows or rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise BankError(
            f"{file}: claims {metadata.num_rows} rows of {columns} columns; at most {MAX_ROWS} "
            f"rows and {MAX_CELLS} cells are read"
        )


def _check_types(
    kinds: Sequence[tuple[str, str]], file: str, types: Mapping[str, str], others: Sequence[str]
) -> None:
    if len({name for name, _ in kinds}) != len(kinds):
        raise BankError(f"{file}: column names must be unique")
    for name, kind in kinds:
        expected = [types[name]] if name in types else others
        if kind not in expected:
            raise BankError(
                f"{file}: column {name[:80]!r} has type {kind[:80]!r}, "
                f"expected {' or '.join(expected)}"
            )


class _Texts:
    """Keeps a single object for equal texts, and counts the characters."""

    def __init__(self, file: str) -> None:
        self.file, self.size = file, 0
        self.known: dict[str | None, str | None] = {None: None}

    def shared(self, text: str | None) -> str | None:
        if text not in self.known:
            self.known[text] = text
            self.size += len(text or "")
            if self.size > MAX_TEXT:
                raise BankError(
                    f"{self.file}: has over {MAX_TEXT} characters of text; it is not read"
                )
        return self.known[text]


def _to_arrow(column: Column) -> Any:
    import pyarrow as pa

    if column.type == "string":
        return pa.array(list(column.cells), pa.string())
    values = np.asarray(column.cells, dtype=np.float64)
    missing = np.isnan(values)
    if column.type == "double":
        return pa.array(values, pa.float64(), mask=missing)
    whole = np.where(missing, 0, values)
    return pa.array(whole.astype(np.int32), pa.int32(), mask=missing)
