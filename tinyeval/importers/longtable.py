"""A long table, one row per answer -> a block that costs memory by its rows.

Rows of one cell are trials where a column tells them apart, and are averaged; otherwise they are
refused, or averaged where the user says so.  Item ids that stand for other items in another
benchmark of the table become ``benchmark/item``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.aliases import ALIASES, NOTES, WEAK, plain
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Block, Finding, Notes
from tinyeval.importers.counted import counted_means
from tinyeval.importers.direction import is_lower_better, orient
from tinyeval.importers.harness import soft_means
from tinyeval.importers.modelnames import model_names
from tinyeval.importers.notes import is_unknown
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.repeats import encode, separating
from tinyeval.importers.scales import outside, place, to_scale, told
from tinyeval.importers.values import shown

DENSE = 0.25
"""Share of the cells from which on a matrix takes less than a list of cells."""


class LongRoles(NamedTuple):
    """Columns of a long table; empty or None: there is none."""

    item: str
    score: str
    model: str | None = None
    benchmark: str | None = None
    subject: str | None = None
    trials: Sequence[str] = ()
    identity: Sequence[str] = ()
    soft: str | None = None
    counts: str | None = None


def long_block(
    table: RawTable, roles: LongRoles, rules: Rules, average: bool, said: Sequence[Finding]
) -> Block:
    """Interpret a table with one row per answer."""
    marks, more = _scores(table, roles.score, rules)
    named = roles.model is not None
    owners = [table.model] * len(table)
    if roles.model is not None:
        owners = model_names(table, roles.model, roles.identity)
    model_of, models = encode(owners)
    ids, qualified = _item_ids(table, roles, model_of)
    item_of, items = encode(ids)
    findings = [*table.findings, *said, *qualified]
    if roles.identity:
        what = "columns tell models of one name apart"
        findings.append(Finding("guessed", what, len(roles.identity), tuple(roles.identity)))
    if not named:
        what = "model was taken from the file's name, as no column names any"
        findings.append(Finding("guessed", what, 1, (table.model,)))
    cell = model_of * len(items) + item_of
    trials_of = _tell_repeats(table, cell, roles, average, models, items)
    cells, place_of = np.unique(cell, return_inverse=True)
    scores, trials = counted_means(table, roles.counts, place_of.ravel(), marks, len(cells))
    if trials_of:
        kind = "joined" if average else "guessed"
        what = f"rows are more trials of a model on an item, told by {trials_of}; means are taken"
        findings.append(Finding(kind, what, len(cell) - len(cells)))
    notes = _item_notes(table, roles, item_of, items)
    soft = _soft(table, roles.soft, place_of.ravel(), marks, len(cells))
    return Block(
        *(table.path, models, items),
        item_notes=notes,
        findings=(*findings, *more),
        **_placed(scores, trials, soft, cells, (len(models), len(items))),
    )


def _placed(
    scores: NDArray[np.float32],
    trials: NDArray[np.uint16],
    soft: NDArray[np.float16] | None,
    cells: NDArray[np.intp],
    shape: tuple[int, int],
) -> dict[str, Any]:
    """Return what is known of the cells: as a list of them, or as matrices where few are empty."""
    counted = None if trials.max(initial=0) <= 1 else trials
    if len(cells) <= DENSE * shape[0] * shape[1]:
        return {"scores": scores, "trials": counted, "soft": soft, "cells": cells}
    return {
        "scores": _full(scores, np.nan, cells, shape),
        "trials": None if counted is None else _full(counted, 0, cells, shape),
        "soft": None if soft is None else _full(soft, np.nan, cells, shape),
    }


def _full(
    values: NDArray, empty: float, cells: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray:
    full = np.full(shape, empty, dtype=values.dtype)
    full.ravel()[cells] = values
    return full


def _soft(
    table: RawTable, name: str | None, cell: NDArray[np.intp], marks: NDArray, n_cells: int
) -> NDArray[np.float16] | None:
    """Return the soft score of each cell, a mean where there are several; None without a column."""
    if name is None:
        return None
    read = table.marks(name)
    numbers = read.numbers
    bad = ~((numbers >= 0) & (numbers <= 1) | np.isnan(numbers))
    if len(read.wrong) or bad.any():
        row = int(read.wrong[0]) if len(read.wrong) else int(np.argmax(bad))
        raise DataError(
            f"{table.where(row)}: the soft score in column {name[:60]!r} is "
            f"{shown(table.columns[name][row])}, expected a probability from 0 to 1; rename the "
            "column if it is something else"
        )
    return soft_means(cell, numbers.astype(np.float64), marks, n_cells)


def _scores(table: RawTable, name: str, rules: Rules) -> tuple[NDArray[np.float64], list[Finding]]:
    """Return marks between 0 and 1, better where higher, and how they were read."""
    marks = table.marks(name)
    if len(marks.wrong):
        raise table.no_mark(name, marks.wrong[0])
    numbers = to_scale(marks, rules, place(table.path, name))
    lower = rules.direction == "lower" or (rules.direction is None and is_lower_better(name))
    bad = ~((numbers >= 0) & (numbers <= 1) | np.isnan(numbers))
    findings = told(marks.kinds, rules, numbers)
    if lower:
        free = rules if rules.scale is None else Rules(direction=rules.direction, scale=(0, 1))
        numbers, turned = orient(numbers, name, str(table.path), free, None, table.lines)
        return numbers, [*findings, *turned]
    if bad.any():
        row = int(np.argmax(bad))
        found = outside(float(numbers[row]), rules, numbers)
        raise DataError(f"{table.where(row)}: the score in column {name[:60]!r} is {found}")
    return numbers, findings


def _item_ids(
    table: RawTable, roles: LongRoles, model_of: NDArray[np.intp]
) -> tuple[list[str], list[Finding]]:
    """Return item ids, with the benchmark or subject before them where ids have several."""
    ids = table.ids(roles.item)
    for name in (roles.benchmark, roles.subject):
        if name is None:
            continue
        of_row = ["" if is_unknown(one) else str(one) for one in table.columns[name]]
        groups: dict[str, set[str]] = {}
        for one, group in zip(ids, of_row, strict=True):
            if group:
                groups.setdefault(one, set()).add(group)
        several = [one for one, found in groups.items() if len(found) > 1]
        if several and not _is_of_models(of_row, model_of):
            what = f"item ids stand for several items; they are called {name}/{roles.item}"
            said = Finding("guessed", what, len(several), tuple(several[:3]))
            return _qualified(table, name, ids, of_row, groups), [said]
    return ids, []


def _is_of_models(of_row: Sequence[str], model_of: NDArray[np.intp]) -> bool:
    """Say whether a column has one value per model, so that it is of models, not of items."""
    pairs = {(int(m), value) for m, value in zip(model_of, of_row, strict=True) if value}
    return len(pairs) == len({model for model, _ in pairs})


def _qualified(
    table: RawTable,
    name: str,
    ids: Sequence[str],
    of_row: Sequence[str],
    groups: Mapping[str, set[str]],
) -> list[str]:
    qualified = []
    for row, (one, group) in enumerate(zip(ids, of_row, strict=True)):
        known = groups.get(one, set())
        if not group and len(known) != 1:
            raise DataError(
                f"{table.where(row)}: item {shown(one)} has no {name}, while others of its id have "
                f"{len(known)}; fill it in"
            )
        qualified.append(f"{group or next(iter(known))}/{one}")
    return qualified


def _tell_repeats(
    table: RawTable,
    cell: NDArray[np.intp],
    roles: LongRoles,
    average: bool,
    models: Sequence[str],
    items: Sequence[str],
) -> str:
    """Return what tells rows of one cell apart, empty if there are none, or raise."""
    order = np.argsort(cell, kind="stable")
    if not (cell[order][1:] == cell[order][:-1]).any():
        return ""
    key = cell
    for name in roles.trials:
        number, distinct = encode([str(one) for one in table.columns[name]])
        key = key * len(distinct) + number
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if again.size and not average:
        first, second = (int(order[again[0] + k]) for k in (0, 1))
        model, item = divmod(int(cell[second]), len(items))
        raise DataError(
            f"{table.where(second)}: model {shown(models[model])} has a score on item "
            f"{shown(items[item])} already, at {table.where(first)}; {_apart(table, key, roles)}"
        )
    return "--repeats average" if again.size else " and ".join(map(repr, roles.trials))


def _apart(table: RawTable, key: NDArray[np.intp], roles: LongRoles) -> str:
    """Return advice on rows of one cell: the columns that would tell them apart, if any would."""
    taken = {*roles.trials, *roles.identity, roles.model, roles.item, roles.score, roles.benchmark}
    names = separating(table, key, [one for one in table.columns if one not in taken])
    average = "or average them (--repeats average)"
    ids = [
        one
        for one in table.columns
        if one not in taken
        and plain(one) in (*ALIASES["item"], *WEAK["item"])
        and len(np.unique(key * len(table) + encode(list(map(str, table.columns[one])))[0]))
        == len(table)
    ]
    if ids:
        return (
            f"say --item-column {ids[0][:60]!r} if it names the items, remove one, or average them "
            "(--repeats average)"
        )
    if not names:
        return (
            "remove one, tell repeats apart by a column 'repeat', 'epoch' or 'trial' "
            f"(--trial-column), {average}"
        )
    first = names[0][:60]
    listed = ", ".join(repr(one[:60]) for one in names[:3])
    return (
        f"column{'s' * (len(names) > 1)} {listed} would tell such rows apart: say "
        f"--benchmark-column {first!r} if it names what items are of, --trial-column {first!r} if "
        f"it tells trials apart, {average}"
    )


def _item_notes(
    table: RawTable, roles: LongRoles, item_of: NDArray[np.intp], items: Sequence[str]
) -> Notes:
    notes: dict[str, dict[str, object]] = {}
    columns = {name: name for name in NOTES if name in table.columns}
    columns |= {
        key: name
        for key, name in (("benchmark", roles.benchmark), ("subject", roles.subject))
        if name is not None
    }
    for key, name in columns.items():
        if name in (roles.model, roles.item, roles.score):
            continue
        known: dict[str, object] = {}
        for row, value in enumerate(table.columns[name]):
            item = items[item_of[row]]
            if not is_unknown(value) and known.setdefault(item, value) != value:
                if key != name:  # no name of its own: it may not be about items
                    known = {}
                    break
                raise DataError(
                    f"{table.where(row)}: item {shown(item)} has {name} {shown(value)}, but "
                    f"{shown(known[item])} in an earlier row; make them agree"
                )
        if known:
            notes[key] = known
    return notes
