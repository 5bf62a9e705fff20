"""What the calibration says of predicted differences: intervals, probabilities, resolution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.intervals import PairCalibration
from tinyeval.compute.arrays import Array


class Difference(NamedTuple):
    """A predicted difference of two scores.

    Attributes:
        difference, lower, upper: the difference and its interval, in [-1, 1].
        probability: probability that the true difference is above 0.
        better, worse: probability that it is above the margin, and below minus the margin.
        within: probability that neither is the case; the three sum to 1.
        resolution: smallest difference that would be decided, at most 1.
    """

    difference: float
    lower: float
    upper: float
    probability: float
    better: float
    worse: float
    within: float
    resolution: float


def differences_of(
    pairs: PairCalibration,
    *,
    difference: Array,
    scale: Array,
    n_shared: NDArray[np.int64],
    beyond: NDArray[np.bool_],
    level: float,
    margin: float,
) -> Array:
    """Return the fields of :class:`Difference` of every pair, (pairs, targets, fields).

    Args:
        pairs: the calibration.
        difference, scale: predicted differences and their scales, shape (pairs, targets).
        n_shared: number of anchors that both models answered, shape (pairs,).
        beyond: mask of the pairs with a model unlike the source models, shape (pairs,).
        level: level of the intervals.
        margin: difference of two scores up to which they count as the same.
    """
    found = np.empty((*difference.shape, len(Difference._fields)))
    kinds, which = np.unique(np.column_stack([n_shared, beyond]), axis=0, return_inverse=True)
    for k, (n, doubtful) in enumerate(kinds.tolist()):
        rows = which.ravel() == k
        centre, where = difference[rows], (scale[rows], n, bool(doubtful))
        half = pairs.half_width(scale[rows], n, level, bool(doubtful))
        better, worse = (pairs.probability(sign * centre, *where, margin) for sign in (1, -1))
        columns = {
            "difference": centre,
            "lower": np.maximum(centre - half, -1.0),
            "upper": np.minimum(centre + half, 1.0),
            "probability": pairs.probability(centre, *where),
            "better": better,
            "worse": worse,
            "within": np.maximum(1.0 - better - worse, 0.0),
            "resolution": pairs.lead(scale[rows], n, level, bool(doubtful)),
        }
        found[rows] = np.stack([columns[name] for name in Difference._fields], axis=-1)
    return found
