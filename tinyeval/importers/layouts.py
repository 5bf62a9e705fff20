"""The two layouts of a table: wide and long, and which of its columns is what.

Wide: a column of models and one column per item.  Long: one row per answer, columns of models,
items and scores and perhaps notes on the item (``benchmark``, ``subject``, ``weight``, ``cost``,
``hash``).  Answers of a single model may leave the column of models out; the file's name then names
it.  What the columns may be called is in :mod:`tinyeval.importers.aliases`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.aliases import (
    ALIASES,
    WEAK,
    Found,
    can_be_scores,
    find,
    find_weak,
    plain,
    short,
)
from tinyeval.importers.averages import leave_out_rows
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Block, Finding
from tinyeval.importers.columnnames import is_fact
from tinyeval.importers.longtable import LongRoles, long_block
from tinyeval.importers.modelnames import identity_columns
from tinyeval.importers.nested import unfold
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.transposed import lies_on_side, right_way_round
from tinyeval.importers.widetable import wide_block

NARROW = 24
"""Columns up to which names that mean many things may be those of a long table."""


def to_block(
    table: RawTable, rules: Rules | None = None, score: str | None = None, average: bool = False
) -> Block:
    """Interpret a raw table as a long or a wide one.

    Args:
        table: the raw columns; one of items and one of scores make it long.
        rules: of the import.
        score: name of the score column of a long table.
        average: average several scores of one cell, instead of refusing them.
    """
    rules = rules or Rules()
    if table.nested:
        table, rules = right_way_round(table, rules)
    asked = rules.columns
    if score is not None and asked.score not in (None, score):
        raise ConfigError(
            f"the score column is {score!r} by metric, but {asked.score!r} by --score-column; give "
            "one"
        )
    if table.sure and score is None and not rules.transpose:
        return wide_block(table, next(iter(table.columns)), rules, average)
    if len(table.columns) <= NARROW:
        _check_pairs(table)
        table = unfold(table)
    found = _Roles(table, rules, score)
    if found.is_long():
        roles = found.long()
        table, left = leave_out_rows(table, roles, rules)
        return long_block(table, roles, rules, average, [*found.said(), *left])
    if score is not None and not found.item.names:
        raise ConfigError(
            f"{table.path}: a wide table has one score per cell, but metric={score!r} was given"
        )
    if found.asked_score is not None:
        raise _no_long(table, found)
    key = found.key()
    trials = found.trials((key,)) if _repeats(table, key) else ()
    if _repeats(table, key) and not found.has_marks(key):
        raise _no_long(table, found)
    return wide_block(table, key, rules, average, trials, found.said())


def _check_pairs(table: RawTable) -> None:
    """Raise for comparisons of two models, which are no marks of either."""
    if {"model_a", "model_b"} <= {plain(one) for one in table.columns}:
        raise DataError(
            f"{table.path}: compares two models in each row (model_a, model_b), and says which is "
            "better, not what each scores; give marks of single answers, or compare all models "
            "with one and take the outcome as the mark"
        )


class _Roles:
    """Which columns may be what."""

    def __init__(self, table: RawTable, rules: Rules, score: str | None) -> None:
        self.table, self.asked, self.rules = table, rules.columns, rules
        self.asked_score = score if score is not None else self.asked.score
        self.model = find("model", table, self.asked)
        self.item = find("item", table, self.asked, self.model.names[:1])
        self.score = self._score()
        self._names: dict[str, str] = {}

    def _score(self) -> Found:
        taken = (*self.model.names, *self.item.names)
        if self.asked_score is None:
            return find("score", self.table, self.asked, taken)
        known = self.asked_score in self.table.columns
        return Found((self.asked_score,), True) if known else Found(())

    def is_long(self) -> bool:
        """Say whether there are columns of items and of scores."""
        if self.rules.transpose:
            return False
        narrow = len(self.table.columns) <= NARROW
        if self.asked_score is not None and not self.score.names:
            return False
        if not self.item.names and narrow and self.score.names:
            self.item = self._weak_item()
        if self.item.names and self.score.names:
            return True
        self._check_words()
        if self.item.sure and not self._lies_down():
            raise _no_long(self.table, self)
        if self.score.names == ("score",) and narrow and self._no_wide():
            raise _no_long(self.table, self)
        return False

    def _check_words(self) -> None:
        """Raise for words that are no scores in a column that is called so, if no other is."""
        if not self.item.names or len(self.table.columns) > NARROW:
            return
        taken = (*self.model.names, *self.item.names)
        free = [one for one in self.table.columns if one not in taken]
        called = [one for one in free if plain(one) in ALIASES["score"]]
        if called and not any(can_be_scores(self.table, one) for one in free):
            raise self.table.no_mark(called[0], self.table.marks(called[0]).wrong[0])

    def _lies_down(self) -> bool:
        """Say whether a table with a column of items and none of scores has models for columns."""
        first = next(iter(self.table.columns))
        others = [one for one in self.table.columns if one not in self.item.names]
        numbers = [one for one in others if can_be_scores(self.table, one)]
        return first in self.item.names and bool(numbers) and not self.model.names

    def _weak_item(self) -> Found:
        """Return a column that may be of items, where rows are not one per model."""
        taken = (*self.model.names, *self.score.names)
        many = len(self.table.columns) <= 3 or self._no_wide()
        return find_weak("item", self.table, taken) if many else Found(())

    def _no_wide(self) -> bool:
        return not self.model.names or _repeats(self.table, self.model.names[0])

    def long(self) -> LongRoles:
        """Return the columns of a long table; raise where one is in doubt."""
        item, score = self.item.one("item", self.table), self.score.one("score", self.table)
        if item is None or score is None:
            raise _no_long(self.table, self)
        model = self.model.one("model", self.table)
        if model is None and _repeats(self.table, item):
            model = self._weak_model(item, score)
        taken = tuple(one for one in (item, score, model) if one)
        found = find("benchmark", self.table, self.asked, taken)
        benchmark = found.one("benchmark", self.table)
        taken = (*taken, benchmark) if benchmark else taken
        subject = find("subject", self.table, self.asked, taken)
        roles = {"model": model, "item": item, "score": score, "benchmark": benchmark}
        self._names = {role: name for role, name in roles.items() if name and name != role}
        soft = next(iter(find("soft", self.table, self.asked, taken).names), None)
        taken = (*taken, soft) if soft else taken
        counts = self._counts(taken)
        taken = (*taken, counts) if counts else taken
        identity = identity_columns(self.table, model, taken)
        return LongRoles(
            *(item, score, model, benchmark),
            subject.names[0] if subject.names else None,
            self.trials((*taken, *identity)),
            identity,
            soft,
            counts,
        )

    def _weak_model(self, item: str, score: str) -> str | None:
        """Return a column that may be of models, where items have several rows."""
        taken = [one for one in (item, score, self.asked.benchmark, self.asked.trial) if one]
        found = find_weak("model", self.table, taken)
        if not found.names or (name := found.names[0]) is None:
            return None
        if plain(name) == "run" and can_be_scores(self.table, name):
            return None  # runs that are numbered are trials
        if plain(name) == "subject":
            raise DataError(
                f"{self.table.path}: column {name!r} may name models, or what items are about; say "
                f"--model-column {name!r} or --benchmark-column {name!r}"
            )
        return name

    def _counts(self, taken: tuple[str, ...]) -> str | None:
        """Return the column that says of how many runs each score is the mean."""
        taken = (*taken, self.asked.trial) if self.asked.trial else taken
        return next(iter(find("trials", self.table, self.asked, taken).names), None)

    def trials(self, taken: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns that tell trials apart: all that have such a name."""
        if self.asked.trial is not None:
            return find("trial", self.table, self.asked).names
        free = [one for one in self.table.columns if one not in taken]
        return tuple(one for one in free if plain(one.rpartition(".")[2]) in ALIASES["trial"])

    def key(self) -> str:
        """Return the column of ids of a wide table, or raise."""
        columns = self.table.columns
        first = next(iter(columns))
        if self.rules.transpose:
            return self._named("item", self.item.one("item", self.table) or first)
        if self.model.names:
            return self._named("model", self.model.one("model", self.table) or first)
        if self.model.names[:1] == (first,) or first == "":  # R and pandas leave the corner empty
            return first
        if self.item.names == (first,):
            return first  # it lies on its side, which is said later
        texts = [one for one in list(columns)[:NARROW] if _is_text(self.table, one)]
        unique = [one for one in texts if not _repeats(self.table, one)]
        if unique[:1] == [first] or len(unique) == 1:
            others = [one for one in columns if one != unique[0] and one not in texts]
            if others:
                return self._named("model", unique[0])
        rows = [str(one) for one in columns[first]]
        if lies_on_side(rows, [one for one in columns if one != first], first):
            return first  # which is said later
        raise DataError(
            f"{self.table.path}: expected a wide table (a column of models, one column per item) "
            f"or a long one (columns of models, items and scores), found columns "
            f"{short(columns, 5)}; name them with --model-column, --item-column, --score-column"
        )

    def has_marks(self, key: str) -> bool:
        """Say whether a column beside that of models, ids and facts may have scores."""
        return any(_may_be_marks(self.table, one) for one in self.table.columns if one != key)

    def _named(self, role: str, name: str) -> str:
        if name not in (role, ""):
            self._names[role] = name
        return name

    def said(self) -> list[Finding]:
        """Return what was taken for what, where names do not say it."""
        asked: Mapping[str, str | None] = {**vars(self.asked), "score": self.asked_score}
        guessed = {role: name for role, name in self._names.items() if asked.get(role) != name}
        if not guessed:
            return []
        listed = tuple(f"{name!r} is the {role}" for role, name in guessed.items())
        return [Finding("guessed", "columns were recognised by their names", len(listed), listed)]


def _no_long(table: RawTable, found: _Roles) -> DataError:
    taken = {*found.model.names, *found.item.names}
    some = [one for one in table.columns if one not in taken and _may_be_marks(table, one)]
    wanted = found.asked_score or "score"
    remedy = " or ".join(f"--score-column {one[:40]!r}" for one in some[:3]) or "--score-column"
    if not found.item.names:
        remedy = f"--item-column NAME and {remedy}"
    if not some:
        remedy += ", or, if none holds marks, mark the answers first: a number from 0 to 1 for each"
    return DataError(
        f"{table.path}: expected the columns 'item' and {wanted!r}, found "
        f"{short(table.columns)}; name them with {remedy}"
    )


def _may_be_marks(table: RawTable, name: str) -> bool:
    called = plain(name)
    known = called in ALIASES["item"] or called in WEAK["item"] or is_fact(called)
    return not known and can_be_scores(table, name)


def _repeats(table: RawTable, name: str) -> bool:
    values = table.columns[name]
    return len(set(map(str, values))) < len(values)


def _is_text(table: RawTable, name: str) -> bool:
    values = table.columns[name]
    some = [values[row] for row in range(min(len(values), 50))]
    return all(isinstance(one, str) and one.strip() for one in some) and not can_be_scores(
        table, name
    )
