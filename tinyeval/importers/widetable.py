"""A wide table, one column per item -> a block of scores.

Columns are read a few at a time, so a table of thousands of models and tens of thousands of items
takes little more memory than its scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.aliases import NOTES, plain
from tinyeval.importers.assemble import MOST_TRIALS
from tinyeval.importers.averages import leave_out_models
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Block, Finding, Notes
from tinyeval.importers.columnnames import is_fact
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.repeats import encode, wide_advice
from tinyeval.importers.scales import outside, place, to_scale, told
from tinyeval.importers.suspicious import Columns, judge
from tinyeval.importers.transposed import lies_on_side, may_lie_on_side

COLUMNS_AT_ONCE = 64
"""Columns put into a matrix together; one by one, each cell would be a miss of the cache."""

TEXTS = 3
"""Cells of text, and nothing else, that make a column one of text."""


def wide_block(
    table: RawTable,
    key: str,
    rules: Rules,
    average: bool,
    trials: Sequence[str] = (),
    said: Sequence[Finding] = (),
) -> Block:
    """Interpret a table with one row per model, or, where ``rules`` say so, one per item.

    Args:
        table: the table.
        key: its column of ids.
        rules: of the import.
        average: average rows of one id, instead of refusing them.
        trials: columns that tell rows of one model apart.
        said: what was found in naming the columns.
    """
    names, unnamed = _item_columns(table, key, trials)
    repeated = average or bool(trials)
    ids = table.ids(key) if repeated else table.unique_ids(key, lambda: wide_advice(table, key))
    found = _Matrix(table, names, rules)
    if not (rules.transpose or table.sure):
        models, left = leave_out_models(ids, found.scores, rules)
        said = [*said, *left]
        if not models.all():
            table, ids = table.only(models), [one for one, m in zip(ids, models, strict=True) if m]
            found = _Matrix(table, names, rules)
    findings = [*table.findings, *said, *unnamed, *told(found.kinds, rules, found.scores)]
    if rules.transpose:
        return _turned_round(table, ids, found, rules, findings)
    kept = _items(table, found, rules, findings)
    scores, items = found.scores, found.names
    if not kept.all():
        scores = scores[:, kept]
        items = [name for name, one in zip(items, kept, strict=True) if one]
    findings += _check_side(table, ids, items, key, rules.columns.model)
    _check_range(table, found, kept, rules)
    counted = None
    if repeated:
        ids, scores, counted, joined = _averaged(table, ids, scores, trials, average)
        findings += joined
    if rules.direction == "lower":
        findings.append(_lower(scores))
    return Block(table.path, ids, items, scores, trials=counted, findings=tuple(findings))


def _item_columns(
    table: RawTable, key: str, trials: Sequence[str]
) -> tuple[list[str], list[Finding]]:
    """Return the columns that may be items; an unnamed one that numbers the rows is none."""
    names = [name for name in table.columns if name != key and name not in trials]
    findings = []
    for name in [one for one in names if not one.strip()]:
        values = [str(one) for one in table.columns[name]]
        if all(one.strip() in ("", "None") for one in values):  # after a separator at the end
            names.remove(name)
            findings.append(Finding("dropped", "unnamed columns are empty"))
            continue
        counts = (list(map(str, range(start, start + len(values)))) for start in (0, 1))
        if len(values) < 2 or values not in counts:
            raise DataError(f"{table.path}: the header holds an empty item id")
        names.remove(name)
        findings.append(Finding("dropped", "unnamed columns number the rows"))
    if not names:
        raise DataError(f"{table.path}: expected one column per item beside {key!r}, found none")
    return names, findings


class _Matrix:
    """Columns as numbers between 0 and 1, and what else is in them.

    Attributes:
        names: of the columns.
        scores: float32, (rows, columns).
        about: what is known of the columns.
        kinds: how many cells were written in which way.
    """

    def __init__(self, table: RawTable, names: Sequence[str], rules: Rules) -> None:
        self.table, self.names, self.rules = table, list(names), rules
        shape = len(table), len(names)
        self.scores = np.empty(shape, dtype=np.float32)
        low, high = np.full(shape[1], np.nan), np.full(shape[1], np.nan)
        binary = np.zeros(shape[1], dtype=bool)
        self.text: dict[int, int] = {}
        self.kinds: Counter[str] = Counter()
        for k in range(0, shape[1], COLUMNS_AT_ONCE):
            some = range(k, min(k + COLUMNS_AT_ONCE, shape[1]))
            chunk = np.stack([self._column(j) for j in some])
            part = slice(some.start, some.stop)
            low[part], high[part] = (f.reduce(chunk, axis=1) for f in (np.fmin, np.fmax))
            binary[part] = ((chunk == 0) | (chunk == 1) | np.isnan(chunk)).all(axis=1)
            with np.errstate(over="ignore"):
                self.scores[:, part] = chunk.T
        self.about = Columns(self.names, low, high, binary, self.text)

    def _column(self, k: int) -> NDArray[np.float32] | NDArray[np.float64]:
        name = self.names[k]
        numbers = self.table.numbers(name) if self.rules.scale is None else None
        if numbers is not None:
            return numbers
        marks = self.table.marks(name)
        if len(marks.wrong):
            known = len(self.table) - marks.kinds["blank"]
            fact = is_fact(plain(name)) or name in self.rules.drop
            text = len(marks.wrong) == known >= TEXTS and name not in self.rules.keep
            if not (fact or text):
                raise self.table.no_mark(name, marks.wrong[0], _drop(name))
            self.text[k] = marks.wrong[0]
            return np.full(len(self.table), np.nan)
        if name not in self.rules.drop:
            self.kinds.update(marks.kinds)
        return to_scale(marks, self.rules, place(self.table.path, name))


def _drop(name: str) -> str:
    return f"; --drop {name[:40]!r} if it is no item"


def _items(
    table: RawTable, found: _Matrix, rules: Rules, findings: list[Finding]
) -> NDArray[np.bool_]:
    """Return which columns are items; those that are not become findings."""
    names, text = found.names, found.text
    facts = sum(is_fact(plain(names[k])) or names[k] in rules.drop for k in text)
    if text and 2 * (len(text) - facts) > len(names) - facts:
        k = next(k for k in text if not is_fact(plain(names[k])))
        raise table.no_mark(names[k], text[k], _drop(names[k]))
    if table.sure:
        drop = set(rules.drop)
        return np.array([name not in drop for name in names], dtype=bool)
    kept, dropped = judge(table.path, found.about, found.scores, drop=rules.drop, keep=rules.keep)
    findings += dropped
    return kept


def _check_range(table: RawTable, found: _Matrix, kept: NDArray[np.bool_], rules: Rules) -> None:
    """Raise for the first mark outside [0, 1], with advice that fits all marks."""
    low, high = found.about.low[kept], found.about.high[kept]
    bad = (low < 0) | (high > 1)
    if not bad.any():
        return
    k = int(np.flatnonzero(kept)[np.argmax(bad)])
    column = to_scale(table.marks(found.names[k]), rules, place(table.path, found.names[k]))
    row = int(np.argmax((column < 0) | (column > 1)))
    says = outside(float(column[row]), rules, found.scores[:, kept])
    raise DataError(
        f"{table.where(row)}: the score in column {found.names[k][:60]!r} is {says}; --drop leaves "
        "out columns that are no scores"
    )


def _check_side(
    table: RawTable, ids: Sequence[str], items: Sequence[str], key: str, wanted: str | None
) -> list[Finding]:
    """Refuse, or doubt, a table that lies on its side."""
    told_so = table.sure or key == wanted
    why = "" if told_so else lies_on_side(ids, items, key)
    if why:
        raise DataError(
            f"{table.path}: seems to have items in its rows and models in its columns: {why}; "
            f"--transpose turns it, or --model-column {key!r} says that its rows are models"
        )
    if told_so or not may_lie_on_side(ids, items, key):
        return []
    what = (
        f"table of {len(ids):,} rows and {len(items):,} columns was read as models x items, though "
        "nothing but its shape tells; --transpose turns it"
    )
    return [Finding("doubt", what, 1, (ids[0], items[0]))]


def _turned_round(
    table: RawTable, ids: Sequence[str], found: _Matrix, rules: Rules, findings: list[Finding]
) -> Block:
    """Return the block of a table with items in its rows."""
    RawTable(table.path, {"items": list(ids)}).unique_ids("items")
    notes: dict[str, dict[str, object]] = {}
    models = np.ones(len(found.names), dtype=bool)
    for k, name in enumerate(found.names):
        if name in rules.drop or k in found.text or (plain(name) in NOTES):
            models[k] = False
        if plain(name) in NOTES:
            notes[plain(name)] = dict(zip(ids, table.columns[name], strict=True))
    if not models.any():
        raise DataError(f"{table.path}: expected one column of scores per model, found none")
    left = [n for n, one in zip(found.names, models, strict=True) if not one]
    left = [name for name in left if plain(name) not in NOTES]
    if left:
        findings.append(Finding("dropped", "columns are no models", len(left), tuple(left[:3])))
    likely = np.flatnonzero(models)
    kept, summaries = leave_out_models(
        [found.names[k] for k in likely], found.scores.T[likely], rules
    )
    models[likely[~kept]] = False
    findings += summaries
    _check_range(table, found, models, rules)
    scores = np.ascontiguousarray(found.scores[:, models].T)
    columns = _rows_as_columns(ids, scores)
    kept, dropped = judge(table.path, columns, scores, drop=rules.drop, keep=rules.keep)
    if rules.direction == "lower":
        findings.append(_lower(scores))
    return Block(
        table.path,
        [name for name, one in zip(found.names, models, strict=True) if one],
        [one for one, item in zip(ids, kept, strict=True) if item],
        scores[:, kept],
        _notes_on(notes, {one for one, item in zip(ids, kept, strict=True) if item}),
        findings=(*findings, *dropped),
    )


def _notes_on(notes: Notes, ids: set[str]) -> Notes:
    return {name: {one: v for one, v in of.items() if one in ids} for name, of in notes.items()}


def _rows_as_columns(ids: Sequence[str], scores: NDArray[np.float32]) -> Columns:
    low, high = (f.reduce(scores, axis=0).astype(np.float64) for f in (np.fmin, np.fmax))
    binary = ((scores == 0) | (scores == 1) | np.isnan(scores)).all(axis=0)
    return Columns(list(ids), low, high, binary)


def _averaged(
    table: RawTable,
    ids: Sequence[str],
    scores: NDArray[np.float32],
    trials: Sequence[str],
    average: bool,
) -> tuple[list[str], NDArray[np.float32], NDArray[np.uint16] | None, list[Finding]]:
    """Return one row per id: the means of its rows, and how many they are of."""
    row_of, models = encode(ids)
    if len(models) == len(ids):
        return list(ids), scores, None, []
    if not average:  # a column must tell them apart
        told_by = [tuple(str(table.columns[name][k]) for name in trials) for k in range(len(ids))]
        apart = [f"{one} {by}" for one, by in zip(ids, told_by, strict=True)]
        replace(table, columns={f"model and {', '.join(trials)}": apart}).unique_ids(
            f"model and {', '.join(trials)}"
        )
    shape = len(models), scores.shape[1]
    total, count = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    np.add.at(total, row_of, np.nan_to_num(scores))
    np.add.at(count, row_of, ~np.isnan(scores))
    if count.max(initial=0) > MOST_TRIALS:
        raise DataError(f"{table.path}: a model has more than {MOST_TRIALS:,} rows")
    means = np.full(shape, np.nan, dtype=np.float32)
    np.divide(total, count, out=means, where=count > 0, casting="same_kind")
    what = "rows are more trials of a model; means are taken"
    said = Finding("joined" if average else "guessed", what, len(ids) - len(models))
    return models, means, count.astype(np.uint16), [said]


def _lower(scores: NDArray[np.float32]) -> Finding:
    """Turn scores into 1 - score, in place, and say so."""
    np.subtract(1, scores, out=scores)
    what = "scores, better where lower, were turned into 1 - score"
    return Finding("turned", what, scores.size)
