"""How the error grows with the score: the spread's scale by where a model is predicted to land.

A linear predictor claims the same spread for every model, but how well models are predicted depends
on where they score: near chance, say, better than where the history is thin.  Of held-out models
the mean ratio |error| / spread around a predicted score, in ranks u of predictions,

    scale(u) = (sum_i K(u - u_i) r_i + DOUBT r) / (sum_i K(u - u_i) + DOUBT) / r,

K a normal kernel and r the mean over all, says by how much (locally weighted conformal scores: Lei
et al. 2018, section 5.2, with their scale estimated by a kernel: Nadaraya 1964).  The ratios that
calibrate the interval are divided by the scale that *other* folds give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyeval.compute.arrays import Array

KNOTS = 11
"""Points at which a scale is kept, evenly spaced in ranks."""

REACH = 0.15
"""Standard deviation of the kernel, in ranks."""

DOUBT = 10
"""Imaginary held-out models that speak for the same scale everywhere."""


class Scale(NamedTuple):
    """A scale by predicted score, for some numbers of answers and some targets.

    Attributes:
        at: predicted scores, ascending, shape (sizes, knots, targets).
        value: the scale there, 1 on average, of the same shape.
    """

    at: Array
    value: Array


def fit_scale(mean: Array, ratio: Array) -> Scale:
    """Estimate the scale from held-out models.

    Args:
        mean: predicted, shape (sizes, models, targets).
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
    """Read a scale between its knots, constant beyond them.

    Args:
        at, value: of one number of answers, shape (knots, targets).
        mean: predicted, shape (models, targets).
    """
    gap = np.maximum(np.diff(at, axis=0), 1e-9)
    passed = np.clip((mean[:, None] - at[:-1]) / gap, 0.0, 1.0)  # (models, knots - 1, targets)
    return np.asarray(value[0] + (passed * np.diff(value, axis=0)).sum(axis=1))


def scaled_ratios(folds: Sequence[tuple[Array, Array]]) -> Array:
    """Divide every fold's ratios by the scale of the other folds' models.

    Args:
        folds: predicted means and ratios, both of shape (sizes, models, targets).  A single fold,
            which is one of many models, is divided by its own.

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
