"""Which items are drawn for a model, one after another, each from those that are left.

The chance of an item is proportional to its weight and to the standard deviation expected of its
score, mixed with a share u for which only the weight counts:

    q_i = (1 - u) w_i s_i / sum_j w_j s_j + u w_i / sum_j w_j,    s_i = sqrt(p_i (1 - p_i))

With known p this is the best choice (Neyman 1934); the share u bounds what a surprise can cost.
Drawing without replacement, in each step in proportion to q among the items left, is the same as
sorting by E_i / q_i with exponential E_i (Efraimidis and Spirakis 2006).  The E_i come from a hash
of the bank and the model's id, so that anybody can draw again and find the same items.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array, Index

BITS = 64


def chances(expected: Array, weights: Array, free: NDArray[np.bool_], uniform: float) -> Array:
    """Return the chance of each item to be drawn first, shape (items,), sum 1.

    Args:
        expected: expected scores, strictly between 0 and 1.
        weights: weights of the items in the score.
        free: which items can be drawn.
        uniform: share u of the chances for which only the weight counts.
    """
    weight = np.where(free, weights, 0.0)
    uncertain = weight * np.sqrt(expected * (1 - expected))
    return (1 - uniform) * uncertain / uncertain.sum() + uniform * weight / weight.sum()


def draw(chance: Array, n: int, key: str) -> Index:
    """Return the positions of ``n`` items in the order in which they are drawn.

    Args:
        chance: chance of each item to be drawn first; items with 0 are never drawn.
        n: number of draws, at most the number of items with a chance.
        key: text on which the draws depend.
    """
    able = np.flatnonzero(chance > 0)
    times = -np.log(_uniform(key, len(chance))[able]) / chance[able]
    return able[np.argsort(times, kind="stable")[:n]]


def key_of(digest: str, model: str) -> str:
    """Return the text on which the draws for a model depend."""
    return f"tinyeval certify\n{digest}\n{model}"


def _uniform(key: str, n: int) -> Array:
    """Return ``n`` numbers in (0, 1) from a hash: the same on every machine and in every version.

    numpy's generators may draw differently in a later version.
    """
    data = hashlib.shake_256(key.encode("utf-8", "surrogatepass")).digest(n * BITS // 8)
    whole = np.frombuffer(data, dtype="<u8").astype(np.float64)
    return np.asarray((whole + 0.5) / (2.0**BITS + 1.0))
