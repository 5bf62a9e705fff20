"""Measures the baselines of a bank on the held-out models of its calibration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.baselines import Baselines
from tinyeval.compute.arrays import Array
from tinyeval.estimators.common import moments
from tinyeval.estimators.regression import ridge
from tinyeval.learning import Learned, true_targets
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import scaled

DRAWS = 3
"""Draws of random items in every fold."""

LARGE = 200
"""Number of items above which one draw is enough: such means vary little, and ridge takes long."""


class BaselineErrors(NamedTuple):
    """Absolute errors of a fold's held-out models; NaN where the score is not known.

    Attributes:
        history: shape (models,).
        mean, ridge: averaged over draws, shape (sizes, models).
    """

    history: Array
    mean: Array
    ridge: Array


def baseline_errors(
    part: Learned, held_out: ResponseMatrix, sizes: NDArray[np.int64], seed: tuple[int, ...]
) -> BaselineErrors:
    """Predict the held-out models of a fold with each baseline.

    Args:
        part: what was learned in the fold.
        held_out: its held-out models.
        sizes: numbers of items.
        seed: draws the items.
    """
    history, rng = part.history, np.random.default_rng(seed)
    truth = true_targets(part, held_out)[:, 0]
    y = history.target_values[:, :1]
    total = history.responses.n_items
    draws = np.array([rng.permutation(total)[: sizes[-1]] for _ in range(DRAWS)])  # (draws, items)
    ids = history.responses.items.ids
    places, where = np.unique(draws, return_inverse=True)
    source = history.answers(places)
    asked = held_out.align([ids[k] for k in places]).astype(np.float64)
    where = where.reshape(draws.shape)
    weight = history.targets.weights[0][places]
    mean, regression = np.full((2, len(sizes), len(truth)), np.nan)
    for k, size in enumerate(np.minimum(sizes, total)):
        few = where[: DRAWS if size <= LARGE else 1, :size]
        mean[k] = np.mean([_off(_mean(asked[:, c], weight[c], y), truth) for c in few], axis=0)
        fitted = [(ridge(moments(source[:, c], y)), c) for c in few]
        regression[k] = np.mean(
            [_off(one.predict(asked[:, c]).mean[:, 0], truth) for one, c in fitted], axis=0
        )
    return BaselineErrors(_off(np.full(len(truth), y.mean()), truth), mean, regression)


def summarise(folds: list[BaselineErrors], sizes: NDArray[np.int64]) -> Baselines:
    """Return the mean errors over all held-out models whose scores are known."""
    history = np.concatenate([one.history for one in folds])
    mean = np.concatenate([one.mean for one in folds], axis=1)
    regression = np.concatenate([one.ridge for one in folds], axis=1)
    return Baselines(
        float(np.nanmean(history)),
        {int(n): float(np.nanmean(errors)) for n, errors in zip(sizes, mean, strict=True)},
        {int(n): float(np.nanmean(errors)) for n, errors in zip(sizes, regression, strict=True)},
    )


def _mean(answers: Array, weight: Array, y: Array) -> Array:
    """Mean of each model's answers with the items' weights; the history's mean if there is none."""
    there = ~np.isnan(answers)
    weights = there * scaled(weight)
    total = weights.sum(1)
    found = (weights * np.where(there, answers, 0.0)).sum(1) / np.maximum(total, 1e-12)
    return np.where(total > 0, found, y.mean())


def _off(predicted: Array, truth: Array) -> Array:
    return np.asarray(np.abs(predicted - truth))
