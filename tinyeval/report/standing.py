"""Ranks, and groups of models that are told apart, from the comparisons of every pair.

Who is ahead, tied or undecided is the verdict of a comparison.  A group ends where every model
above is ahead of every model below.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.comparison import Comparison
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


def rank_ranges(
    models: Sequence[str], comparisons: Iterable[Comparison]
) -> dict[str, tuple[int, int]]:
    """Return the best and the worst rank that each model may truly have.

    A model counts as behind another if the verdict says so.

    Args:
        models: ids of the models.
        comparisons: comparison of every pair of these models.
    """
    ahead, behind = dict.fromkeys(models, 0), dict.fromkeys(models, 0)
    for one in comparisons:
        if one.verdict == "ahead":
            ahead[one.a] += 1
            behind[one.b] += 1
        elif one.verdict == "behind":
            ahead[one.b] += 1
            behind[one.a] += 1
    return {model: (1 + behind[model], len(models) - ahead[model]) for model in models}


def tied_sets(
    places: Sequence[Standing], comparisons: Sequence[Comparison]
) -> list[tuple[str, ...]]:
    """Return sets of models that are all tied with each other, best first.

    Each is a run of models that follow each other by score, and as long as it can be; a model may
    be in two.
    """
    tied = {frozenset((one.a, one.b)) for one in comparisons if one.verdict == "tied"}
    names = [one.model for one in places]
    found: list[tuple[str, ...]] = []
    last = 0
    for first in range(len(names)):
        before, last = last, max(last, first)
        while last + 1 < len(names) and all(
            frozenset((one, names[last + 1])) in tied for one in names[first : last + 1]
        ):
            last += 1
        if last > max(first, before):
            found.append(tuple(names[first : last + 1]))
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
