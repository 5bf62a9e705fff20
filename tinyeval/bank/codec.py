"""A bank's parts as bytes, and back: parquet, safetensors, JSON, text; never code.

The same content gives the same bytes: columns, keys and array names are sorted, and no time stamp
is written (https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.parquet import SHORT, Column, decode_table, encode_table, reading
from tinyeval.errors import BankError, DataError, one_line
from tinyeval.tables import Table

ITEMS, ARRAYS, CONTENT = "items.parquet", "parameters.safetensors", "content.parquet"

Arrays = Mapping[str, NDArray]
Content = Mapping[str, Mapping[str, Any]]

COLUMNS = {
    "benchmark": "string",
    "subject": "string",
    "weight": "double",
    "cost": "double",
    "hash": "string",
    "mean_score": "double",
    "anchor_rank": "int32",
    "anchor_weight": "double",
}
"""Types of the columns that the format defines; other columns are ``string`` or ``double``."""

JSON_SUFFIX = ".json"


def encode_items(items: Table) -> bytes:
    """Return ``items.parquet``: column ``item``, then columns of the format, then the others."""
    columns = {"item": Column("string", items.ids)}
    known = [name for name in COLUMNS if name in items.columns]
    for name in [*known, *sorted(set(items.columns) - set(COLUMNS))]:
        values = items.columns[name]
        if values.dtype.kind == "f":
            columns[name] = Column(COLUMNS.get(name, "double"), values)
        else:
            columns[name] = Column("string", [one or None for one in values])
    return encode_table(columns, ITEMS)


def decode_items(data: bytes) -> Table:
    """Return the items of ``items.parquet``; numbers become float64, null becomes NaN or ``""``.

    Raises:
        BankError: not parquet, an unexpected type, too many rows, or missing or duplicate ids.
    """
    types = {"item": "string", **COLUMNS}
    columns = decode_table(data, ITEMS, types, others=("string", "double"))
    if "item" not in columns:
        raise BankError(f"{ITEMS}: there is no column 'item'")
    arrays = {name: _as_array(column) for name, column in columns.items()}
    ids = arrays.pop("item")
    try:
        return Table(tuple(ids), arrays)
    except DataError as error:
        raise BankError(f"{ITEMS}: {one_line(error, SHORT)}") from error


def encode_arrays(arrays: Arrays) -> bytes:
    """Return ``parameters.safetensors``."""
    from safetensors.numpy import save

    # safetensors writes memory in its order, so an array that is not C-ordered must be copied
    ordered = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    return bytes(save(ordered))


def decode_arrays(data: bytes) -> dict[str, NDArray]:
    """Return the arrays of ``parameters.safetensors``, sorted by name."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with reading(ARRAYS, SafetensorError):
        arrays: dict[str, NDArray] = load(data)
    return {name: arrays[name] for name in sorted(arrays)}


def encode_content(content: Content, items: Sequence[str]) -> bytes:
    """Return ``content.parquet``: one row per item that has content, in the order of ``items``.

    A field whose values are all text is a column of its name; any other field is a column
    ``<field>.json`` of JSON texts.  Null means that the item lacks the field.
    """
    ids = [one for one in items if one in content]
    columns = {"item": Column("string", ids)}
    for field in sorted({field for one in ids for field in content[one]}):
        if all(isinstance(content[one].get(field, ""), str) for one in ids):
            columns[field] = Column("string", [content[one].get(field) for one in ids])
        else:
            cells = [_json_cell(one, content[one], field) for one in ids]
            columns[field + JSON_SUFFIX] = Column("string", cells)
    return encode_table(columns, CONTENT)


def decode_content(data: bytes) -> dict[str, dict[str, Any]]:
    """Return the content of ``content.parquet``: item -> {field: value}."""
    columns = decode_table(data, CONTENT, types={}, others=("string",))
    ids: list[Any] = list(columns.pop("item").cells) if "item" in columns else [None]
    if None in ids:
        raise BankError(f"{CONTENT}: every row needs an id in a column 'item'")
    if len(set(ids)) != len(ids):
        raise BankError(f"{CONTENT}: item ids must be unique, but some appear more than once")
    if len({name.removesuffix(JSON_SUFFIX) for name in columns}) != len(columns):
        raise BankError(f"{CONTENT}: a field has both a text column and a {JSON_SUFFIX} column")
    content: dict[str, dict[str, Any]] = {one: {} for one in ids}
    for name, column in columns.items():
        field = name.removesuffix(JSON_SUFFIX)
        parse = parse_json if name.endswith(JSON_SUFFIX) else str
        with reading(CONTENT, RecursionError):
            for one, cell in zip(ids, column.cells, strict=True):
                if cell is not None:
                    content[one][field] = parse(cell)
    return content


def encode_text(text: str, file: str) -> bytes:
    """Return ``text`` as UTF-8, or raise :class:`BankError`."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        reason = one_line(error, SHORT)
        raise BankError(f"{file}: text that is not valid Unicode ({reason})") from error


def decode_text(data: bytes, file: str) -> str:
    """Return UTF-8 bytes as text, or raise :class:`BankError`."""
    with reading(file):
        return data.decode("utf-8")


def dump_json(value: object, what: str, indent: int | None = None) -> str:
    """Return ``value`` as ASCII JSON with sorted keys, or raise :class:`BankError`."""
    try:
        return json.dumps(value, indent=indent, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BankError(
            f"{what} cannot be stored as JSON ({one_line(error, SHORT)}); use text, finite "
            "numbers, lists and dictionaries with text keys"
        ) from error


def parse_json(text: str) -> Any:
    """Return the value of a JSON text; NaN and infinity are not JSON and raise ValueError."""
    return json.loads(text, parse_constant=_refuse_constant)


def _json_cell(item: str, fields: Mapping[str, Any], field: str) -> str | None:
    if field not in fields:
        return None
    return dump_json(fields[field], f"content of item {item[:80]!r}, field {field!r},")


def _as_array(column: Column) -> NDArray:
    if column.type == "string":
        # an array of fixed-width text would drop trailing NUL characters
        return np.array([cell or "" for cell in column.cells], dtype=object)
    # pyarrow's to_numpy would import pandas, which takes half a second
    return np.array([np.nan if cell is None else cell for cell in column.cells], dtype=np.float64)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
