"""Blocks of one mark: a benchmark that was not run, and was written as 0.

A model that has 0 on every item of a benchmark is suspect if a model of its strength would have
some right there almost surely.  Its strength is what it scores on other benchmarks; where there are
none, or they are 0 as well, the weakest 5 % of the other models stand in for it.  A benchmark on
which many models are near 0 therefore raises no doubt.  Where one model is surely suspect, others
with 0 are if they would likely have some right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import CELLS, slabs
from tinyeval.importers.audit.tally import by_benchmark
from tinyeval.importers.base import Zeros
from tinyeval.importers.block import Finding
from tinyeval.responses import ResponseMatrix

MIN_ITEMS, MIN_OTHERS = 10, 5
"""Fewest items of a benchmark, and fewest models with marks that vary there, to say anything."""

EXPECTED = 7.0
"""Right answers that a model must be expected to have at least: :math:`e^{-7}` is 1 in 1,000."""

SPREAD = 3.0
"""Standard deviations that a model may score below what its other benchmarks predict."""

SCREENED = 64
"""Items of a benchmark of which it is first asked whether a model's scores vary among them."""

WEAKEST = 0.05
ENOUGH = 10
"""Other models that a regression on the other benchmarks needs."""

Array = NDArray[np.float64]


class Block(NamedTuple):
    """Models that have one mark on all of a benchmark, while others do not.

    Attributes:
        benchmark: its name.
        mark: that they have; 0 or another.
        models: their positions.
        of: number of models with answers there.
        items: number of items of the benchmark.
    """

    benchmark: str
    mark: float
    models: NDArray[np.intp]
    of: int
    items: int


def treat_zeros(
    responses: ResponseMatrix, zeros: Zeros
) -> tuple[ResponseMatrix, tuple[Finding, ...]]:
    """Return the scores, blocks of zeros missing if that is asked, and what is to be said."""
    blocks = constant_blocks(responses)
    empty = [one for one in blocks if one.mark == 0]
    findings, ids = [], responses.models.ids
    if empty:
        what = (
            "models had 0 on every item of a benchmark that is taken as not run"
            if zeros == "missing"
            else "models have 0 on every item of a benchmark where such models score more: not "
            "run, and written as 0? --zeros missing takes them so"
        )
        kind = "missing" if zeros == "missing" else "doubt"
        findings.append(_finding(kind, what, ids, empty))
    if len(blocks) > len(empty):
        what = "models have one mark on every item of a benchmark, not 0: how were they scored?"
        rest = [one for one in blocks if one.mark]
        findings.append(_finding("doubt", what, ids, rest))
    if empty and zeros == "missing":
        responses = _without(responses, empty)
    return responses, tuple(findings)


def _finding(kind: str, what: str, ids: tuple[str, ...], blocks: list[Block]) -> Finding:
    told = (
        f"{one.benchmark}: {len(one.models):,} of {one.of:,} models, such as {ids[one.models[0]]}, "
        f"on {one.items:,} items"
        for one in blocks
    )
    n = len({k for one in blocks for k in one.models.tolist()})
    return Finding(kind, what, n, tuple(told))


def _without(responses: ResponseMatrix, blocks: list[Block]) -> ResponseMatrix:
    names, order, starts = by_benchmark(responses)
    columns = dict(zip(names, np.split(order, starts[1:]), strict=True))
    scores = responses.scores.copy()
    for one in blocks:
        scores[np.ix_(one.models, columns[one.benchmark])] = np.nan
    trials = responses.trials
    if trials is not None:
        trials = np.where(np.isnan(scores), np.uint16(0), trials)
    return replace(responses, scores=scores, trials=trials)


def constant_blocks(responses: ResponseMatrix) -> list[Block]:
    """Return the suspect blocks, by benchmark."""
    names, order, starts = by_benchmark(responses)
    if len(responses.scores) <= MIN_OTHERS or responses.n_items < MIN_ITEMS:
        return []
    n_items = np.diff(np.append(starts, len(order)))
    lowest, highest = _ranges(responses.scores, np.split(order, starts[1:]))
    found = []
    for k in np.flatnonzero((lowest == highest).any(axis=0) & (n_items >= MIN_ITEMS)):
        mine = order[starts[k] : starts[k] + n_items[k]]
        for mark, models in _suspects(responses.scores, mine, lowest[:, k], highest[:, k]):
            there = int((~np.isnan(lowest[:, k])).sum())
            found.append(Block(names[k], mark, models, there, len(mine)))
    return found


def _ranges(
    scores: NDArray[np.float32], benchmarks: Sequence[NDArray[np.intp]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return models' lowest and highest scores, (models, benchmarks), NaN where there is none.

    Where scores vary among a few items of a benchmark, these are of those items alone: only models
    with one mark there are followed through all of it.
    """
    lowest, highest = (np.empty((len(scores), len(benchmarks)), np.float32) for _ in range(2))
    for k, columns in enumerate(benchmarks):
        few = columns[:: -(-len(columns) // SCREENED)]
        part = scores[:, few]
        low, high = np.fmin.reduce(part, axis=1), np.fmax.reduce(part, axis=1)
        same = np.flatnonzero(~(low < high))
        step = max(1, CELLS // len(columns))
        for start in range(0, len(same), step):
            rows = same[start : start + step]
            part = scores[np.ix_(rows, columns)]
            low[rows], high[rows] = np.fmin.reduce(part, axis=1), np.fmax.reduce(part, axis=1)
        lowest[:, k], highest[:, k] = low, high
    return lowest, highest


def _suspects(
    scores: NDArray, mine: NDArray[np.intp], lowest: NDArray, highest: NDArray
) -> list[tuple[float, NDArray[np.intp]]]:
    """Return marks, and the models that have them on all of a benchmark and should not."""
    part = scores[:, mine]
    n = (~np.isnan(part)).sum(axis=1)
    same = np.flatnonzero((lowest == highest) & (n >= MIN_ITEMS))
    others = np.flatnonzero(lowest < highest)
    if not len(same) or len(others) < MIN_OTHERS:
        return []
    mean = np.nansum(part, axis=1, dtype=np.float64) / np.maximum(n, 1)
    elsewhere = _elsewhere(scores, mine)
    found = []
    for mark in np.unique(lowest[same]).tolist():
        models = same[lowest[same] == mark]
        if mark in (0, 1):  # of a mark in between, even a fair coin has no ten in a row
            share = mean if mark == 0 else 1 - mean
            least, likely = _expected(share, others, models, elsewhere, mark == 0)
            sure = least * n[models] >= EXPECTED
            models = models[sure | (sure.any() & (likely * n[models] >= EXPECTED))]
        if len(models):
            found.append((mark, models))
    return found


def _elsewhere(scores: NDArray, mine: NDArray[np.intp]) -> Array:
    """Return models' scores above the items' means on all other benchmarks, NaN if constant."""
    rest = np.setdiff1d(np.arange(scores.shape[1]), mine)
    found = np.full(len(scores), np.nan)
    if not len(rest):
        return found
    known = np.zeros(len(rest), dtype=np.intp)
    total = np.zeros(len(rest))
    for cut in slabs((len(scores), len(rest))):
        part = scores[cut][:, rest]
        known += (~np.isnan(part)).sum(axis=0)
        total += np.nansum(part, axis=0, dtype=np.float64)
    item = (total / np.maximum(known, 1)).astype(np.float32)
    for cut in slabs((len(scores), len(rest))):
        part = scores[cut][:, rest]
        n = (~np.isnan(part)).sum(axis=1)
        varies = np.fmin.reduce(part, axis=1) < np.fmax.reduce(part, axis=1)
        above = np.nansum(part - item, axis=1, dtype=np.float64) / np.maximum(n, 1)
        found[cut] = np.where(varies, above, np.nan)
    return found


def _expected(
    mean: Array,
    others: NDArray[np.intp],
    models: NDArray[np.intp],
    elsewhere: Array,
    rising: bool,
) -> tuple[Array, Array]:
    """Return the share of items that each model should have right (or wrong) at least, and has."""
    least = np.full(len(models), np.quantile(mean[others], WEAKEST))
    base = others[~np.isnan(elsewhere[others])]
    told = ~np.isnan(elsewhere[models])
    if len(base) < ENOUGH or not told.any():
        return least, least
    x, y = elsewhere[base], mean[base]
    away = x - x.mean()
    slope = float(away @ y / max(away @ away, 1e-12))
    slope = max(slope, 0.0) if rising else min(slope, 0.0)
    noise = np.sqrt(((y - y.mean() - slope * away) ** 2).sum() / (len(base) - 2))
    at = elsewhere[models]  # never expected to have more than the best of the others
    at = np.minimum(at, x.max()) if rising else np.maximum(at, x.min())
    likely = least.copy()
    likely[told] = np.clip(y.mean() + slope * (at - x.mean()), 0, 1)[told]
    least[told] = np.clip(likely - SPREAD * noise, 0, 1)[told]
    return least, likely
