"""Ranks, and groups of models that are told apart, from the comparisons of every pair.

A model is ahead of another if the probability is at least (1 + level) / 2, 95 % at the usual level.
Two are tied if the interval of their difference lies within a margin.  A group ends where every
model above is ahead of every model below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.comparison import Comparison, rank_ranges
from tinyeval.prediction import Prediction


class Standing(NamedTuple):
    """The place of a model among those compared.

    Attributes:
        model: its id.
        best, worst: range of ranks that it may truly have.
        group: number of its group, from 1.
    """

    model: str
    best: int
    worst: int
    group: int


def state(one: Comparison, margin: float) -> str:
    """Return "ahead" or "behind" (of the first model), "tied" or "open"."""
    sure = (1 + one.level) / 2
    if one.probability >= sure:
        return "ahead"
    if one.probability <= 1 - sure:
        return "behind"
    return "tied" if max(-one.lower, one.upper) <= margin else "open"


def standings(
    predictions: Sequence[Prediction], comparisons: Sequence[Comparison]
) -> list[Standing]:
    """Return the places of the models that were compared, by predicted score, best first."""
    if not comparisons:
        return []
    compared = {name for one in comparisons for name in (one.a, one.b)}
    order = sorted(
        (one for one in predictions if one.model in compared),
        key=lambda one: (-one.score, one.model),
    )
    names = [one.model for one in order]
    ranges = rank_ranges(names, comparisons)
    ahead = chances(names, comparisons) >= (1 + comparisons[0].level) / 2
    group, found = 1, []
    for k, name in enumerate(names):
        if k and ahead[:k, k:].all():
            group += 1
        found.append(Standing(name, *ranges[name], group))
    return found


def chances(names: Sequence[str], comparisons: Sequence[Comparison]) -> NDArray[np.float64]:
    """Return the probability that one model is ahead of another, shape (models, models).

    Args:
        names: ids of the models.
        comparisons: comparison of every pair of them; the diagonal is NaN.
    """
    position = {name: k for k, name in enumerate(names)}
    found = np.full((len(names), len(names)), np.nan)
    for one in comparisons:
        if one.a in position and one.b in position:
            a, b = position[one.a], position[one.b]
            found[a, b], found[b, a] = one.probability, 1 - one.probability
    return found
