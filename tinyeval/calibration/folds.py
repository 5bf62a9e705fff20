"""Folds: which source models a calibration learns from, and which it then predicts.

There are random folds, which hold out whole groups if models come in groups, and folds that learn
from one end of the scores and predict the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.groups import fold_numbers, keep_apart, number_groups
from tinyeval.tables import Table

BEYOND = ((0.8, 0.2), (0.6, 0.15))
"""Shares of the models learned from and predicted, at opposite ends of the scores."""

ENOUGH_HELD_OUT = 1000
"""Held-out models that are enough to estimate the quantiles; no more random folds are drawn."""

MOST_SOURCE = 2000
"""Largest number of models that a fold learns from; more hardly change the result."""


class Fold(NamedTuple):
    """Masks of the models learned from and predicted; ``beyond`` if at opposite ends."""

    beyond: bool
    source: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


def draw_folds(
    models: Table, score: Array, folds: int, seed: int, groups: str | None = None
) -> Iterator[Fold]:
    """Yield random folds, then those that learn from one end of ``score`` and predict the other.

    Args:
        models: source models, in the order of their ids.
        score: score of each model, shape (models,).
        folds: number of random folds.
        seed: seed of the draws.
        groups: column of ``models`` that names groups; a group stays together.
    """
    n = len(models)
    group = number_groups(models, groups, np.random.default_rng(seed))
    fold, held_out = fold_numbers(group, folds), 0
    for k in range(fold.max() + 1):
        if held_out < ENOUGH_HELD_OUT:
            yield Fold(False, fold != k, fold == k)
            held_out += int((fold == k).sum())
    rank = np.empty(n, dtype=int)
    # Scores that tie but for rounding keep the models' order, however they were summed.
    rank[np.argsort(np.round(score, 9), kind="stable")] = np.arange(n)
    for source_share, out_share in BEYOND:
        source, out = max(round(source_share * n), 2), max(round(out_share * n), 1)
        for one, other in ((rank < source, rank >= n - out), (rank >= n - source, rank < out)):
            learned_from, predicted = keep_apart(group, one, other)
            # with a gap between them, both sides may belong to a single group
            if learned_from.any() and predicted.any():
                yield Fold(True, learned_from, predicted)


def some_models(models: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """Return positions of at most MOST_SOURCE of the models, drawn at random."""
    chosen = np.flatnonzero(models)
    drawn = np.random.default_rng(seed).permutation(len(chosen))[:MOST_SOURCE]
    return np.sort(chosen[drawn])
