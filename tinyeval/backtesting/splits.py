"""Splits of a history into source and test models: the protocol of every published figure.

A split depends on ids and scores, never on the order of rows.  Exact duplicates are dropped before
splitting, so no model is tested on its own copy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, DataError
from tinyeval.responses import ResponseMatrix

SPLITS = "random, top, bottom, few:N, spread:N, group:COLUMN, date:COLUMN"

Pair = tuple[ResponseMatrix, ResponseMatrix]


def make_splits(
    responses: ResponseMatrix, kind: str, repeats: int = 5, seed: int = 0
) -> Iterator[Pair]:
    """Yield (source, test) pairs.

    Args:
        responses: the whole history; exact duplicates are dropped.
        kind: ``random`` (75 / 25), ``top`` (source = weakest 60 %, test = strongest 15 %),
            ``bottom`` (its mirror), ``few:N`` (N random source models), ``spread:N`` (N
            source models, equally many from each tenth of the range of scores), ``group:COLUMN``
            (whole groups on one side, about 75 / 25), ``date:COLUMN`` (oldest 75 % / newest 25 %).
        repeats: number of splits of the random kinds; the others have one split.
        seed: seed of the random kinds.

    Raises:
        ConfigError: an unknown kind.
        DataError: a column that is missing, or too few models for the split.
    """
    responses, _ = responses.sorted().drop_duplicates()
    name, _, argument = kind.partition(":")
    random = name in ("random", "few", "spread", "group")
    for repeat in range(repeats if random else 1):
        rng = np.random.default_rng([seed, repeat])
        source, test = _split(responses, name, argument, rng)
        if source.sum() < 5 or not test.any():
            raise DataError(
                f"split {kind!r} leaves {int(source.sum())} source and {int(test.sum())} test "
                f"models of {responses.n_models}; at least 5 and 1 are needed"
            )
        yield responses.take(source), responses.take(test)


def _split(
    responses: ResponseMatrix, name: str, argument: str, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks of source and test models."""
    n = responses.n_models
    rank = np.argsort(np.argsort(np.nanmean(responses.scores, axis=1), kind="stable"))
    if name == "random" and not argument:
        source = rng.permutation(n) < round(0.75 * n)
        return source, ~source
    if name == "top" and not argument:
        return rank < int(0.6 * n), rank >= int(np.ceil(0.85 * n))
    if name == "bottom" and not argument:
        return rank >= int(np.ceil(0.4 * n)), rank < int(0.15 * n)
    if name == "few" and argument.isdecimal():
        source = rng.permutation(n) < int(argument)
        return source, ~source
    if name == "spread" and argument.isdecimal():
        source = _spread(np.nanmean(responses.scores, axis=1), rng) < int(argument)
        return source, ~source
    if name == "group" and argument:
        return _by_group(responses, argument, rng)
    if name == "date" and argument:
        return _by_date(responses, argument)
    kind = f"{name}:{argument}" if argument else name
    raise ConfigError(f"unknown split {kind!r}; known are: {SPLITS}")


def _spread(score: NDArray, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of models in a random order that draws from ten equal bins of ``score`` in turn."""
    width = max(float(np.ptp(score)), 1e-12) / 10
    bins = np.minimum((score - score.min()) / width, 9).astype(np.intp)
    shuffled = rng.permutation(len(score))
    turn = np.empty(len(score), dtype=np.intp)
    for k in range(10):
        members = shuffled[bins[shuffled] == k]
        turn[members] = np.arange(len(members))
    place = np.empty(len(score), dtype=np.intp)
    place[np.lexsort((rng.permutation(10)[bins], turn))] = np.arange(len(score))
    return place


def _by_group(
    responses: ResponseMatrix, column: str, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Put whole groups, in random order, on the test side while it holds at most a quarter."""
    values = responses.models.column(column).astype(str)
    groups = np.unique(values)
    if len(groups) < 2:
        raise DataError(f"column {column!r} holds one group only; a split by it needs two")
    test = np.zeros(len(values), dtype=bool)
    for group in rng.permutation(groups):
        members = values == group
        if test.sum() + members.sum() <= 0.25 * len(values) + 1:
            test |= members
    if not test.any():
        smallest = min(groups, key=lambda group: int((values == group).sum()))
        test = values == smallest
    return ~test, test


def _by_date(responses: ResponseMatrix, column: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split into the oldest three quarters and the rest; equal dates stay on one side."""
    values = responses.models.column(column)
    known = np.isfinite(values) if values.dtype.kind == "f" else values.astype(bool)
    if known.sum() < 8:
        raise DataError(f"column {column!r} holds {int(known.sum())} dates; at least 8 are needed")
    ordered = np.sort(values[known])
    border = ordered[int(0.75 * len(ordered))]
    old = np.array([bool(k) and v < border for k, v in zip(known, values, strict=True)])
    return old, known & ~old
