"""Shared by several estimators: source models' arrays, weights, the link to external targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import times
from tinyeval.errors import FitError
from tinyeval.history import History
from tinyeval.selection.base import Anchors

SMALLEST_SPREAD = 1e-6
"""Spread of a score that is known exactly, because every item was answered."""


class SourceArrays(NamedTuple):
    """The source models' scores on the anchors.

    Attributes:
        scores: scores, missing ones filled in, shape (models, anchors).
        targets: targets, shape (models, targets).
        mean: mean of the scores, shape (anchors,).
        cov: covariance of the scores, shrunk towards its diagonal, shape (anchors, anchors).
    """

    scores: Array
    targets: Array
    mean: Array
    cov: Array


def source_arrays(history: History, anchors: Anchors) -> SourceArrays:
    """Return the source models' scores on the anchors, and their moments.

    Raises:
        FitError: there is only one source model.
    """
    if history.responses.n_models < 2:
        raise FitError("a regression needs at least 2 source models, found 1")
    scores = history.answers(history.positions(anchors.items))
    return moments(scores, history.target_values)


def moments(scores: Array, targets: Array) -> SourceArrays:
    """Return scores and targets of the source models with the scores' moments.

    Args:
        scores: shape (models, anchors).
        targets: shape (models, targets).
    """
    cov = np.atleast_2d(np.cov(scores, rowvar=False, bias=True))
    # Without 1e-4, items that every source model answered alike would make it singular.
    cov = 0.7 * cov + np.diag(0.3 * np.diag(cov) + 1e-4)
    return SourceArrays(scores, targets, scores.mean(axis=0), cov)


@dataclass(frozen=True)
class Link:
    """Affine map from the mean over items to the target; the identity unless a column holds it.

    Attributes:
        offset, slope, variance: coefficients and residual variance of the regression over source
            models, each of shape (targets,).
    """

    offset: Array
    slope: Array
    variance: Array


def fit_link(history: History) -> Link:
    """Fit external targets by least squares on the means over their items, over source models."""
    targets = len(history.targets.names)
    offset, slope, variance = np.zeros(targets), np.ones(targets), np.zeros(targets)
    for t in np.flatnonzero(history.targets.external):
        x = times(history.filled, history.targets.weights[t])
        y = history.target_values[:, t]
        spread = x.var()
        slope[t] = ((x - x.mean()) * y).mean() / spread if spread > 0 else 0.0
        offset[t] = y.mean() - slope[t] * x.mean()
        variance[t] = ((y - offset[t] - slope[t] * x) ** 2).mean()
    return Link(offset, slope, variance)


def normalised(weights: Array) -> Array:
    """Scale rows to sum 1; rows of zeros stay as they are."""
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0))


def own_weights(weights: NDArray) -> Array:
    """Return weights whose rows sum to 1; a row of zeros gets the overall target's weights.

    Args:
        weights: weights of some items in the targets, overall first, shape (targets, items).
    """
    own = np.where(weights.any(axis=1, keepdims=True), weights, weights[:1])
    return normalised(np.where(own.any(axis=1, keepdims=True), own, 1.0))
