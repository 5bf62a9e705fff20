"""Columns of a wide table that are no items: summaries, sizes, dates, numbers of rows.

A mean of the other columns that is taken for an item becomes the best anchor of all, and the error
that is then reported looks small.  What is certain is left out and said; what is in doubt is
refused until the user says which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.aliases import plain
from tinyeval.importers.block import Finding
from tinyeval.importers.columnnames import SUMMARY, is_fact, is_flag, is_of_some
from tinyeval.importers.scales import options, stand_for_missing
from tinyeval.importers.subsets import subset_means
from tinyeval.importers.summaries import CLOSE, correlation, find_means

ENOUGH = 5
"""Models from which on a column of one value, and columns without any other, say something."""

NAMED = 50
"""Columns in doubt that a message names at most."""


@dataclass(frozen=True)
class Columns:
    """What is known of the columns of numbers, besides the numbers.

    Attributes:
        names: of the columns.
        low, high: least and greatest number, float64; NaN where none is known.
        binary: whether all known numbers are 0 or 1.
        text: rows without a number of those columns that hold no number but text.
    """

    names: Sequence[str]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    binary: NDArray[np.bool_]
    text: dict[int, int] = field(default_factory=dict)


def judge(
    path: Path,
    columns: Columns,
    scores: NDArray[np.float32],
    *,
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
) -> tuple[NDArray[np.bool_], list[Finding]]:
    """Say which columns are items.

    Args:
        path: the file, for messages.
        columns: what is known of them.
        scores: their numbers, (models, columns).
        drop, keep: names that the user calls no items, and items.

    Returns:
        A mask of the columns, and findings of those left out.

    Raises:
        DataError: columns in doubt, with the options that decide; none is left.
    """
    names = list(columns.names)
    sure = {k: "left out by --drop" for k, name in enumerate(names) if name in set(drop)}
    kept = {k for k, name in enumerate(names) if name in set(keep)}
    open_ = [k for k in range(len(names)) if k not in kept and k not in sure]
    found = _Judged(columns, scores, np.array(open_, dtype=np.intp))
    doubt = {k: why for k, why in found.doubt.items() if k not in kept and k not in sure}
    sure |= {k: why for k, why in found.sure.items() if k not in kept}
    doubt = {k: why for k, why in doubt.items() if k not in sure}
    if doubt:
        raise DataError(_in_doubt(path, names, doubt))
    items = np.ones(len(names), dtype=bool)
    items[list(sure)] = False
    if not items.any():
        raise DataError(
            f"{path}: none of {len(names)} columns is an item; --keep NAME reads one as an item"
        )
    return items, _said(names, sure)


class _Judged:
    """Reasons why columns are no items: those that are certain, and those in doubt."""

    def __init__(
        self, columns: Columns, scores: NDArray[np.float32], candidates: NDArray[np.intp]
    ) -> None:
        self.columns, self.scores = columns, scores
        self.plain = [plain(name) for name in columns.names]
        self.fact = [is_fact(name) for name in self.plain]
        flags = [is_flag(name) for name in self.plain]
        self.flag = flags if sum(flags) <= _few(len(flags)) else [False] * len(flags)
        self.sure: dict[int, str] = dict.fromkeys(columns.text, "text")
        self.doubt: dict[int, str] = {}
        known = ~np.isnan(columns.low)
        self.outside = known & ((columns.low < 0) | (columns.high > 1))
        self.odd = self._odd(known)
        self.core = self._core(known)
        named = [k for k in candidates.tolist() if k not in self.sure and known[k]]
        for k in named:
            self._by_name(k)
        self._by_numbers([k for k in named if k not in self.sure])

    def _odd(self, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which columns are of another kind than nearly all the rest."""
        inside = known & ~self.outside
        n, binary = int(inside.sum()), int((self.columns.binary & inside).sum())
        mostly = n >= ENOUGH and binary >= 0.9 * n
        return (inside & ~self.columns.binary) if mostly else np.zeros(len(known), dtype=bool)

    def _core(self, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which columns are items for certain enough to make means of."""
        summary = (name in SUMMARY for name in self.plain)
        named = np.array([any(one) for one in zip(self.fact, self.flag, summary, strict=True)])
        return known & ~self.outside & ~self.odd & ~named

    def _by_name(self, k: int) -> None:
        name = self.plain[k]
        one_value = self.columns.low[k] == self.columns.high[k]
        strange = bool(self.outside[k] or self.odd[k])
        counted = self._counts_rows(k)
        if self.fact[k] and (strange or one_value or counted):
            self.sure[k] = "facts about models"
        elif self.fact[k] or self.flag[k]:
            self.doubt[k] = "its name is that of a fact about models"
        elif counted and (strange or not name):
            self.sure[k] = "numbers of rows"
        elif name in SUMMARY and (strange or self._follows_mean(k)):
            self.sure[k] = "summaries of other columns"
        elif name in SUMMARY or (is_of_some(name) and self.odd[k]):
            self.doubt[k] = "its name is that of a summary"

    def _by_numbers(self, candidates: Sequence[int]) -> None:
        graded = [k for k in candidates if not self.columns.binary[k]]
        for k in find_means(self.columns.names, self.scores, self.core, graded):
            self.sure[k] = "summaries of other columns"
        left = [k for k in graded if k not in self.sure]
        for k in subset_means(self.scores, self.core, left):
            self.sure[k] = "means of some of the other columns"
        n_inside, n_outside = int(self.core.sum()), int(self.outside.sum())
        few_odd = int(self.odd.sum()) <= _few(len(self.odd))
        for k in candidates:
            low, high = self.columns.low[k], self.columns.high[k]
            if k in self.sure or k in self.doubt:
                continue
            if self.outside[k] and n_outside < n_inside:
                column = self.scores[:, k]
                blank = stand_for_missing(column[(column < 0) | (column > 1)])
                self.doubt[k] = f"it runs from {low:g} to {high:g}, others from 0 to 1"
                self.doubt[k] += f" ({blank})" if blank else ""
            elif self.odd[k] and few_odd and self._follows_mean(k):
                self.doubt[k] = "it follows the mean of the other columns"
            elif self.odd[k] and low == high and self._enough(k):
                self.doubt[k] = f"it is {low:g} for all models"

    def _enough(self, k: int) -> bool:
        return self.core.sum() >= ENOUGH and self._known(k).sum() >= ENOUGH

    def _known(self, k: int) -> NDArray[np.bool_]:
        return ~np.isnan(self.scores[:, k])

    def _follows_mean(self, k: int) -> bool:
        return correlation(self.scores, self.core, k) >= CLOSE

    def _counts_rows(self, k: int) -> bool:
        column, n = self.scores[:, k], len(self.scores)
        if n <= 2 or self.columns.high[k] not in (n - 1, n):
            return False
        return any((column == np.arange(start, n + start)).all() for start in (0, 1))


def _said(names: Sequence[str], sure: dict[int, str]) -> list[Finding]:
    findings = []
    for why in dict.fromkeys(sure.values()):
        of = [names[k] for k in sorted(sure) if sure[k] == why]
        what = f"columns are no items ({why}); --keep NAME reads one as an item"
        if why.startswith("left"):
            what = "columns were left out by --drop"
        findings.append(Finding("dropped", what, len(of), tuple(of[:3])))
    return findings


def _in_doubt(path: Path, names: Sequence[str], doubt: dict[int, str]) -> str:
    some = sorted(doubt)[:3]
    reasons = "; ".join(f"column {names[k][:40]!r}: {doubt[k]}" for k in some)
    more = f" ({len(doubt):,} such columns in all)" if len(doubt) > len(some) else ""
    all_of = [names[k] for k in sorted(doubt)[:NAMED]]
    return f"{path}: may not be an item: {reasons}{more}; {options(all_of)}"


def _few(n: int) -> float:
    """Return how many of ``n`` columns are few enough to be something else than the rest."""
    return max(3, 0.02 * n)
