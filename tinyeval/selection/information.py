"""Items that are informative across the range of abilities: the selection of metabench.

The Fisher information in the answer to item i about ability, along a direction u, is

    I_i(theta) = (a_i . u)^2 (P - c)^2 (1 - P) / (P (1 - c)^2),    P = P_i(theta)

(Birnbaum 1968).  Some items separate able models, others weak ones.  So the range of the source
models is cut into bins with equal numbers of models, and each bin in turn takes the most
informative item not yet taken (Kipnis et al. 2025, "metabench").

With one dimension, theta runs over the quantiles of the source models' abilities.  With several, it
runs along the line of expected abilities given the target.  For abilities with mean m and
covariance S, and the mean gradient g of the target,

    theta(z) = m + z u,    u = S g / sqrt(g' S g),    z at the quantiles of g' (theta - m).

Items that hardly vary, that nearly every model solves, or that hardly correlate with the score come
last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import whole
from tinyeval.errors import ConfigError
from tinyeval.history import History
from tinyeval.irt.model import IRTModel
from tinyeval.selection.base import Anchors, check_budget, equal_weights

GOLDEN = 0.5 * (5.0**0.5 - 1.0)


def select_information(
    history: History,
    n: int,
    *,
    rng: np.random.Generator,
    bins: int = 250,
    least_sd: float = 0.01,
    easiest: float = 0.95,
    least_correlation: float = 0.05,
) -> Anchors:
    """Choose the most informative items bin by bin.

    Args:
        history: source models only.
        n: number of anchors.
        rng: draws among equally informative items.
        bins: number of bins of the ability range; at most ``n`` are used.
        least_sd: items whose scores have a smaller standard deviation come last.
        easiest: items with a higher mean score come last.
        least_correlation: items whose correlation with the overall score is nearer to 0 come last.

    Raises:
        ConfigError: ``n`` below 1 or above the number of items, or ``bins`` below 1.
    """
    check_budget(history, n)
    if bins < 1:
        raise ConfigError(f"bins must be at least 1, found {bins}")
    scores = whole(history.filled)
    useful = scores.std(axis=0) > least_sd
    useful &= scores.mean(axis=0) <= easiest
    useful &= np.abs(_correlation(scores, history.target_values[:, 0])) >= least_correlation
    path, direction = _ability_path(history, min(bins, n))
    information = fisher_information(history.fit.model, path, direction)
    information -= np.where(useful, 0.0, 1.0 + information.max())
    order = rng.permutation(len(useful))
    chosen = order[_bin_by_bin(information[:, order], n)]
    return equal_weights(tuple(history.responses.items.ids[k] for k in chosen))


def fisher_information(model: IRTModel, ability: NDArray, direction: NDArray) -> Array:
    """Return the information about ability along a direction, shape (models, items).

    Args:
        model: the items' parameters.
        ability: shape (models, dimensions).
        direction: u, shape (dimensions,); information is measured per unit of u.
    """
    p = np.clip(model.probability(ability), 1e-12, 1.0)
    slope = (p - model.guessing) / (1.0 - model.guessing)
    return np.asarray((model.discrimination @ direction) ** 2 * slope**2 * (1.0 - p) / p)


def _ability_path(history: History, bins: int) -> tuple[Array, Array]:
    """Return the abilities at the middle of each bin, (bins, dimensions), and the direction u."""
    model, ability = history.fit.model, history.fit.ability
    p = model.probability(ability)
    slope = (p - model.guessing) * (1.0 - p) / (1.0 - model.guessing)
    gradient = (slope.mean(axis=0) * history.targets.weights[0]) @ model.discrimination
    covariance = model.ability_cov @ gradient
    scale = max(float(np.sqrt(gradient @ covariance)), 1e-300)
    direction = covariance / scale
    position = (ability - model.ability_mean) @ gradient / scale
    middle = np.quantile(position, (np.arange(bins) + 0.5) / bins)
    return model.ability_mean + middle[:, None] * direction, direction


def _bin_by_bin(information: Array, n: int) -> NDArray[np.intp]:
    """Take the best free item of each bin of ``information``, shape (bins, items), in turn."""
    bins = len(information)
    # Golden-section steps from the middle bin: the first few bins always span the range.
    order = np.argsort((np.arange(bins) - bins // 2) * GOLDEN % 1.0, kind="stable")
    free = np.ones(information.shape[1], dtype=bool)
    chosen = np.empty(n, dtype=np.intp)
    for k in range(n):
        chosen[k] = np.argmax(np.where(free, information[order[k % bins]], -np.inf))
        free[chosen[k]] = False
    return chosen


def _correlation(scores: Array, target: Array) -> Array:
    """Correlation of each column with the target, 0 where either does not vary."""
    scores, target = scores - scores.mean(axis=0), target - target.mean()
    size = np.sqrt((scores**2).sum(axis=0) * (target @ target))
    return np.asarray(np.divide(target @ scores, size, out=np.zeros_like(size), where=size > 0))
