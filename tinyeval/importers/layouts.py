"""The two layouts of a table: wide and long.

Wide: a column ``model`` and one column per item.  Long: one row per answer, columns ``model``,
``item``, ``score`` and perhaps notes on the item (``benchmark``, ``subject``, ``weight``,
``cost``, ``hash``).  Answers of a single model may leave the column ``model`` out; the file's
name then names it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, DataError, examples
from tinyeval.importers.block import Block, Notes
from tinyeval.importers.harness import cell_means
from tinyeval.importers.notes import is_unknown
from tinyeval.importers.rawtable import RawTable

ITEM_NOTES = ("benchmark", "subject", "weight", "cost", "hash")
REPEATS = ("repeat", "epoch", "trial")

COLUMNS_AT_ONCE = 64
"""Columns put into a matrix together; one by one, each cell would be a miss of the cache."""


def to_block(table: RawTable, score: str | None = None) -> Block:
    """Interpret a raw table as a long or a wide one.

    Args:
        table: the raw columns; a column called ``item`` or like the score makes it long.
        score: name of the score column of a long table, by default ``score``.
    """
    first = next(iter(table.columns))
    if {"item", score or "score"} & table.columns.keys():
        return _long(table, score or "score")
    if "model" in table.columns:
        return _wide(table, "model", score)
    if first == "":  # R and pandas leave the corner of a wide table empty
        return _wide(table, first, score)
    raise DataError(
        f"{table.path}: expected a wide table (column 'model', one column per item) or a long "
        f"one (columns 'model', 'item', 'score'), found columns {examples(table.columns, 5)}; "
        "rename the column that holds the models to 'model'"
    )


def _wide(table: RawTable, key: str, score: str | None) -> Block:
    if score is not None:
        raise ConfigError(
            f"{table.path}: a wide table has one score per cell, but metric={score!r} was given"
        )
    models = table.unique_ids(key)
    items = [name for name in table.columns if name != key]
    if not items:
        raise DataError(f"{table.path}: expected one column per item beside {key!r}, found none")
    if any(not name.strip() for name in items):
        raise DataError(f"{table.path}: the header holds an empty item id")
    scores = np.empty((len(models), len(items)), dtype=np.float32)
    for k in range(0, len(items), COLUMNS_AT_ONCE):
        some = items[k : k + COLUMNS_AT_ONCE]
        scores[:, k : k + len(some)] = np.stack([table.scores(name) for name in some], axis=1)
    return Block(table.path, models, items, scores)


def _long(table: RawTable, score: str) -> Block:
    if not {"item", score} <= table.columns.keys():
        raise DataError(
            f"{table.path}: expected the columns 'item' and {score!r}, found "
            f"{examples(table.columns, 8)}; rename them, or name the score column as metric"
        )
    named = "model" in table.columns
    model_of, models = _encode(table.ids("model") if named else [table.path.stem] * len(table))
    item_of, items = _encode(table.ids("item"))
    cell = model_of * len(items) + item_of
    _refuse_repeats(table, cell, models, items)
    scores, trials = cell_means(cell, table.scores(score), len(models) * len(items), table.path)
    shape = len(models), len(items)
    notes = _item_notes(table, item_of, items)
    return Block(
        table.path, models, items, scores.reshape(shape), notes, trials=trials.reshape(shape)
    )


def _encode(values: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return each value's number, in order of first appearance, and the distinct values."""
    known: dict[str, int] = {}
    numbers = (known.setdefault(one, len(known)) for one in values)
    return np.fromiter(numbers, np.intp, len(values)), list(known)


def _refuse_repeats(
    table: RawTable, cell: NDArray[np.intp], models: Sequence[str], items: Sequence[str]
) -> None:
    """Raise if a cell has two rows that no column of ``REPEATS`` tells apart."""
    key = cell
    for name in REPEATS:
        if name in table.columns:
            number, distinct = _encode([str(one) for one in table.columns[name]])
            key = key * len(distinct) + number
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if again.size:
        first, second = (int(order[again[0] + k]) for k in (0, 1))
        model, item = divmod(int(cell[second]), len(items))
        raise DataError(
            f"{table.where(second)}: model {models[model]!r} has a score on item {items[item]!r} "
            f"already, at {table.where(first)}; remove one, or tell repeats apart by a column "
            "'repeat', 'epoch' or 'trial' (they are then averaged)"
        )


def _item_notes(table: RawTable, item_of: NDArray[np.intp], items: Sequence[str]) -> Notes:
    notes: dict[str, dict[str, object]] = {}
    for name in ITEM_NOTES:
        known: dict[str, object] = {}
        for row, value in enumerate(table.columns.get(name, ())):
            item = items[item_of[row]]
            if not is_unknown(value) and known.setdefault(item, value) != value:
                raise DataError(
                    f"{table.where(row)}: item {item!r} has {name} {value!r}, but "
                    f"{known[item]!r} in an earlier row; make them agree"
                )
        if known:
            notes[name] = known
    return notes
