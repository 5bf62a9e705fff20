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
over delta once, so a prediction is a table look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import column_means
from tinyeval.errors import ConfigError
from tinyeval.estimators.base import Estimate, State, check_shapes
from tinyeval.estimators.common import SMALLEST_SPREAD, fit_link
from tinyeval.history import History
from tinyeval.irt.model import sigmoid
from tinyeval.selection.base import Anchors

PRECISION = 0.3
"""Precision of the prior of delta: a standard deviation of 1.8 logits."""

OWN_PRECISION = 1.0
"""Precision of the prior of a benchmark's delta around the overall one, in 1 / logits squared."""

EASIEST = 0.99
"""Mean scores are cut to [1 - EASIEST, EASIEST], since an item that nobody solved can be solved."""

SMALLEST_P = 1e-9
"""Smallest probability of an answer in a likelihood."""

GRID = np.linspace(-8.0, 8.0, 321)
"""Values of delta at which sums are tabulated."""


class _Shift(NamedTuple):
    """Deltas of some models, by target."""

    value: Array  # (models, targets)
    variance: Array  # (models, targets)
    p: Array  # P of the anchors at the overall delta, (models, anchors)
    step: Array  # difference from the overall delta, (models, targets)


class Runs(NamedTuple):
    """Answers that are means of several runs: see :mod:`tinyeval.estimators.trials`.

    Attributes:
        share: share of the Bernoulli variance that is run noise, shape (anchors,).
        unasked_share: the same of the items that are not asked, shape (targets,).
        inverse: 1 / n of every answer, shape (models, anchors).
        usual: 1 / n in the history, shape (anchors,).
    """

    share: Array
    unasked_share: Array
    inverse: Array
    usual: Array

    @property
    def noise(self) -> Array:
        """Variance of every answer in units of p (1 - p), shape (models, anchors)."""
        return 1.0 - self.share + self.share * self.inverse

    def weigh(self, answers: NDArray) -> tuple[Array, Array]:
        """Return answers times their weights in the equation, 0 where unanswered, and weights."""
        seen = ~np.isnan(answers)
        weight = seen * (1.0 - self.share + self.share * self.usual) / self.noise
        return weight * np.where(seen, answers, 0.0), weight


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

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        seen = ~np.isnan(answers)
        given = np.where(seen, answers, 0.0)
        shift = self._shift(given, seen)
        place, part = _between(shift.value)
        expected, noise, steep = (
            (1 - part) * np.take_along_axis(table, place, 0)
            + part * np.take_along_axis(table, place + 1, 0)
            for table in (self.expected, self.noise, self.steepness)
        )
        information = np.where(seen, 0.0, shift.p * (1 - shift.p))  # of the unanswered anchors
        mean = np.where(seen, given, shift.p) @ self.weights.T + expected
        mean += shift.step * (information @ self.weights.T)
        steep = steep + information @ self.weights.T
        variance = steep**2 * shift.variance + noise + information @ (self.weights**2).T
        mean = np.clip(self.offset + self.slope * mean, 0.0, 1.0)
        spread = np.maximum(np.abs(self.slope) * np.sqrt(variance), SMALLEST_SPREAD)
        return Estimate(mean=mean, spread=spread, novelty=np.zeros(len(answers)))

    def predict_runs(self, answers: NDArray, runs: Runs) -> Estimate:
        """Estimate expected scores and scores of the same runs, side by side: (models, 2 targets).

        An answer's variance is p (1 - p) (1 - share + share / n).  It weighs in the equation by the
        inverse, 1 for as many runs as the history had.  The probability of an asked item lies
        between P and the answer, nearer to the answer the more runs it has.
        """
        seen, share = ~np.isnan(answers), runs.share
        given = np.where(seen, answers, 0.0)
        noise, shift = runs.noise, self._shift(*runs.weigh(answers))
        place, part = _between(shift.value)
        expected, scatter, steep = (
            (1 - part) * np.take_along_axis(table, place, 0)
            + part * np.take_along_axis(table, place + 1, 0)
            for table in (self.expected, self.noise, self.steepness)
        )
        information, few = shift.p * (1 - shift.p), runs.inverse.mean(axis=1)[:, None]
        taken = np.where(seen, (1.0 - share) / noise, 0.0)  # share of the answer in p
        left = np.where(seen, taken * share * runs.inverse, 1.0 - share)  # of information, in T
        unknown = np.where(seen, 0.0, noise)  # the same in S
        kinds = (
            (taken, left, 1.0 - runs.unasked_share),
            (seen * 1.0, unknown, 1.0 - runs.unasked_share * (1.0 - few)),
        )
        means, variances = [], []
        for known, rest, others in kinds:
            open_ = (1.0 - known) * information @ self.weights.T
            mean = (shift.p + known * (given - shift.p)) @ self.weights.T + expected
            means.append(mean + shift.step * open_)
            variance = (steep + open_) ** 2 * shift.variance + others * scatter
            variances.append(variance + (rest * information) @ (self.weights**2).T)
        offset, slope = np.tile(self.offset, 2), np.tile(self.slope, 2)
        mean = np.clip(offset + slope * np.hstack(means), 0.0, 1.0)
        spread = np.maximum(np.abs(slope) * np.sqrt(np.hstack(variances)), SMALLEST_SPREAD)
        return Estimate(mean=mean, spread=spread, novelty=np.zeros(len(answers)))

    def evidence(self, given: Array, seen: NDArray) -> Array:
        """Log likelihood of answers with delta integrated out, by Laplace, shape (models,).

        Args:
            given: answers times their weights, 0 where unanswered, shape (models, anchors).
            seen: the weights; 1 for answers of one run, 0 where unanswered.
        """
        shift = self._shift(given, seen)
        p = np.clip(shift.p, SMALLEST_P, 1.0 - SMALLEST_P)
        likelihood = (given * np.log(p) + (seen - given) * np.log(1.0 - p)).sum(axis=1)
        prior = -0.5 * PRECISION * shift.value[:, 0] ** 2
        return np.asarray(likelihood + prior + 0.5 * np.log(shift.variance[:, 0]))

    @cached_property
    def steepness(self) -> Array:
        """Slope of ``expected``, shape (grid, targets)."""
        return np.asarray(np.gradient(self.expected, GRID, axis=0))

    def _shift(self, given: Array, seen: NDArray) -> _Shift:
        """Solve the equation; ``given`` are answers times weights, ``seen`` the weights."""
        # left side minus right side of the equation, falling along the grid
        excess = given.sum(axis=1)[:, None] - seen @ self.anchors.T - PRECISION * GRID
        place = np.clip((excess > 0).sum(axis=1) - 1, 0, len(GRID) - 2)
        rows = np.arange(len(given))
        here, there = excess[rows, place], excess[rows, place + 1]
        part = np.clip(here / (here - there), 0.0, 1.0)
        delta = ((1 - part) * GRID[place] + part * GRID[place + 1])[:, None]
        p = (1 - part)[:, None] * self.anchors[place] + part[:, None] * self.anchors[place + 1]
        information = seen * p * (1 - p)
        own = (self.weights > 0).astype(np.float64).T
        known = information @ own + OWN_PRECISION
        step = (given - seen * p) @ own / known
        variance = 1.0 / (PRECISION + information.sum(axis=1))[:, None]
        apart = 1.0 / known + (OWN_PRECISION / known) ** 2 * variance
        step[:, 0], apart[:, 0] = 0.0, variance[:, 0]
        return _Shift(delta + step, apart, p, step)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> ShiftEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in state.items()})


def _between(delta: Array) -> tuple[NDArray[np.intp], Array]:
    """Return the position in GRID below each delta, and its fraction of the step to the next."""
    apart = (np.clip(delta, GRID[0], GRID[-1]) - GRID[0]) / (GRID[1] - GRID[0])
    place = np.minimum(apart.astype(np.intp), len(GRID) - 2)
    return place, apart - place


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
