"""The scale of the error of a difference: errors that two models share cancel in part.

    scale^2 = (s_a^2 + s_b^2) (1 + r) / 2,    r = (1 + sum_i (y_ai - y_bi)^2) / (1 + e)

with s the estimator's spreads, y the answers on the anchors that both models answered, and e the
expected sum if the two models' answers were independent given their abilities,
e = sum_i P_ai (1 - P_bi) + P_bi (1 - P_ai).  Errors that the two models share cancel, so the
difference of near copies, with r well below 1, has a smaller error than that of unrelated models.
On the unasked items they cancel only in part: halfway between full cancellation (scale^2
proportional to r) and none, the intervals cover like and unlike pairs equally well
(docs/methods.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Index


def pair_scale(
    spread: NDArray, answers: NDArray, p: NDArray, one: Index, two: Index
) -> NDArray[np.float64]:
    """Return the scale of the errors of differences, shape (pairs, targets).

    Args:
        spread: spread of the estimates, shape (models, targets).
        answers: shape (models, anchors), NaN where unanswered.
        p: probabilities of these answers under the IRT model, shape (models, anchors).
        one, two: positions of each pair's models, shape (pairs,).
    """
    squares = (answers[one] - answers[two]) ** 2
    alone = p[one] * (1 - p[two]) + p[two] * (1 - p[one])
    expected = np.where(np.isnan(squares), 0.0, alone).sum(1)
    ratio = (1.0 + np.nansum(squares, axis=1)) / (1.0 + expected)
    variance = spread[one] ** 2 + spread[two] ** 2
    return np.asarray(np.sqrt(variance * (1.0 + ratio[:, None]) / 2.0))
