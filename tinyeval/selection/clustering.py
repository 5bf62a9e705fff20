"""Anchor points: the items nearest to the centres of n clusters of items.

Items are points x_i, either the source models' scores on the item or its IRT parameters
(a_i, d_i).  Weighted k-means minimises

    sum_i w_i |x_i - centre(i)|^2,    w = target weights,

each cluster is represented by its item nearest to the centre, and that anchor carries the
cluster's share of the weight (Maia Polo et al. 2024, "tinyBenchmarks"; Vivek et al. 2024,
"Anchor Points").  Ties are broken at random.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import whole
from tinyeval.history import History
from tinyeval.selection.base import Anchors, check_budget

RESTARTS = 5
"""Number of starts of k-means; the best result is kept, as in tinyBenchmarks."""


def select_by_correctness(history: History, n: int, *, rng: np.random.Generator) -> Anchors:
    """Choose anchor points among items described by the source models' scores on them.

    Raises:
        ConfigError: ``n`` below 1 or above the number of items.
    """
    check_budget(history, n)
    return _anchor_points(history, whole(history.filled).T, n, rng)


def select_by_irt(history: History, n: int, *, rng: np.random.Generator) -> Anchors:
    """Choose anchor points among items described by their discrimination and intercept.

    Raises:
        ConfigError: ``n`` below 1 or above the number of items.
    """
    check_budget(history, n)
    model = history.fit.model
    return _anchor_points(history, np.column_stack([model.discrimination, model.intercept]), n, rng)


def _anchor_points(
    history: History, points: NDArray[np.float64], n: int, rng: np.random.Generator
) -> Anchors:
    ids = history.responses.items.ids
    order = rng.permutation(len(ids))  # breaks ties between equally near items
    points, weight = points[order], history.targets.weights[0][order]
    labels, distance = _cluster(points, weight, n, int(rng.integers(2**31)))
    chosen, share = _represent(labels, distance, weight, n)
    rank = np.argsort(-share, kind="stable")
    return Anchors(tuple(ids[k] for k in order[chosen[rank]]), share[rank] / share.sum())


def _cluster(
    points: NDArray, weight: NDArray, n: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return each item's cluster and its distance to that cluster's centre, shape (items,)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # Threads add up the centres in any order, and a rounding error can tip an item over.
    with threadpool_limits(1), warnings.catch_warnings():
        # Fewer distinct items than clusters: _represent takes several items of a cluster.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans = KMeans(n, n_init=RESTARTS, random_state=seed)
        # k-means needs n points of positive weight; 1e-9 of an item's weight moves no centre.
        labels = kmeans.fit_predict(points, sample_weight=weight + 1e-9 / len(weight))
    return labels, np.linalg.norm(points - kmeans.cluster_centers_[labels], axis=1)


def _represent(
    labels: NDArray[np.intp], distance: NDArray, weight: NDArray, n: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Choose ``n`` items, nearest first, at least one per cluster, and share its weight out.

    If there are fewer clusters than ``n`` (because of duplicate items), the cluster with the most
    weight per chosen item gets the next anchor.
    """
    clusters, labels, size = np.unique(labels, return_inverse=True, return_counts=True)
    total = np.bincount(labels, weight)
    count = np.ones(len(clusters), dtype=np.intp)
    for _ in range(n - len(clusters)):
        count[np.argmax(np.where(count < size, total / count, -1.0))] += 1
    order = np.lexsort((distance, labels))
    first = np.repeat(np.cumsum(size) - size, size)
    rank = np.arange(len(order)) - first  # place of an item within its cluster
    chosen = order[rank < count[labels[order]]]
    return chosen, (total / count)[labels[chosen]]
