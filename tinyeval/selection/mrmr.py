"""mRMR: items of maximal relevance to the score and minimal redundancy with each other.

Greedily take the item with the largest

    quotient   R_i / (mean_j I(x_i; x_j) + 1e-10)        difference   R_i - mean_j I(x_i; x_j)

over the items j chosen so far, with relevance R_i = I(x_i; score) and I the mutual information
over source models (Ding and Peng 2005; with kernel ridge on benchmarks: mrmr_eval 2026).  An
item's scores have a few levels and the overall score is continuous, the case of Ross (2014):

    I = psi(M) + < psi(k_m) - psi(n_m) - psi(c_m) >    averaged over models m,

where n_m models are on the level of m, k_m = min(5, n_m - 1), and c_m models, including m, are
strictly nearer in score than the k_m-th neighbour of m on its own level.  For items with many
levels, R_i is the estimate of Kraskov, Stogbauer and Grassberger (2004), and I(x_i; x_j) uses
quartiles.

Models with equal scores would make c_m too large and I negative, so a random jitter breaks ties.
Estimates that are still negative count as 0, and equally good items come in random order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.errors import ConfigError
from tinyeval.history import History
from tinyeval.selection.base import Anchors, check_budget, equal_weights

SCHEMES = ("quotient", "difference")

NEIGHBOURS = 5

FEW_LEVELS = 5
"""Largest number of distinct scores of an item that counts as discrete."""

JITTER = 1e-8
"""Size of the jitter; different scores are farther apart."""


def select_mrmr(
    history: History, n: int, *, rng: np.random.Generator, scheme: str = "quotient"
) -> Anchors:
    """Choose ``n`` items of maximal relevance and minimal redundancy, best first.

    Args:
        history: source models only.
        n: number of anchors.
        rng: breaks ties, between models and between items.
        scheme: ``quotient``, as published, or ``difference``.

    Raises:
        ConfigError: ``n`` below 1 or above the number of items, or an unknown scheme.
    """
    check_budget(history, n)
    if scheme not in SCHEMES:
        raise ConfigError(f"scheme must be one of {', '.join(SCHEMES)}, found {scheme!r}")
    items = rng.permutation(history.responses.n_items)  # equal items come in random order
    score = history.target_values[:, 0]
    score = score + JITTER * rng.standard_normal(len(score))
    scores = history.answers(items).astype(np.float32)
    levels, discrete = _levels(scores, history.responses.observed[:, items])
    relevance = np.zeros(len(items))
    relevance[discrete] = [ross_information(one, score) for one in levels[:, discrete].T]
    if not discrete.all():
        relevance[~discrete] = _kraskov_information(scores[:, ~discrete], score, rng)
    chosen = _greedy(levels, np.maximum(relevance, 0.0), n, scheme)
    return equal_weights(tuple(history.responses.items.ids[k] for k in items[chosen]))


def ross_information(levels: NDArray[np.intp], score: Array) -> float:
    """Mutual information of a discrete and a continuous variable, in nats.

    Args:
        levels: 0, 1, ..., shape (models,); a model alone on its level is left out.
        score: shape (models,), all different.

    Returns:
        The estimate of Ross (2014); a negative estimate stands for 0.
    """
    order = np.argsort(score)
    size = np.bincount(levels)
    order = order[size[levels[order]] > 1]
    if not len(order):
        return 0.0
    score, levels = score[order], levels[order]
    neighbours = np.minimum(NEIGHBOURS, size - 1)
    radius = np.empty(len(score))
    for level in np.flatnonzero(size > 1):
        own = levels == level
        radius[own] = _radius(score[own], int(neighbours[level]))
    radius -= 1e-14  # strictly nearer: the neighbour that sets the radius does not count
    nearer = np.searchsorted(score, score + radius, "right") - np.searchsorted(
        score, score - radius, "left"
    )
    psi = np.concatenate([[0.0, 0.0], np.cumsum(1.0 / np.arange(1, len(score)))])  # + constant
    own_terms = psi[neighbours[levels]] - psi[size[levels]] - psi[nearer]
    return float(psi[len(score)] + own_terms.mean())


def _radius(values: Array, k: int) -> Array:
    """Return the distance of each of the sorted values to its ``k``-th nearest neighbour."""
    padded = np.concatenate([np.full(k, -np.inf), values, np.full(k, np.inf)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, k + 1)
    first = np.arange(len(values))[:, None] + np.arange(k + 1)  # the k + 1 windows that hold it
    reach = np.maximum(values[:, None] - windows[first, 0], windows[first, -1] - values[:, None])
    return np.asarray(reach.min(axis=1))


def mutual_information(members: NDArray[np.float32], k: int) -> Array:
    """Mutual information of item ``k`` and every item, in nats, shape (items,).

    Args:
        members: 1 where a model's score on an item is on the level, else 0, shape (levels,
            models, items).
        k: position of the item.
    """
    counts = members[:, :, k] @ members  # (levels of the other, levels of k, items)
    joint = counts.astype(np.float64) / members.shape[1]
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    ratio = np.divide(joint, independent, out=np.ones_like(joint), where=joint > 0)
    return np.maximum((joint * np.log(ratio)).sum(axis=(0, 1)), 0.0)


def _greedy(levels: NDArray[np.intp], relevance: Array, n: int, scheme: str) -> NDArray[np.intp]:
    """Positions of the chosen items, in the order of choice."""
    members = np.stack([levels == level for level in range(levels.max() + 1)]).astype(np.float32)
    redundancy = np.zeros(len(relevance))
    free = np.ones(len(relevance), dtype=bool)
    chosen = [int(np.argmax(relevance))]
    while len(chosen) < n:
        free[chosen[-1]] = False
        redundancy += mutual_information(members, chosen[-1])
        mean = redundancy / len(chosen)
        gain = relevance - mean if scheme == "difference" else relevance / (mean + 1e-10)
        chosen.append(int(np.argmax(np.where(free, gain, -np.inf))))
    return np.array(chosen, dtype=np.intp)


def _levels(
    scores: NDArray, observed: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Number the levels of every item, and say which items are discrete.

    A missing cell holds a fitted probability; it gets the level of the nearest observed score.
    """
    levels = np.empty(scores.shape, dtype=np.intp)
    discrete = np.empty(scores.shape[1], dtype=bool)
    for k, column in enumerate(scores.T):
        values = np.unique(column[observed[:, k]])
        discrete[k] = len(values) <= FEW_LEVELS
        if discrete[k]:
            levels[:, k] = np.abs(column[:, None] - values).argmin(axis=1)
        else:
            levels[:, k] = np.searchsorted(np.quantile(column, [0.25, 0.5, 0.75]), column)
    return levels, discrete


def _kraskov_information(scores: NDArray, score: Array, rng: np.random.Generator) -> Array:
    """Mutual information of each column of ``scores`` and ``score``, shape (items,)."""
    from sklearn.feature_selection import mutual_info_regression

    seed = int(rng.integers(2**31))
    neighbours = min(NEIGHBOURS, len(score) - 1)
    return np.asarray(
        mutual_info_regression(scores, score, n_neighbors=neighbours, random_state=seed)
    )
