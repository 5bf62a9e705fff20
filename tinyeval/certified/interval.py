"""The certified interval: Student's t for the weighted mean of uncorrelated estimates.

    score = sum_k l_k t_k,   l_k = Q_k^-2 / sum Q^-2
    variance = max(sum_k l_k^2 (t_k - score)^2 / (1 - l_k),  EXPECTED sum_k l_k^2 v_k)

The first is unbiased for equal weights.  The second is a part of what the expected scores, taken as
probabilities, make one expect: where only rare answers are a surprise, few draws show none of them,
and their scatter alone would promise too much.  A larger variance never makes an interval invalid.
The quantile has 1 / sum l_k^2 - 1 degrees of freedom.

The errors sum_k Q_k^-2 (t_k - true score) have mean 0 for any answers whatever.  That they are near
normal is not certain at few draws: paper_repro/certified.md counts how often the interval holds.
``betting`` gives bounds for which nothing is assumed.
"""

from __future__ import annotations

import numpy as np

from tinyeval.certified.increments import Increments

EXPECTED = 0.75
"""Least variance, in shares of the expected one."""

CERTAIN = 1e-12
"""Weight of the items not asked below which the score is known."""


def student(found: Increments, level: float) -> tuple[float, float, float]:
    """Return score, lower and upper end; none beyond what the answers make certain.

    Args:
        found: estimates of at least two draws.
        level: level of the interval, in (0, 1).
    """
    from scipy.special import stdtrit

    if found.unasked < CERTAIN:
        return found.asked, found.asked, found.asked
    share = found.left**-2.0
    share /= share.sum()
    score = float(share @ found.value)
    scatter = share**2 @ ((found.value - score) ** 2 / np.maximum(1 - share, 1e-9))
    variance = max(float(scatter), EXPECTED * float(share**2 @ found.variance))
    half = float(stdtrit(max(1 / (share @ share) - 1, 1.0), (1 + level) / 2)) * variance**0.5
    low, high = found.asked, found.asked + found.unasked
    score, lower, upper = (min(max(one, low), high) for one in (score, score - half, score + half))
    return score, lower, upper
