"""Bounds on the score that hold at any number of draws, whatever the answers: betting.

Whoever bets that the score lies above (or below) m, with fair odds if m is the score, wins a
capital that exceeds 1 / a with probability a at most, where m is the score (Ville 1939):

    up(m) = prod_k 1 + b_k(m) (t_k - m),      down(m) = prod_k 1 - b_k(m) (t_k - m)

because each t_k has the score as its mean, given the draws before.  Scores m for which
(up + down) / 2 stays below 1 / (1 - level) are kept (Waudby-Smith and Ramdas 2024).  The bets

    b = min(sqrt(2 log(2 / (1 - level)) / (n v)),  CAUTION / largest possible loss)

use only what is known before the draw: v is the variance of the draws so far, begun with PRIOR
draws of the expected variance.
"""

from __future__ import annotations

import math

import numpy as np

from tinyeval.certified.increments import Increments
from tinyeval.compute.arrays import Array

CAUTION = 0.75
"""Largest share of the capital that a bet can lose."""

PRIOR = 10.0
"""Weight of the expected variance, in draws."""

POINTS = 1001
"""Scores that are tried between the smallest and the largest possible one."""


def bounds(found: Increments, level: float) -> tuple[float, float]:
    """Return the smallest and the largest score that is kept, rounded outwards to POINTS.

    Args:
        found: estimates of at least one draw.
        level: probability with which both hold, in (0, 1).
    """
    tried = found.asked + found.unasked * np.linspace(0.0, 1.0, POINTS)
    won = capital(found, level, tried)
    kept = np.flatnonzero(won < -math.log(1 - level))
    if not kept.size:  # as rare as a score outside the bounds
        kept = np.array([int(won.argmin())])
    first, last = max(kept[0] - 1, 0), min(kept[-1] + 1, POINTS - 1)
    return float(tried[first]), float(tried[last])


def capital(found: Increments, level: float, tried: Array) -> Array:
    """Return the logarithm of what is left of a capital of 1 by betting against each score.

    Args:
        found: estimates of the draws.
        level: level at which the stakes aim.
        tried: scores that are bet against, none that the answers rule out.
    """
    stake = np.sqrt(2 * math.log(2 / (1 - level)) / (len(found.value) * _variances(found)))
    up, down = np.zeros(len(tried)), np.zeros(len(tried))
    for k, value in enumerate(found.value):
        below = np.maximum(tried - found.low[k], 1e-12)
        above = np.maximum(found.high[k] - tried, 1e-12)
        up += np.log1p(np.minimum(stake[k], CAUTION / below) * (value - tried))
        down += np.log1p(-np.minimum(stake[k], CAUTION / above) * (value - tried))
    return np.asarray(np.logaddexp(up, down) - math.log(2.0))


def _variances(found: Increments) -> Array:
    """Return the variance expected of every draw from those before it, shape (draws,)."""
    n = len(found.value)
    mean = np.cumsum(found.value) / np.arange(1, n + 1)
    squares = np.r_[0.0, (found.value[1:] - mean[:-1]) ** 2]
    seen = np.r_[0.0, np.cumsum(squares)[:-1]]
    count = np.maximum(np.arange(n) - 1, 0)
    return np.maximum((PRIOR * found.variance + seen) / (PRIOR + count), 1e-12)
