"""An unbiased estimate of the score from every draw (Des Raj 1956), with expectations that learn.

Let A be the items asked before draw k, R the others, p the scores expected of them, q the chances
and Q = sum of q over R.  Item i is drawn from R with probability q_i / Q, so that

    t_k = sum_A w_j y_j + sum_R w_j p_j + w_i (y_i - p_i) Q / q_i

has the true score as its mean, whatever the answers and the expectations are, and whatever was
drawn before.  So p may be learned from all answers before the draw, and the t_k of different draws
are uncorrelated: the scatter of the t_k estimates their variance without bias.  Drawing from fewer
and fewer items, t_k varies about as Q^2, and 1 / Q^2 is its weight in the mean.  With equal chances
this has nearly the variance of simple random sampling without replacement.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tinyeval.certified.expected import ExpectedScores
from tinyeval.compute.arrays import Array, Index

REFRESHED = 10
"""Number of times that expectations are learned again from the drawn answers so far."""


@dataclass(frozen=True)
class Increments:
    """The estimates of all draws and what bounds them, each of shape (draws,).

    Attributes:
        value: t_k, an unbiased estimate of the score.
        left: Q, the share of the chances that is left before the draw.
        variance: variance of t_k if the expected scores were probabilities of right answers.
        low, high: smallest and largest value that t_k can have, known before the draw.
        asked: sum of w y over all items asked; the score is no lower.
        unasked: sum of w over the others; the score is no higher than ``asked`` + ``unasked``.
    """

    value: Array
    left: Array
    variance: Array
    low: Array
    high: Array
    asked: float
    unasked: float


def increments(
    scores: Array,
    weights: Array,
    anchors: Index,
    drawn: Index,
    chance: Array,
    expected: ExpectedScores,
) -> Increments:
    """Return the estimate of every draw.

    Args:
        scores: answers, shape (items,); those of items that were not asked are not read.
        weights: weights of the items in the score, shape (items,), sum 1.
        anchors: positions of the items that are always asked.
        drawn: positions of the drawn items, in the order of drawing.
        chance: chance of each item to be drawn first, shape (items,).
        expected: expects the scores of items from the answers to others.
    """
    n = len(drawn)
    left = 1.0 - np.r_[0.0, np.cumsum(chance[drawn])[:-1]]
    left = np.maximum(left, chance[drawn])  # rounding, where nearly all items are drawn
    open_ = np.where(chance > 0, weights, 0.0)  # weights of the items not yet asked
    ratio = np.divide(open_, chance, out=np.zeros_like(open_), where=chance > 0)
    known = float(weights[anchors] @ scores[anchors])
    found = np.empty((4, n))
    for start, stop in _blocks(n):
        before = np.r_[anchors, drawn[:start]]
        p = expected.given(before, scores[before])
        least, most = (ratio * p).max(), (ratio * (1 - p)).max()
        for k in range(start, stop):
            i, base = drawn[k], known + open_ @ p
            surprise = (scores[i] - p[i]) * ratio[i] * left[k]
            variance = left[k] * (open_ * ratio) @ (p * (1 - p))
            found[:, k] = base + surprise, variance, base - least * left[k], base + most * left[k]
            known += weights[i] * scores[i]
            open_[i] = ratio[i] = 0.0
    value, variance, low, high = found
    return Increments(value, left, variance, low, high, float(known), float(open_.sum()))


def _blocks(n: int) -> list[tuple[int, int]]:
    """Divide draws into runs; the expectations are refreshed before each."""
    edges = np.unique(np.linspace(0, n, REFRESHED + 1).astype(int)).tolist()
    return list(pairwise(edges))
