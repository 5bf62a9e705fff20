"""Columns whose cells hold marks by name, ``{"acc": 1, "f1": 0.5}``: a column for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from tinyeval.importers.aliases import ALIASES, WEAK, plain
from tinyeval.importers.rawtable import RawTable

HOLDERS = frozenset({"metrics", "metric", "grades", "evaluation", "eval", "results", "marks"})
"""Plain names of columns, beside those of scores, that may hold marks by name."""

MOST = 50
"""Names of marks that a column may have."""


def unfold(table: RawTable) -> RawTable:
    """Return a table with columns of marks by name unfolded: ``metrics`` -> ``metrics.acc`` ...

    A score of which a single number is told, ``{"value": 1}``, keeps its column's name.
    """
    of = {name: _marks_in(name, values) for name, values in table.columns.items()}
    if not any(of.values()):
        return table
    columns: dict[str, Sequence[object]] = {}
    for name, values in table.columns.items():
        leaves = of[name]
        if not leaves:
            columns[name] = values
            continue
        alone = len(leaves) == 1 and plain(name) in ALIASES["score"]
        for leaf in leaves:
            cells = [one.get(leaf) if isinstance(one, dict) else None for one in values]
            columns.setdefault(name if alone else f"{name}.{leaf}", cells)
    return replace(table, columns=columns)


def _marks_in(name: str, values: Sequence[object]) -> list[str]:
    """Return the names of the marks in a column's cells; those in a score are called like one."""
    scores = {*ALIASES["score"], *WEAK["score"]}
    if plain(name) in HOLDERS:
        return _leaves(values)
    if plain(name) in scores:
        return [one for one in _leaves(values) if plain(one) in scores]
    return []


def _leaves(values: Sequence[object]) -> list[str]:
    """Return the names of the numbers in cells; none where a cell holds anything else."""
    if not any(isinstance(one, dict) for one in islice(values, MOST)):
        return []
    names: dict[str, None] = {}
    for one in values:
        if one is None:
            continue
        if not isinstance(one, Mapping):
            return []
        for name, leaf in one.items():
            if isinstance(leaf, bool | int | float):
                names[str(name)] = None
        if len(names) > MOST:
            return []
    return list(names)
