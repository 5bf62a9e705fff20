"""How much of the prediction within the range is kernel ridge: as much as left-out models say.

The share is the one with which kernel ridge and kriging together predict left-out source models
best, shrunk towards 0 because only long histories determine it (Wolpert 1992, stacked
generalisation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.estimators.kriging import Kriging
from tinyeval.estimators.regression import fit_kernel_ridge
from tinyeval.groups import fold_numbers, number_groups
from tinyeval.history import History
from tinyeval.selection.base import Anchors

FOLDS = 5
"""Number of folds of source models that weigh kernel ridge against kriging."""

DOUBT = 20
"""Weight, in source models, of the prior that the share of kernel ridge is 0."""

MANY = 1000
"""With more source models, a single fold is used, and it learns from at most twice this number."""

LONG_HISTORY = 100
"""Fewest source models with which folds can tell a better predictor from a luckier one."""


def kernel_shares(
    history: History,
    anchors: Anchors,
    krige: Callable[[History], Kriging],
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Return the shares of kernel ridge, beside kriging, that predict left-out models best.

    The shares, beside kriging of the answers alone and of answers and soft scores, are
    least-squares fits over FOLDS folds (over a single fold of more than MANY models), shrunk to 0
    by DOUBT.  Anchors and item parameters are kept, so a fold costs a fraction of a fit.  Groups of
    models stay together, as in the calibration.
    """
    n, none = history.responses.n_models, np.zeros(len(history.targets.names))
    fold = fold_numbers(number_groups(history.responses.models, history.groups, rng), FOLDS)
    if n < LONG_HISTORY or fold.max() + 1 < FOLDS:  # few models, or few groups of them
        return none, none
    enough = rng.permutation(n) < 2 * MANY * FOLDS / (FOLDS - 1)
    answers = history.answers(history.positions(anchors.items))
    steps: list[list[tuple[Array, Array]]] = [[], []]
    for k in range(FOLDS if n <= MANY else 1):
        part, out = history.take((fold != k) & enough), fold == k
        linear, kernel = krige(part), fit_kernel_ridge(part, anchors, rng=rng)
        bent, truth = kernel.predict(answers[out]).mean, history.target_values[out]
        readings = [linear.predict(answers[out])]
        if history.responses.soft is not None:
            known = history.responses.take(out).soft_on(anchors.items)
            readings.append(linear.predict(answers[out], known))
        for found, reading in zip(steps, readings, strict=False):
            found.append((bent - reading.mean, truth - reading.mean))
    return _best_share(steps[0]), _best_share(steps[1] or steps[0])


def _best_share(folds: Sequence[tuple[Array, Array]]) -> Array:
    """Share of a step that takes off most of the errors, shrunk to 0, shape (targets,)."""
    step, error = (np.concatenate(one) for one in zip(*folds, strict=True))
    doubt = DOUBT * (step**2).mean(0) + 1e-12
    return np.clip((step * error).sum(0) / ((step**2).sum(0) + doubt), 0.0, 1.0)


def share_of(
    answers: NDArray, soft: NDArray | None, share: Array, soft_share: Array | None
) -> Array:
    """Return the share of kernel ridge of every model, shape (models, targets) or (targets,).

    Args:
        answers: shape (models, anchors), NaN where unanswered.
        soft: soft scores of the same answers; None: of none.
        share, soft_share: shares without soft scores, and with one of every answer.
    """
    if soft_share is None or soft is None:
        return share
    given = ~np.isnan(answers)
    known = (given & ~np.isnan(soft)).sum(axis=1) / np.maximum(given.sum(axis=1), 1)
    return np.asarray(share + known[:, None] * (soft_share - share))
