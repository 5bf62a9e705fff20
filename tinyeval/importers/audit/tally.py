"""What one pass over the scores tells: how many there are, and how high, by item and benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs
from tinyeval.responses import ResponseMatrix


@dataclass(frozen=True)
class Tally:
    """Counts and sums of a response matrix.

    Attributes:
        benchmarks: their names, sorted.
        sizes: number of items of each, shape (benchmarks,).
        answered: number of scores, shape (models, benchmarks).
        total: their sum, shape (models, benchmarks).
        item_answered: number of scores of every item, shape (items,).
        lowest, highest: of every item's scores, shape (items,); NaN where there is none.
        binary: whether every score is 0 or 1.
    """

    benchmarks: tuple[str, ...]
    sizes: NDArray[np.intp]
    answered: NDArray[np.intp]
    total: NDArray[np.float64]
    item_answered: NDArray[np.intp]
    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]
    binary: bool

    @property
    def missing(self) -> float:
        """Share of the cells without a score."""
        return float(1 - self.answered.sum() / (len(self.answered) * self.sizes.sum()))


def tally(responses: ResponseMatrix) -> Tally:
    """Count scores, a slab of models at a time."""
    names, order, starts = by_benchmark(responses)
    n_models, n_items = responses.scores.shape
    answered = np.zeros((n_models, len(names)), dtype=np.intp)
    total = np.zeros((n_models, len(names)))
    item_answered = np.zeros(n_items, dtype=np.intp)
    lowest, highest = (np.full(n_items, np.nan, dtype=np.float32) for _ in range(2))
    binary = True
    for cut in slabs(responses.scores.shape):
        part = responses.scores[cut][:, order]
        known = ~np.isnan(part)
        item_answered += known.sum(axis=0)
        lowest = np.fmin(lowest, np.fmin.reduce(part, axis=0))
        highest = np.fmax(highest, np.fmax.reduce(part, axis=0))
        answered[cut] = np.add.reduceat(known, starts, axis=1, dtype=np.intp)
        part = np.where(known, part, np.float32(0))
        total[cut] = np.add.reduceat(part, starts, axis=1, dtype=np.float64)
        binary = binary and bool((part * part == part).all())
    back = np.argsort(order)
    sizes = np.diff(np.append(starts, n_items))
    return Tally(
        names,
        sizes,
        answered,
        total,
        item_answered[back],
        lowest[back],
        highest[back],
        binary,
    )


def by_benchmark(
    responses: ResponseMatrix,
) -> tuple[tuple[str, ...], NDArray[np.intp], NDArray[np.intp]]:
    """Return names of benchmarks, positions of the items in their order, where each begins."""
    column = responses.items.column("benchmark", "benchmark").astype(str)
    names, of = np.unique(column, return_inverse=True)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(len(names)))
    return tuple(names.tolist()), order, starts
