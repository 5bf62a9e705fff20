"""Shifted difficulty: an item-response model with one free parameter for each new model.

    P_i(delta) = sigmoid(logit m_i + delta),     m_i = mean score of the source models on item i

(Rasch 1960).  delta solves sum_{i answered} (y_i - P_i(delta)) = PRECISION * delta, which gives the
posterior mode under a wide normal prior, and

    target = sum_{i answered} w_i y_i + sum_{i unanswered} w_i P_i(delta).

Difficulties differ less for models of another kind than for the source models, because the two
agree only in part on what is hard.  With ``kept`` = k, logit m_i is replaced by k logit m_i: items
that no source model solved are then expected to be solved sooner.  The default learns k from the
model's own answers (:mod:`tinyeval.estimators.slopes`).

If there are several benchmarks, each has its own delta: one Newton step from the overall delta,
under a normal prior of precision OWN_PRECISION around it.

The method takes only the items' difficulties from the history.  It does not use how items vary
together, which a model unlike the source models need not share.  The sums over items are tabulated
over delta once, so a prediction is a table look-up (:mod:`tinyeval.estimators.shift_tables`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import column_means
from tinyeval.errors import ConfigError
from tinyeval.estimators.base import Estimate, State, check_shapes
from tinyeval.estimators.common import fit_link
from tinyeval.estimators.shift_tables import GRID, Runs, ShiftTables, weigh
from tinyeval.history import History
from tinyeval.irt.model import sigmoid
from tinyeval.selection.base import Anchors

EASIEST = 0.99
"""Mean scores are cut to [1 - EASIEST, EASIEST], since an item that nobody solved can be solved."""


@dataclass(frozen=True)
class ShiftEstimator:
    """Tables over GRID; the first target is the overall score.

    Attributes:
        anchors: P of the anchors, shape (grid, anchors).
        expected: weighted sums of P over all items but the anchors, shape (grid, targets).
        noise: variances of these sums given delta, shape (grid, targets).
        weights: weights of the anchors in the targets, shape (targets, anchors).
        offset, slope: link from the weighted means to the targets, shape (targets,).
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
        check_shapes("shift", self, expected)

    @cached_property
    def tables(self) -> ShiftTables:
        """The tables, of one slope."""
        one = {name: getattr(self, name)[None] for name in ("anchors", "expected", "noise")}
        return ShiftTables(**one, weights=self.weights, offset=self.offset, slope=self.slope)

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        shift = self.tables.solve(*weigh(answers))
        return _one_slope(*self.tables.read(shift, answers))

    def predict_runs(self, answers: NDArray, runs: Runs) -> Estimate:
        """Estimate expected scores and scores of the same runs, side by side: (models, 2 targets).

        :meth:`ShiftTables.read_runs` says how.
        """
        shift = self.tables.solve(*runs.weigh(answers))
        return _one_slope(*self.tables.read_runs(shift, answers, runs))

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> ShiftEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in state.items()})


def _one_slope(mean: Array, spread: Array) -> Estimate:
    return Estimate(mean=mean[0], spread=spread[0], novelty=np.zeros(mean.shape[1]))


def logits(history: History) -> Array:
    """Return logit m_i of every item, shape (items,)."""
    mean = np.clip(column_means(history.filled), 1 - EASIEST, EASIEST)
    return np.asarray(np.log(mean / (1 - mean)))


def fit_shift(
    history: History, anchors: Anchors, *, rng: np.random.Generator, kept: float = 1.0
) -> ShiftEstimator:
    """Fit on source models; ``rng`` is not used.

    Args:
        history: source models only.
        anchors: the items that a new model answers.
        rng: for the :class:`Estimator` protocol.
        kept: share of the differences in difficulty that new models keep, from 0 to 1.
    """
    if not 0 <= kept <= 1:
        raise ConfigError(f"kept must lie between 0 and 1, found {kept}")
    return with_slope(history, anchors, kept)


def with_slope(history: History, anchors: Anchors, kept: float) -> ShiftEstimator:
    """Return the estimator whose difficulties are ``kept`` times those of the source models."""
    difficulty, columns = kept * logits(history), history.positions(anchors.items)
    weights, link = history.targets.weights, fit_link(history)
    unasked = weights.copy()
    unasked[:, columns] = 0.0
    expected, noise = np.empty((2, len(GRID), len(weights)))
    for k, delta in enumerate(GRID):  # never grid x items
        p = sigmoid(difficulty + delta)
        expected[k], noise[k] = unasked @ p, unasked**2 @ (p * (1 - p))
    table = sigmoid(difficulty[columns] + GRID[:, None])
    return ShiftEstimator(
        anchors=table,
        expected=expected,
        noise=noise,
        weights=weights[:, columns],
        offset=link.offset,
        slope=link.slope,
    )
