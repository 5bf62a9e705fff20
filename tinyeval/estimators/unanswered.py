"""Unanswered anchors: a single inverse serves every pattern of missing answers.

Let deviations d from a mean have the covariance C, with P = C^-1, and let a model leave the anchors
M unanswered.  With d = 0 there, and V = P_MM^-1,

    E[d_M | the others] = -V (P d)_M,    Cov(d_M | the others) = V,

and for the anchors S that it did answer

    C_SS^-1 = P_SS - P_SM V P_MS,        log det C_SS = log det C - log det V

(Rue and Held 2005, section 2.2; Schur complements).  So the cost of a pattern depends only on the
anchors left unanswered.  Patterns with equal numbers of unanswered anchors and of models are
treated together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array, Index

CELLS_AT_ONCE = 2_000_000
"""Cells of the matrices V in memory at a time (16 MB)."""


class Alike(NamedTuple):
    """Patterns with equal numbers of unanswered anchors and of models.

    Attributes:
        rows: positions of the models, shape (patterns, models).
        columns: positions of their unanswered anchors, shape (patterns, unanswered).
    """

    rows: Index
    columns: Index

    def block(self, precision: Array) -> Array:
        """Return P_MM of every pattern, shape (..., patterns, unanswered, unanswered)."""
        return precision[..., self.columns[:, :, None], self.columns[:, None, :]]

    def of(self, values: Array) -> Array:
        """Return the values of every model on its unanswered anchors.

        Args:
            values: shape (..., models, anchors).

        Returns:
            Array of shape (..., patterns, models, unanswered).
        """
        return values[..., self.rows[:, :, None], self.columns[:, None, :]]


def alike(missing: NDArray[np.bool_], matrices: int = 1) -> Iterator[Alike]:
    """Yield the models with unanswered anchors, by pattern.

    Args:
        missing: True where unanswered, shape (models, anchors).
        matrices: number of matrices that each pattern will need.
    """
    incomplete = np.flatnonzero(missing.any(axis=1))
    if incomplete.size < 2:
        yield from (
            Alike(one[None], np.nonzero(missing[one])[1][None]) for one in incomplete[:, None]
        )
        return
    bits = np.packbits(missing[incomplete], axis=1)
    keys = bits.view(np.dtype((np.void, bits.shape[1]))).ravel()
    _, first, which, count = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    order = incomplete[np.argsort(which, kind="stable")]
    start, pattern = np.cumsum(count) - count, missing[incomplete[first]]
    kinds, kind = np.unique(
        np.column_stack([pattern.sum(axis=1), count]), axis=0, return_inverse=True
    )
    for k, (lacking, models) in enumerate(kinds.tolist()):
        same = np.flatnonzero(kind.ravel() == k)
        size = max(1, CELLS_AT_ONCE // (matrices * lacking**2))
        for chosen in (same[i : i + size] for i in range(0, len(same), size)):
            rows = order[start[chosen][:, None] + np.arange(models)]
            yield Alike(rows, np.nonzero(pattern[chosen])[1].reshape(len(chosen), lacking))


def fill_unanswered(answers: NDArray, mean: Array, precision: Array) -> Array:
    """Replace unanswered anchors by their expectation given the answered anchors.

    Args:
        answers: shape (models, anchors), NaN where unanswered.
        mean: mean of the anchors over source models, shape (anchors,).
        precision: inverse of their covariance, shape (anchors, anchors).

    Returns:
        float64 array of the same shape without NaN, the filled cells clipped to [0, 1].
    """
    filled = np.array(answers, dtype=np.float64)
    missing = np.isnan(filled)
    if not missing.any():
        return filled
    pull = np.where(missing, 0.0, filled - mean) @ precision
    for one in alike(missing):
        step = one.of(pull) @ np.linalg.inv(one.block(precision))
        expected = np.clip(mean[one.columns][:, None] - step, 0.0, 1.0)
        filled[one.rows[:, :, None], one.columns[:, None, :]] = expected
    return filled


def unanswered_variance(missing: NDArray[np.bool_], precision: NDArray, gradient: Array) -> Array:
    """Variance of a prediction due to unanswered anchors, to first order.

    Args:
        missing: True where unanswered, shape (models, anchors).
        precision: inverse of the covariance of the anchors, shape (anchors, anchors).
        gradient: derivative of the targets by the anchors, shape (models, anchors, targets).

    Returns:
        Array of shape (models, targets).
    """
    variance = np.zeros((len(missing), gradient.shape[2]))
    for one in alike(missing):
        left = np.linalg.inv(one.block(precision))[:, None]
        open_ = gradient[one.rows[:, :, None], one.columns[:, None, :]]
        variance[one.rows] = (open_ * (left @ open_)).sum(axis=2)
    return np.maximum(variance, 0.0)
