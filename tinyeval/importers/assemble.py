"""Parts of a matrix -> the matrix: each cell is the mean of the trials that files have of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.block import Block, Run
from tinyeval.importers.cells import Answers, Positions, Sums
from tinyeval.importers.compact import MISSING, Compact, compact, expand

MOST_TRIALS = int(np.iinfo(np.uint16).max)

LARGE = 50_000_000
"""Cells from which on a matrix must not be almost empty."""

LEAST_KNOWN = 0.005
"""Share of the cells of a large matrix that must be known."""


@dataclass
class Part:
    """A block whose ids have become positions in the matrix.

    Attributes:
        source: the file.
        columns: positions of its items.
        scores, cells, trials, soft: of the block; cells in ascending order.
        run, sizes: of the block.
        benchmarks: of its items.
        rows: positions of its models, when all models have their names.
    """

    source: Path
    columns: Positions
    scores: Compact
    cells: NDArray[np.int64] | None = None
    trials: NDArray[np.uint16] | None = None
    run: Run | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    benchmarks: frozenset[str] = frozenset()
    rows: Positions = field(default_factory=lambda: np.empty(0, np.int32))
    soft: NDArray[np.float16] | None = None

    @classmethod
    def of(cls, block: Block, columns: Positions, benchmarks: frozenset[str]) -> Part:
        """Return the part of a block, its scores as they are."""
        cells, trials, soft = block.cells, block.trials, block.soft
        scores: Compact = block.scores
        if cells is not None:
            order = np.argsort(cells, kind="stable")
            cells, scores = cells[order], scores[order]
            trials = None if trials is None else trials[order]
            soft = None if soft is None else soft[order]
        own = {"run": block.run, "sizes": block.sizes, "benchmarks": benchmarks, "soft": soft}
        return cls(block.source, columns, scores, cells, trials, **own)  # type: ignore[arg-type]

    def make_small(self) -> None:
        """Hold scores in a byte each where that is possible."""
        self.scores = compact(expand(self.scores))

    def is_whole(self, n_models: int, n_items: int) -> bool:
        """Say whether its scores are the matrix, every cell in its place, one trial each."""
        plain = self.cells is None and self.trials is None and self.scores.dtype == np.float32
        return (
            plain
            and self.scores.flags.c_contiguous
            and self.scores.shape == (n_models, n_items)
            and bool((self.rows == np.arange(n_models)).all())
            and bool((self.columns == np.arange(n_items)).all())
        )

    def answers(self, row: int) -> Answers:
        """Return what it has of the model in one of its rows."""
        if self.cells is None:
            place, columns = slice(row, row + 1), self.columns
            trials = None if self.trials is None else self.trials[row]
            soft = None if self.soft is None else self.soft[row]
            return Answers(columns, expand(self.scores[place])[0], trials, soft)
        first = row * len(self.columns)
        start, stop = np.searchsorted(self.cells, (first, first + len(self.columns)))
        columns = self.columns[self.cells[start:stop] - first]
        trials = None if self.trials is None else self.trials[start:stop]
        soft = None if self.soft is None else self.soft[start:stop]
        return Answers(columns, expand(self.scores[start:stop]), trials, soft)

    @property
    def known(self) -> int:
        """Number of scores."""
        missing = self.scores == MISSING if self.scores.dtype == np.uint8 else np.isnan(self.scores)
        return self.scores.size - int(np.count_nonzero(missing))


class Assembled(NamedTuple):
    """The matrix.

    Attributes:
        scores: float32, (models, items), NaN where no part has one.
        trials: uint16, (models, items), 0 where there is no score; None: one each.
        averaged: positions of the parts of which a cell was averaged with another's.
        soft: float16, (models, items), NaN where not known; None: of none.
    """

    scores: NDArray[np.float32]
    trials: NDArray[np.uint16] | None
    averaged: frozenset[int]
    soft: NDArray[np.float16] | None = None


def assemble(
    parts: Sequence[Part], models: Sequence[str], items: Sequence[str], average: bool
) -> Assembled:
    """Put parts into one matrix.

    Args:
        parts: what files have, their rows known.
        models: ids of the rows.
        items: ids of the columns.
        average: average cells of which several tables have a score, instead of refusing them;
            runs always are.

    Raises:
        DataError: two tables have different scores of a cell, a cell has too many trials, or the
            matrix would be large and almost empty.
    """
    _check_size(parts, models, items)
    if len(parts) == 1 and parts[0].is_whole(len(models), len(items)):
        return Assembled(parts[0].scores, None, frozenset(), parts[0].soft)  # type: ignore[arg-type]
    matrix = _Matrix(models, items)
    if any(part.soft is not None for part in parts):
        matrix.soft = np.full(matrix.scores.shape, np.nan, dtype=np.float16)
    entries: list[list[tuple[int, int]]] = [[] for _ in models]
    for k, part in enumerate(parts):
        for i, row in enumerate(part.rows.tolist()):
            entries[row].append((k, i))
    for row, found in enumerate(entries):
        if len(found) == 1:
            ((k, i),) = found
            matrix.put(row, parts[k].answers(i))
        elif found:
            matrix.add(row, parts, found, average)
    return Assembled(matrix.scores, matrix.trials, frozenset(matrix.averaged), matrix.soft)


def _check_size(parts: Sequence[Part], models: Sequence[str], items: Sequence[str]) -> None:
    cells = len(models) * len(items)
    if cells <= LARGE:
        return
    known = sum(part.known for part in parts)
    if known < LEAST_KNOWN * cells:
        raise DataError(
            f"{known:,} scores of {len(models):,} models x {len(items):,} items: "
            f"{100 * known / cells:.2g} % of the matrix is known, which is too little to learn "
            "from; check that the columns of models and items are the right ones, or read the "
            "items and models that overlap"
        )


class _Matrix:
    """Scores, trials and soft scores as they are filled, a row at a time."""

    def __init__(self, models: Sequence[str], items: Sequence[str]) -> None:
        self.models, self.items = models, items
        self.scores = np.full((len(models), len(items)), np.nan, dtype=np.float32)
        self.trials: NDArray[np.uint16] | None = None
        self.soft: NDArray[np.float16] | None = None
        self.averaged: set[int] = set()

    def put(self, row: int, answers: Answers) -> None:
        """Write what one part has of a row."""
        self.scores[row, answers.columns] = answers.scores
        if self.soft is not None and answers.soft is not None:
            self.soft[row, answers.columns] = answers.soft
        if answers.trials is not None:
            known = ~np.isnan(answers.scores)
            self._count(row, answers.columns[known], answers.trials[known])
        elif self.trials is not None:
            self.trials[row, answers.columns] = ~np.isnan(answers.scores)

    def add(
        self, row: int, parts: Sequence[Part], entries: Sequence[tuple[int, int]], average: bool
    ) -> None:
        """Write the means of what several parts have of a row."""
        sums = Sums(len(self.items))
        for k, i in entries:
            answers = parts[k].answers(i).known()
            again = sums.count[answers.columns] > 0
            if again.any() and (average or parts[k].run is not None):
                before = sums.owner[answers.columns[again]]
                self.averaged |= {k, *np.unique(before).tolist()}
            elif again.any():
                self._refuse_others(row, parts, k, sums, answers.where(again))
                answers = answers.where(~again)
            sums.add(answers, k)
        known = np.flatnonzero(sums.count)
        self.scores[row, known] = sums.total[known] / sums.count[known]
        if self.soft is not None:
            some = np.flatnonzero(sums.soft_count)
            self.soft[row, some] = sums.soft[some] / sums.soft_count[some]
        self._count(row, known, sums.count[known])

    def _refuse_others(
        self, row: int, parts: Sequence[Part], k: int, sums: Sums, answers: Answers
    ) -> None:
        """Raise unless cells that earlier parts have, too, are the same there."""
        columns = answers.columns
        before = (sums.total[columns] / sums.count[columns]).astype(np.float32)
        counts = answers.counts()
        differing = np.flatnonzero((before != answers.scores) | (sums.count[columns] != counts))
        if not differing.size:
            return
        one = differing[0]
        old, new = (
            f"{score:g}{'' if n == m == 1 else f' of {n} trials'}"
            for score, n, m in (
                (before[one], sums.count[columns[one]], counts[one]),
                (answers.scores[one], counts[one], sums.count[columns[one]]),
            )
        )
        raise DataError(
            f"model {self.models[row]!r} has two scores on item {self.items[columns[one]]!r}: "
            f"{old} in {parts[sums.owner[columns[one]]].source} and {new} in {parts[k].source}; "
            "leave one file out, give the models different names, or average repeats "
            "(--repeats average)"
        )

    def _count(self, row: int, columns: NDArray, trials: NDArray) -> None:
        if self.trials is None:
            if (trials == 1).all():
                return
            self.trials = (~np.isnan(self.scores)).astype(np.uint16)
        if len(trials) and trials.max() > MOST_TRIALS:
            k = int(np.argmax(trials))
            raise DataError(
                f"model {self.models[row]!r} has {trials[k]:,} trials of item "
                f"{self.items[columns[k]]!r}; at most {MOST_TRIALS:,} can be counted"
            )
        self.trials[row, columns] = trials
