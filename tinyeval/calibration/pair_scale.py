"""The scale of the error of a difference: what two models share cancels, in part.

    scale^2 = (s_a^2 + s_b^2) (1 + r) / 2,    r = (1 + sum_i (y_ai - y_bi)^2) / (1 + e)

with s the estimator's spreads, y the answers on the anchors that both answered and e the sum that
two models of these abilities would have if their answers were otherwise unrelated,
e = sum_i P_ai (1 - P_bi) + P_bi (1 - P_ai).  What the two share cancels, so the error of the
difference of near copies, r well below 1, is smaller than that of unrelated models.  It cancels on
the unasked items in part only: of full cancellation (scale^2 proportional to r) and none, half of
each covers like and unlike pairs equally well (docs/methods.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


def pair_scale(
    spread: NDArray, answers: NDArray, p: NDArray, one: Index, two: Index
) -> NDArray[np.float64]:
    """Return the scale of the errors of differences, shape (pairs, targets).

    Args:
        spread: of the estimates, shape (models, targets).
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
