"""Facts about a response matrix, in numbers and in words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyeval.compute.row_blocks import slabs
from tinyeval.importers.audit.tally import Tally
from tinyeval.responses import ResponseMatrix

MOSTLY = 0.9
"""Share of the missing cells that make a pattern."""


class Benchmark(NamedTuple):
    """One benchmark: number of items, models with answers, mean of all scores, share missing."""

    name: str
    items: int
    models: int
    mean: float
    missing: float


class Trials(NamedTuple):
    """How many trials the scores are means of."""

    fewest: int
    median: int
    most: int


def benchmarks_of(counts: Tally) -> tuple[Benchmark, ...]:
    """Return what is known of every benchmark."""
    answered, n_models = counts.answered.sum(axis=0), len(counts.answered)
    means = counts.total.sum(axis=0) / np.maximum(answered, 1)
    return tuple(
        Benchmark(
            name,
            int(size),
            int((counts.answered[:, k] > 0).sum()),
            float(means[k]) if answered[k] else float("nan"),
            float(1 - answered[k] / (n_models * size)),
        )
        for k, (name, size) in enumerate(zip(counts.benchmarks, counts.sizes, strict=True))
    )


def overall_of(responses: ResponseMatrix) -> str:
    """Say how the overall score follows from the items, unless a recipe says otherwise."""
    weights = responses.items.column("weight", 1.0)
    by_weight = ", by their weight" if len(set(weights.tolist())) > 1 else ""
    several = ", of all benchmarks together" if len(responses.benchmarks) > 1 else ""
    return f"mean over all items{several}{by_weight}"


def pattern_of(counts: Tally) -> str:
    """Say what is missing: whole benchmarks, or single answers."""
    holes = counts.sizes - counts.answered
    lacks = int(holes.sum())
    if not lacks:
        return "complete"
    whole = counts.answered == 0
    share = float((holes * whole).sum()) / lacks
    if share >= MOSTLY:
        models = number(int(whole.any(axis=1).sum()), "model")
        what = "whole benchmarks" if len(counts.benchmarks) > 1 else "all answers"
        return f"{'' if share == 1 else 'mostly '}{what} of {models}"
    has = counts.answered.sum(axis=1)
    some = span(Trials(int(has.min()), int(np.median(has)), int(has.max())))
    unasked = int((counts.item_answered == 0).sum())
    nobody = f", {number(unasked, 'item')} by none" if unasked else ""
    return f"scattered: models answered {some} items{nobody}"


def marks_of(responses: ResponseMatrix, counts: Tally) -> str:
    """Say what the scores are."""
    if counts.binary:
        return "0 or 1"
    trials = responses.trials
    if trials is None:
        return "graded"
    for cut in slabs(responses.scores.shape):
        right = np.nan_to_num(responses.scores[cut].astype(np.float64)) * trials[cut]
        if (np.abs(right - np.rint(right)) > 1e-3).any():
            return "means of graded marks"
    return "k right of n"


def trials_of(responses: ResponseMatrix) -> Trials | None:
    """Return how many trials scores are means of, None if of one each."""
    if responses.trials is None:
        return None
    counts = np.zeros(np.iinfo(np.uint16).max + 1, dtype=np.int64)
    for cut in slabs(responses.scores.shape):
        counts += np.bincount(responses.trials[cut].ravel(), minlength=len(counts))
    counts[0] = 0
    known = np.flatnonzero(counts)
    middle = int(np.searchsorted(np.cumsum(counts), (counts.sum() + 1) // 2))
    return Trials(int(known[0]), middle, int(known[-1]))


def span(one: Trials) -> str:
    """Return a range in words."""
    if one.fewest == one.most:
        return f"{one.fewest:,}"
    return f"{one.fewest:,} to {one.most:,} (median {one.median:,})"


def number(n: int, what: str) -> str:
    """Return a number with what it counts, in the plural if need be."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{100 * share:.1f} %" if share >= 0.0005 else "under 0.1 %"


def soft_known(responses: ResponseMatrix) -> int:
    """Return how many answers have a soft score."""
    soft = responses.soft
    if soft is None:
        return 0
    return sum(int((~np.isnan(soft[cut])).sum()) for cut in slabs(soft.shape))
