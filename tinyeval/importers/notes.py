"""What is known of items and models besides scores: columns of notes, joined by id.

Notes are ``{column: {id: value}}``, raw as found.  They come from the items' and models' tables
(``items.csv``: column ``item`` and others; ``models.csv``: column ``model`` and others), from
extra columns of a long table, or from a harness; :func:`typed_column` types them at the end.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError, examples
from tinyeval.importers.block import Notes as Notes
from tinyeval.importers.readers import read_raw
from tinyeval.tables import Table

TEXT = frozenset({"benchmark", "subject", "hash"})
NUMBERS = frozenset({"weight", "cost"})


def is_unknown(value: object) -> bool:
    """Say whether a raw value stands for "not known": None, empty text, or NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def typed_column(name: str, values: Sequence[object], source: Path | None = None) -> NDArray:
    """Return raw values as float64 if all known ones are numbers, else as text.

    ``benchmark``, ``subject`` and ``hash`` are always text, ``weight`` and ``cost`` always numbers.

    Raises:
        DataError: a weight or cost that is not a number, naming ``source``.
    """
    if name not in TEXT:
        try:
            return np.array([math.nan if is_unknown(v) else float(v) for v in values])  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            if name in NUMBERS:
                where = "" if source is None else f"{source}: "
                raise DataError(f"{where}column {name!r} must hold numbers: {error}") from error
    return np.array(["" if is_unknown(v) else str(v) for v in values], dtype=object)


def read_notes(path: Path, key: str, ids: Collection[str]) -> dict[str, dict[str, object]]:
    """Read an items' or models' table.

    Args:
        path: a csv, jsonl, json or parquet file.
        key: its column of ids, ``item`` or ``model``.
        ids: the ids to keep; rows of others are left out.

    Raises:
        DataError: no column ``key``, an id in two rows, or no row for any of ``ids``.
    """
    raw = read_raw(path)
    if key not in raw.columns:
        found = examples(raw.columns, 8)
        raise DataError(f"{path}: expected a column {key!r} with the ids, found columns {found}")
    row_of = {one: row for row, one in enumerate(raw.unique_ids(key))}
    known = [one for one in ids if one in row_of]
    if not known:
        raise DataError(
            f"{path}: none of its {len(row_of)} {key} ids is in the results; it lists "
            f"{examples(row_of)}, the results have {examples(ids)}"
        )
    return {
        name: {one: values[row_of[one]] for one in known}
        for name, values in raw.columns.items()
        if name != key
    }


def annotate(table: Table, path: Path, key: str) -> Table:
    """Return ``table`` with the columns of a file; where the file knows nothing, the old value."""
    columns = dict(table.columns)
    for name, noted in read_notes(path, key, table.ids).items():
        before = table.column(name, "")
        values = [noted.get(one) for one in table.ids]
        merged = [old if is_unknown(new) else new for new, old in zip(values, before, strict=True)]
        if not all(map(is_unknown, merged)):
            columns[name] = typed_column(name, merged, path)
    return Table(table.ids, columns)
