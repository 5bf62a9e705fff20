"""Models and items that are the mean, the sum or the best of all others, and are named so.

A row 'Average' or 'Oracle' taken for a model, or an item 'overall' of a long table, follows from
the rest.  A name alone is no proof: numbers that follow are left out and said, others in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.aliases import plain
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Finding
from tinyeval.importers.columnnames import SUMMARY
from tinyeval.importers.longtable import LongRoles
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.repeats import encode
from tinyeval.importers.scales import options
from tinyeval.importers.summaries import CLOSE, FEW, ROUNDED

MEANS = frozenset(
    {"average", "avg", "mean", "overall", "total", "macro_avg", "micro_avg", "macro_average"}
    | {"micro_average", "mean_score", "avg_score", "average_score", "overall_score", "median"}
    | {"total_score", "aggregate", "all_models", "all_tasks", "all_items"}
)
"""Plain names that no true model or item has."""

BEST = frozenset(
    {"oracle", "max", "maximum", "min", "minimum", "best", "worst", "random", "random_guess"}
    | {"random_guessing", "random_baseline", "chance", "sum", "upper_bound", "lower_bound"}
)
"""Plain names of models that are made of all others, or of none."""

MOST = 0.9
"""Share of the items on which a mean must fit; other columns may be sizes and dates."""

Numbers = NDArray[np.float64]


class Others(NamedTuple):
    """What the rest has in each place: sum, number, least and greatest of the known scores."""

    total: Numbers
    known: Numbers
    low: Numbers
    high: Numbers


def leave_out_models(
    ids: Sequence[str], scores: NDArray[np.float32], rules: Rules
) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Say which rows of a wide table are models.

    Args:
        ids: of the rows.
        scores: (rows, columns).
        rules: ``keep`` and ``drop`` decide.

    Returns:
        A mask of the rows, and findings of those left out or in doubt.
    """
    dropped = [k for k, one in enumerate(ids) if one in rules.drop]
    named = [k for k in _named(ids, MEANS | BEST, rules) if k not in dropped]
    models = np.ones(len(ids), dtype=bool)
    models[[*dropped, *named]] = False
    if not named:
        return models, _told(ids, [], [], dropped, "model")
    rest = scores[models].astype(np.float64)
    known = ~np.isnan(rest)
    others = Others(
        np.sum(rest, axis=0, where=known),
        known.sum(axis=0).astype(np.float64),
        np.min(rest, axis=0, where=known, initial=np.inf),
        np.max(rest, axis=0, where=known, initial=-np.inf),
    )
    sure = [k for k in named if follows(scores[k].astype(np.float64), others)]
    doubt = [k for k in named if k not in sure]
    models[doubt] = True
    return models, _told(ids, sure, doubt, dropped, "model")


def leave_out_rows(
    table: RawTable, roles: LongRoles, rules: Rules
) -> tuple[RawTable, list[Finding]]:
    """Return a long table without the rows of models and items that are summaries.

    Raises:
        DataError: an item is called so, but its scores do not follow from the others.
    """
    items = table.columns[roles.item]
    models = [""] * len(table) if roles.model is None else table.columns[roles.model]
    distinct = [list(dict.fromkeys(map(str, ids))) for ids in (items, models)]
    chosen = set(rules.drop).intersection((*distinct[0], *distinct[1]))
    suspects = [
        *_named(distinct[0], SUMMARY | MEANS, rules),
        *_named(distinct[1], MEANS | BEST, rules),
    ]
    if not (suspects or chosen) or len((marks := table.marks(roles.score)).wrong):
        return table, []
    item_of, item_ids = encode(list(map(str, items)))
    model_of, model_ids = encode(list(map(str, models)))
    answers = _Answers(item_of, model_of, item_ids, model_ids, marks.numbers, rules)
    groups = [""] * len(table)
    if roles.benchmark is not None:
        groups = list(map(str, table.columns[roles.benchmark]))
    out, told = answers.judge(encode(groups)[0], str(table.path))
    return (table.only(~out) if out.any() else table), told


class _Answers:
    """Rows of a long table, by model and item."""

    def __init__(
        self,
        item_of: NDArray[np.intp],
        model_of: NDArray[np.intp],
        items: Sequence[str],
        models: Sequence[str],
        numbers: Numbers,
        rules: Rules,
    ) -> None:
        self.item_of, self.model_of, self.numbers = item_of, model_of, numbers
        self.items, self.models, self.rules = items, models, rules
        self.named = _named(items, SUMMARY | MEANS, rules)
        self.led = _named(models, MEANS | BEST, rules)
        self.dropped = [k for k, one in enumerate(items) if one in rules.drop]
        self.gone = [k for k, one in enumerate(models) if one in rules.drop]

    def judge(
        self, groups: NDArray[np.intp], where: str
    ) -> tuple[NDArray[np.bool_], list[Finding]]:
        """Return a mask of the rows to leave out, and findings; raise for items in doubt."""
        by_user = np.isin(self.item_of, self.dropped) | np.isin(self.model_of, self.gone)
        odd = np.isin(self.item_of, self.named) | np.isin(self.model_of, self.led)
        rest = ~odd & ~by_user & ~np.isnan(self.numbers)
        out, sure, doubt = by_user, [], []
        for k in self.named:
            own = (self.item_of == k) & ~by_user & ~np.isin(self.model_of, self.led)
            if all(
                self._is_mean(own & (groups == one), rest, groups == one)
                for one in set(groups[own])
            ):
                sure.append(k)
            elif plain(self.items[k]) in MEANS:
                doubt.append(k)
        if doubt:
            names = [self.items[k] for k in doubt]
            raise DataError(
                f"{where}: may not be an item: {', '.join(repr(one[:40]) for one in names[:3])}: "
                f"the name is that of a summary; {options(names)}"
            )
        follow = [k for k in self.led if self._follows(self.model_of == k, rest, self.item_of)]
        out = out | np.isin(self.item_of, sure) | np.isin(self.model_of, follow)
        told = _told(self.items, sure, [], self.dropped, "item")
        unsure = [k for k in self.led if k not in follow]
        return out, [*told, *_told(self.models, follow, unsure, self.gone, "model")]

    def _is_mean(
        self, own: NDArray[np.bool_], rest: NDArray[np.bool_], group: NDArray[np.bool_]
    ) -> bool:
        return any(self._follows(own, some, self.model_of, CLOSE) for some in (rest, rest & group))

    def _follows(
        self,
        own: NDArray[np.bool_],
        rest: NDArray[np.bool_],
        place: NDArray[np.intp],
        close: float = np.inf,
    ) -> bool:
        own = own & ~np.isnan(self.numbers)
        n = int(place.max()) + 1
        total, count = (_sums(place, self.numbers, own, n), np.bincount(place[own], minlength=n))
        with np.errstate(invalid="ignore", divide="ignore"):
            values = total / count
        low, high = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(low, place[rest], self.numbers[rest])
        np.maximum.at(high, place[rest], self.numbers[rest])
        counts = np.bincount(place[rest], minlength=n).astype(np.float64)
        others = Others(_sums(place, self.numbers, rest, n), counts, low, high)
        return follows(values, others) or correlates(values, others) >= close


def _sums(place: NDArray[np.intp], numbers: Numbers, rows: NDArray[np.bool_], n: int) -> Numbers:
    return np.bincount(place[rows], weights=numbers[rows], minlength=n).astype(np.float64)


def follows(values: Numbers, others: Others) -> bool:
    """Say whether values are the mean, percentage, sum, least or greatest of others, rounded."""
    known = ~np.isnan(values) & (others.known > 1)
    if known.sum() < FEW:
        return False
    total, count, low, high = (one[known] for one in others)
    values, mean = values[known], total / count
    near = ROUNDED * np.maximum(1, np.abs(high))
    means = max(
        float(np.mean(np.abs(values - mean) <= near)),
        float(np.mean(np.abs(values - 100 * mean) <= 100 * near)),
    )
    ends = (np.abs(values - one) <= near for one in (total, low, high))
    return means >= MOST or any(bool(one.all()) for one in ends)


def correlates(values: Numbers, others: Others) -> float:
    """Return the correlation of values with the mean of others; 0 if there is none."""
    known = ~np.isnan(values) & (others.known >= FEW)
    if known.sum() < FEW:
        return 0.0
    mean, values = others.total[known] / others.known[known], values[known]
    spread = float(mean.std() * values.std())
    if not spread > 1e-12:
        return 0.0
    return float(np.mean((mean - mean.mean()) * (values - values.mean()))) / spread


def _named(ids: Sequence[str], names: Iterable[str], rules: Rules) -> list[int]:
    kept = {*rules.keep, *rules.drop}
    return [k for k, one in enumerate(ids) if plain(one) in names and one not in kept]


def _told(
    ids: Sequence[str], sure: list[int], doubt: list[int], dropped: list[int], kind: str
) -> list[Finding]:
    a = "an" if kind == "item" else "a"
    follow = (
        f"{kind}s follow from all others (means, sums ...); --keep NAME reads one as {a} {kind}"
    )
    listed = (
        ("dropped", follow, sure),
        ("dropped", f"{kind}s were left out by --drop", dropped),
        ("doubt", f"{kind}s are called like a summary; --drop NAME leaves one out", doubt),
    )
    return [
        Finding(one, what, len(of), tuple(ids[k] for k in of[:3])) for one, what, of in listed if of
    ]
