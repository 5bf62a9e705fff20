"""Rows of one model, or of one model and item: which column would tell them apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.importers.aliases import ALIASES, can_be_scores, plain
from tinyeval.importers.columnnames import is_fact
from tinyeval.importers.rawtable import RawTable

OTHER = frozenset(
    {"step", "checkpoint", "prompt", "template", "dataset", "subset", "split", "quant"}
)
"""Plain names of columns, beside facts and trials, that are no items of a wide table."""


def encode(values: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return each value's number, in order of first appearance, and the distinct values."""
    known: dict[str, int] = {}
    numbers = (known.setdefault(one, len(known)) for one in values)
    return np.fromiter(numbers, np.intp, len(values)), list(known)


def separating(table: RawTable, key: NDArray[np.intp], names: Sequence[str]) -> list[str]:
    """Return the columns by which no two rows of one key are alike, those of few values first."""
    found = []
    for name in names:
        of_row, distinct = encode([str(one) for one in table.columns[name]])
        if len(distinct) in (1, len(table)):  # of all rows, or of each its own
            continue
        if len(np.unique(key * len(distinct) + of_row)) == len(table):
            found.append((len(distinct), name))
    return [name for _, name in sorted(found, key=lambda one: one[0])]


def wide_advice(table: RawTable, key: str) -> str:
    """Say which columns would tell rows of one model apart in a wide table; "" if none would.

    Args:
        table: one column per item.
        key: its column of models.
    """
    free = [name for name in table.columns if name != key and _is_no_item(table, name)]
    of_row, _ = encode([str(one) for one in table.columns[key]])
    names = separating(table, of_row, free)[:3]
    if not names:
        return ""
    listed = ", ".join(repr(one[:60]) for one in names)
    return (
        f"column{'s' * (len(names) > 1)} {listed} would tell such rows apart: pass --trial-column "
        f"{names[0][:60]!r} if these are trials of one model, write it into the models' names if "
        "they are of several; or "
    )


def _is_no_item(table: RawTable, name: str) -> bool:
    called = plain(name)
    known = called in ALIASES["trial"] or called in OTHER or is_fact(called)
    return known or not can_be_scores(table, name)
