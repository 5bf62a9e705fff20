"""How the error changes with the score: the scale of the spread as a function of predicted score.

A linear predictor gives the same spread to every model, but the error depends on the score: models
near chance, for example, are predicted better than models where the history is thin.  The scale
is the mean ratio |error| / spread of held-out models near a predicted score, in ranks u of
predictions,

    scale(u) = (sum_i K(u - u_i) r_i + DOUBT r) / (sum_i K(u - u_i) + DOUBT) / r,

with K a normal kernel and r the mean ratio of all models (locally weighted conformal scores: Lei
et al. 2018, section 5.2; kernel regression: Nadaraya 1964).  The ratios that calibrate the interval
are divided by the scale estimated on the *other* folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyeval.compute.arrays import Array

KNOTS = 11
"""Number of points at which a scale is stored, evenly spaced in ranks."""

REACH = 0.15
"""Standard deviation of the kernel, in ranks."""

DOUBT = 10
"""Weight, in held-out models, of the prior that the scale is the same everywhere."""


class Scale(NamedTuple):
    """A scale as a function of predicted score, by number of answered anchors and by target.

    Attributes:
        at: predicted scores, ascending, shape (sizes, knots, targets).
        value: scale at these scores, 1 on average, of the same shape.
    """

    at: Array
    value: Array


def fit_scale(mean: Array, ratio: Array) -> Scale:
    """Estimate the scale from held-out models.

    Args:
        mean: predicted targets, shape (sizes, models, targets).
        ratio: |error| / spread, of the same shape.
    """
    n = mean.shape[1]
    # Ties, up to rounding, are ordered by ratio, never by position.
    order = np.lexsort((ratio, np.round(mean, 9)), axis=1)
    knots, ranks = np.linspace(0, 1, KNOTS), (np.arange(n) + 0.5) / n
    kernel = np.exp(-0.5 * ((knots[:, None] - ranks) / REACH) ** 2)
    near = np.einsum("kn,snt->skt", kernel, np.take_along_axis(ratio, order, axis=1))
    average = np.maximum(ratio.mean(axis=1, keepdims=True), 1e-12)
    value = (near / average + DOUBT) / (kernel.sum(axis=1)[:, None] + DOUBT)
    return Scale(at=np.moveaxis(np.quantile(mean, knots, axis=1), 0, 1), value=value)


def scale_of(at: Array, value: Array, mean: Array) -> Array:
    """Interpolate a scale between its knots; beyond them it is constant.

    Args:
        at, value: knots and scale for one number of answers, shape (knots, targets).
        mean: predicted targets, shape (models, targets).
    """
    gap = np.maximum(np.diff(at, axis=0), 1e-9)
    passed = np.clip((mean[:, None] - at[:-1]) / gap, 0.0, 1.0)  # (models, knots - 1, targets)
    return np.asarray(value[0] + (passed * np.diff(value, axis=0)).sum(axis=1))


def scaled_ratios(folds: Sequence[tuple[Array, Array]]) -> Array:
    """Divide every fold's ratios by the scale of the other folds' models.

    Args:
        folds: predicted means and ratios of each fold, both of shape (sizes, models, targets).  A
            single fold, which has many models, is divided by its own scale.

    Returns:
        The ratios of all models side by side.
    """
    divided = []
    for k, (mean, ratio) in enumerate(folds):
        others = [fold for j, fold in enumerate(folds) if j != k and fold[0].shape[1]]
        scale = fit_scale(*map(_join, zip(*(others or [(mean, ratio)]), strict=True)))
        by_size = [scale_of(*one) for one in zip(*scale, mean, strict=True)]
        divided.append(ratio / np.array(by_size).reshape(ratio.shape))
    return _join(divided)


def _join(arrays: Sequence[Array]) -> Array:
    return np.concatenate(arrays, axis=1)
