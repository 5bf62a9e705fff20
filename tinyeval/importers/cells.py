"""What parts of a matrix have of one model, and sums over its repeated answers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int32]


class Answers(NamedTuple):
    """What a part has of one model.

    Attributes:
        columns: positions of items in the matrix, unique.
        scores: float32, as many.
        trials: as many; None: one each.
        soft: soft scores, as many, NaN where not known; None: of none.
    """

    columns: Positions
    scores: NDArray[np.float32]
    trials: NDArray[np.uint16] | None
    soft: NDArray[np.float16] | None = None

    def where(self, mask: NDArray[np.bool_]) -> Answers:
        """Return some of them."""
        trials = None if self.trials is None else self.trials[mask]
        soft = None if self.soft is None else self.soft[mask]
        return Answers(self.columns[mask], self.scores[mask], trials, soft)

    def known(self) -> Answers:
        """Return those that have a score."""
        return self.where(~np.isnan(self.scores))

    def counts(self) -> NDArray[np.int64]:
        """Return the number of trials of each."""
        if self.trials is None:
            return np.ones(len(self.columns), np.int64)
        return self.trials.astype(np.int64)


class Sums:
    """Sums over the trials of one model's cells, and the part that was the first to have each.

    Sums of float32 times small whole numbers are exact in float64: their order does not matter.
    """

    def __init__(self, n_items: int) -> None:
        self.total = np.zeros(n_items)
        self.count = np.zeros(n_items, dtype=np.int64)
        self.owner = np.full(n_items, -1)
        self.soft, self.soft_count = np.zeros(n_items), np.zeros(n_items, dtype=np.int64)

    def add(self, answers: Answers, owner: int) -> None:
        """Add what a part has."""
        columns, counts = answers.columns, answers.counts()
        self.owner[columns[self.count[columns] == 0]] = owner
        self.total[columns] += answers.scores.astype(np.float64) * counts
        self.count[columns] += counts
        if answers.soft is not None:
            there = ~np.isnan(answers.soft)
            soft = answers.soft[there].astype(np.float64)
            self.soft[columns[there]] += soft * counts[there]
            self.soft_count[columns[there]] += counts[there]
