"""Random items, plain or stratified: the baselines for every other selection.

A simple random sample of n items estimates the target by the ratio estimator

    sum_i w_i y_i / sum_i w_i    over the sampled items, w = target weights  (Cochran 1977, ch. 6).

Stratified sampling divides the n items among the strata, benchmark x subject, in proportion to the
target weight W_h of each stratum, by largest remainders; it estimates sum_h W_h * mean_h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.history import History
from tinyeval.selection.base import Anchors, check_budget, scaled


def select_random(history: History, n: int, *, rng: np.random.Generator) -> Anchors:
    """Draw ``n`` items without replacement in random order; all subsets are equally likely.

    Raises:
        ConfigError: ``n`` below 1 or above the number of items.
    """
    check_budget(history, n)
    ids = history.responses.items.ids
    chosen = rng.permutation(len(ids))[:n]
    weight = history.targets.weights[0][chosen]
    return Anchors(tuple(ids[k] for k in chosen), scaled(weight))


def select_stratified(history: History, n: int, *, rng: np.random.Generator) -> Anchors:
    """Draw items at random within strata, from each stratum in proportion to its weight.

    The order is balanced as well: item j of the n_h items of a stratum gets the place
    (j + u_h) / n_h, with u_h uniform, so every prefix is divided among the strata in nearly the
    same proportions.

    Raises:
        ConfigError: ``n`` below 1 or above the number of items.
    """
    check_budget(history, n)
    ids, weight = history.responses.items.ids, history.targets.weights[0]
    strata = _strata(history)
    share = np.array([weight[stratum].sum() for stratum in strata])
    size = np.array([len(stratum) for stratum in strata])
    chosen: list[int] = []
    weights: list[float] = []
    place: list[float] = []
    for h, count in enumerate(allocate(n, share, size, rng=rng)):
        items = rng.permutation(strata[h])[:count]
        chosen.extend(items)
        weights.extend(share[h] * scaled(weight[items]))
        place.extend((np.arange(count) + rng.random()) / max(count, 1))
    order = np.argsort(np.array(place), kind="stable")
    return Anchors(tuple(ids[chosen[k]] for k in order), scaled(np.array(weights)[order]))


def allocate(
    n: int, share: NDArray, size: NDArray[np.intp], *, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Divide ``n`` among strata in proportion to ``share``, by largest remainders.

    Args:
        n: number of items to divide, at most ``size.sum()``.
        share: share of each stratum, not negative, shape (strata,).
        size: number of items in each stratum, shape (strata,).
        rng: breaks ties between equal remainders.

    Returns:
        Numbers of items, each at most ``size``, that sum to ``n``, shape (strata,).
    """
    # A stratum without weight comes last but is not excluded: n may be all items.
    share = np.maximum(share / share.sum(), 1e-12)
    ideal = np.zeros(len(share))
    full = np.zeros(len(share), dtype=bool)
    while not full.all():
        ideal[~full] = (n - size[full].sum()) * share[~full] / share[~full].sum()
        over = ~full & (ideal > size)
        if not over.any():
            break
        full |= over
        ideal[over] = size[over]
    count = np.minimum(np.floor(ideal + 1e-9).astype(np.intp), size)
    remainder = np.where(count < size, np.round(ideal - count, 9), -np.inf)
    order = np.lexsort((rng.random(len(share)), -remainder))
    count[order[: n - count.sum()]] += 1
    return count


def _strata(history: History) -> list[NDArray[np.intp]]:
    """Return positions of the items of each benchmark x subject, strata sorted by name."""
    items = history.responses.items
    benchmark, subject = items.column("benchmark", "benchmark"), items.column("subject", "")
    members: dict[tuple[str, str], list[int]] = {}
    for k, stratum in enumerate(zip(benchmark, subject, strict=True)):
        members.setdefault(stratum, []).append(k)
    return [np.array(members[key], dtype=np.intp) for key in sorted(members)]
