"""Shifted difficulty: an item-response model with one free number for each new model.

    P_i(delta) = sigmoid(logit m_i + delta),     m_i = mean score of the source models on item i

(Rasch 1960).  delta solves sum_{i answered} (y_i - P_i(delta)) = PRECISION * delta, the mode under
a wide normal prior, and

    target = sum_{i answered} w_i y_i + sum_{i unanswered} w_i P_i(delta).

It knows of the history how hard each item is and nothing else: not how items vary together, nor
what told source models apart, which is what a model unlike them need not share.  All that depends
on the items is tabulated over delta once, so that a prediction costs a table look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import BankError
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.irt_based import fit_link
from tinyeval.estimators.means import SMALLEST_SPREAD
from tinyeval.history import History
from tinyeval.irt.model import Array, sigmoid
from tinyeval.selection.base import Anchors
from tinyeval.slabs import column_means

PRECISION = 0.3
"""Of the prior of delta: a standard deviation of 1.8 logits."""

EASIEST = 0.99
"""Mean scores are cut to [1 - EASIEST, EASIEST]: what no source model solved is not impossible."""

GRID = np.linspace(-8.0, 8.0, 321)
"""Values of delta that are tabulated."""


@dataclass(frozen=True)
class ShiftEstimator:
    """Tables over GRID.

    Attributes:
        anchors: P of the anchors, shape (grid, anchors).
        expected: weighted sums of P over all items, shape (grid, targets).
        noise: variances of what unasked items add to that, shape (grid, targets).
        weights: of the anchors in the targets, shape (targets, anchors).
        offset, slope: of the targets on their weighted means, shape (targets,).
    """

    anchors: Array
    expected: Array
    noise: Array
    weights: Array
    offset: Array
    slope: Array

    def __post_init__(self) -> None:
        n, targets = np.shape(self.anchors)[-1], len(self.slope)
        expected = {
            "anchors": (len(GRID), n),
            **dict.fromkeys(("expected", "noise"), (len(GRID), targets)),
            "weights": (targets, n),
            "offset": (targets,),
        }
        for name, shape in expected.items():
            if np.shape(getattr(self, name)) != shape:
                found = np.shape(getattr(self, name))
                raise BankError(f"shift {name} has shape {found}, expected {shape}")

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        seen = (~np.isnan(answers)).astype(np.float64)
        given = np.where(seen > 0, answers, 0.0)
        # the left side minus the right side of the equation, falling along the grid
        excess = given.sum(axis=1)[:, None] - seen @ self.anchors.T - PRECISION * GRID
        place = np.clip((excess > 0).sum(axis=1) - 1, 0, len(GRID) - 2)
        rows = np.arange(len(answers))
        here, there = excess[rows, place], excess[rows, place + 1]
        part = np.clip(here / (here - there), 0.0, 1.0)[:, None]

        def at(table: Array) -> Array:
            return (1 - part) * table[place] + part * table[place + 1]

        p = at(self.anchors)
        mean = at(self.expected) + np.where(seen > 0, given - p, 0.0) @ self.weights.T
        steep = (self.expected[place + 1] - self.expected[place]) / (GRID[1] - GRID[0])
        steep -= (seen * p * (1 - p)) @ self.weights.T  # answered items are known
        precision = PRECISION + (seen * p * (1 - p)).sum(axis=1)
        variance = steep**2 / precision[:, None] + at(self.noise)
        mean = np.clip(self.offset + self.slope * mean, 0.0, 1.0)
        spread = np.maximum(np.abs(self.slope) * np.sqrt(variance), SMALLEST_SPREAD)
        return Estimate(mean, spread, np.zeros(len(answers)))

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> ShiftEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in state.items()})


def fit_shift(history: History, anchors: Anchors, *, rng: np.random.Generator) -> ShiftEstimator:
    """Fit on source models; ``rng`` is not used."""
    mean = np.clip(column_means(history.filled), 1 - EASIEST, EASIEST)
    difficulty, columns = np.log(mean / (1 - mean)), history.columns(anchors.items)
    weights, link = history.targets.weights, fit_link(history)
    unasked = weights**2
    unasked[:, columns] = 0.0
    expected, noise = np.empty((2, len(GRID), len(weights)))
    for k, delta in enumerate(GRID):  # never grid x items
        p = sigmoid(difficulty + delta)
        expected[k], noise[k] = weights @ p, unasked @ (p * (1 - p))
    table = sigmoid(difficulty[columns] + GRID[:, None])
    return ShiftEstimator(table, expected, noise, weights[:, columns], link.offset, link.slope)
