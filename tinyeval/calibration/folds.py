"""Which source models a calibration learns from, and which it then predicts.

Random folds, of whole groups where models come in groups, and folds that learn from one end of the
scores and predict the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.groups import fold_numbers, keep_apart, number_groups
from tinyeval.irt.model import Array
from tinyeval.tables import Table

BEYOND = ((0.8, 0.2), (0.6, 0.15))
"""Shares of the models learned from and predicted, at opposite ends, to see the errors beyond."""

ENOUGH_HELD_OUT = 1000
"""Held-out models that tell the quantiles well enough; further random folds are left out."""

MOST_SOURCE = 2000
"""Models that a fold learns from at most: more of them hardly change what it learns."""


class Fold(NamedTuple):
    """Masks of the models learned from and predicted; ``beyond``: not drawn at random."""

    beyond: bool
    source: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


def draw_folds(
    models: Table, score: Array, folds: int, seed: int, groups: str | None = None
) -> Iterator[Fold]:
    """Yield random folds, then those that learn from one end of ``score`` and predict the other.

    Args:
        models: source models, in the order of their ids.
        score: of each, shape (models,).
        folds: number of random folds.
        seed: of the draws.
        groups: column of ``models``; a group stays together.
    """
    n = len(models)
    group = number_groups(models, groups, np.random.default_rng(seed))
    fold, held_out = fold_numbers(group, folds), 0
    for k in range(fold.max() + 1):
        if held_out < ENOUGH_HELD_OUT:
            yield Fold(False, fold != k, fold == k)
            held_out += int((fold == k).sum())
    rank = np.empty(n, dtype=int)
    rank[np.argsort(score, kind="stable")] = np.arange(n)
    for source_share, out_share in BEYOND:
        source, out = max(round(source_share * n), 2), max(round(out_share * n), 1)
        for one, other in ((rank < source, rank >= n - out), (rank >= n - source, rank < out)):
            learned_from, predicted = keep_apart(group, one, other)
            # with a gap between, both sides may be of one group alone
            if learned_from.any() and predicted.any():
                yield Fold(True, learned_from, predicted)


def some_models(models: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """Positions of MOST_SOURCE of the models at most, drawn at random."""
    chosen = np.flatnonzero(models)
    drawn = np.random.default_rng(seed).permutation(len(chosen))[:MOST_SOURCE]
    return np.sort(chosen[drawn])
