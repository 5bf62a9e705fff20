"""Items that speak against the rest: who scores high elsewhere scores low on them.

The correlation of an item's scores with the rest of its benchmark is negative where its key is
wrong or its marks are turned round.  An item is flagged where that is too sure to be chance, by the
false discovery rule of Benjamini and Hochberg (1995) over all items.

An item's rest are the items of the other folds, so that it is no part of it.  Of the rest's scores
the ranks count: one model far below all others then says no more than one model can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.responses import ResponseMatrix

FOLDS = 10
OWN = 30
"""Items of a benchmark from which on its items are compared with it alone."""

MIN_MODELS = 10
"""Fewest models whose answers to an item say anything of its correlation."""

MARGIN = 0.05
"""Correlation below zero that is not worth a word: groups of items differ in what they ask."""

FALSE = 0.01
"""Share of the flagged items that may be flagged falsely, were every item unrelated to the rest."""

CELLS = 2**21
"""Cells that are worked on at a time."""

Array = NDArray[np.float64]


class Against(NamedTuple):
    """An item that speaks against the rest.

    Attributes:
        item: its id.
        correlation: of its scores with the ranks of the models on the rest.
        error: standard error of the correlation.
    """

    item: str
    correlation: float
    error: float

    def __str__(self) -> str:
        return f"{self.item!r} ({self.correlation:.2f} ± {self.error:.2f})"


def speak_against(responses: ResponseMatrix) -> tuple[Against, ...]:
    """Return the items that speak against the rest, the surest first.

    Args:
        responses: of models that are no copies of one another.
    """
    correlation, n = item_rest(responses)
    with np.errstate(invalid="ignore"):
        above = np.arctanh(np.clip(correlation, -0.999999, 0.999999)) + np.arctanh(MARGIN)
        z = above * np.sqrt(np.maximum(n - 3, 0))
    known = np.flatnonzero((n >= MIN_MODELS) & np.isfinite(z))
    order = known[np.argsort(z[known], kind="stable")]
    tail = np.array([0.5 * math.erfc(-one / math.sqrt(2)) for one in z[order]])
    passes = np.flatnonzero(tail <= FALSE * np.arange(1, len(order) + 1) / max(len(order), 1))
    flagged = order[: passes[-1] + 1] if len(passes) else order[:0]
    error = (1 - correlation**2) / np.sqrt(np.maximum(n - 3, 1))
    ids = responses.items.ids
    return tuple(Against(ids[k], float(correlation[k]), float(error[k])) for k in flagged)


def item_rest(responses: ResponseMatrix) -> tuple[Array, NDArray[np.intp]]:
    """Return each item's correlation with the rest, and the number of models behind it.

    Returns:
        Shapes (items,); NaN where the item's scores do not vary.
    """
    scores = responses.scores
    correlation = np.full(responses.n_items, np.nan)
    n = np.zeros(responses.n_items, dtype=np.intp)
    blocks = _benchmarks(responses)
    means = np.concatenate([_means(scores[:, cut]) for cut in _columns(scores.shape)])
    fold = np.random.default_rng(0).permutation(responses.n_items) % FOLDS
    for rest_of, items in blocks:
        sums = _fold_sums(scores, means, fold, rest_of)
        for k in range(FOLDS):
            total, count = sums[:, :, [one for one in range(FOLDS) if one != k]].sum(axis=2)
            rank = _ranks(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))
            mine = items[fold[items] == k]
            for cut in _columns((len(scores), len(mine))):
                correlation[mine[cut]], n[mine[cut]] = _correlate(scores[:, mine[cut]], rank)
    return correlation, n


def _benchmarks(responses: ResponseMatrix) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return (items of the rest, items that are compared with it): benchmarks, or all together."""
    names, of = np.unique(
        responses.items.column("benchmark", "benchmark").astype(str), return_inverse=True
    )
    groups = [np.flatnonzero(of == k) for k in range(len(names))]
    own = [(group, group) for group in groups if len(group) >= OWN]
    small = [group for group in groups if len(group) < OWN]
    if small:
        own.append((np.arange(responses.n_items), np.concatenate(small)))
    return own


def _columns(shape: tuple[int, ...]) -> Sequence[slice]:
    step = max(1, CELLS // max(1, shape[0]))
    return [slice(start, min(start + step, shape[1])) for start in range(0, shape[1], step)]


def _means(part: NDArray) -> Array:
    """Return the mean of every column, 0 of one without scores."""
    known = ~np.isnan(part)
    count = known.sum(axis=0)
    total = np.where(known, part, 0).sum(axis=0, dtype=np.float64)
    return total / np.maximum(count, 1)


def _fold_sums(
    scores: NDArray, means: Array, fold: NDArray[np.intp], items: NDArray[np.intp]
) -> Array:
    """Return sums of scores above the items' means, and numbers of them, (2, models, folds)."""
    sums = np.zeros((2, len(scores), FOLDS))
    for k in range(FOLDS):
        mine = items[fold[items] == k]
        for cut in _columns((len(scores), len(mine))):
            part = scores[:, mine[cut]]
            known = ~np.isnan(part)
            sums[0, :, k] += np.where(known, part - means[mine[cut]], 0).sum(axis=1)
            sums[1, :, k] += known.sum(axis=1)
    return sums


def _ranks(values: Array) -> Array:
    """Return ranks from 0 to 1, the mean of them where values are equal; NaN of NaN."""
    known = np.flatnonzero(~np.isnan(values))
    found = np.full(len(values), np.nan)
    _, which, count = np.unique(values[known], return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    found[known] = ((last - (count - 1) / 2.0)[which] - 0.5) / max(len(known), 1)
    return found


def _correlate(part: NDArray, rank: Array) -> tuple[Array, NDArray[np.intp]]:
    """Return the correlation of every column with the ranks, and the models that it is of."""
    there = ~np.isnan(rank)
    known = ~np.isnan(part) & there[:, None]
    y, w = np.where(known, part, 0).astype(np.float64), known.astype(np.float64)
    x = np.where(there, rank - 0.5, 0)
    n = w.sum(axis=0)
    some = np.maximum(n, 1)
    mean_x, mean_y = x @ w / some, y.sum(axis=0) / some
    covariance = x @ y / some - mean_x * mean_y
    variance = ((x * x) @ w / some - mean_x**2) * ((y * y).sum(axis=0) / some - mean_y**2)
    sure = variance > 1e-12
    correlation = np.full(len(n), np.nan)
    correlation[sure] = covariance[sure] / np.sqrt(variance[sure])
    return correlation, n.astype(np.intp)
