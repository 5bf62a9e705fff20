"""Shifted difficulty with a slope that the model's own answers decide.

    P_i(delta, k) = sigmoid(k logit m_i + delta)

(:mod:`tinyeval.estimators.shift`).  k says how far the model agrees with the source models on what
is hard.  It has a normal prior, mean KEPT and standard deviation APART, integrated over at the
NODES of Gauss and Hermite: every node k_j gives a prediction, and they are averaged with weights

    prior_j * likelihood(answers | delta_j, k_j) * N(delta_j; 0, 1 / PRECISION) * sd(delta_j)

where delta_j is the posterior mode and sd(delta_j) the posterior standard deviation of delta, so
the weight is the Laplace approximation of the evidence (Tierney and Kadane 1986).  Ten answers
hardly move the prior; hundreds decide.

Where the overall score is a weighted mean of benchmarks, it is predicted twice: with one delta for
all items, and as the weighted mean of the benchmarks' predictions, each with a delta of its own.
The first is steadier, the second is right where benchmarks are not shifted alike.  BY_BENCHMARK is
the weight of the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.errors import BankError
from tinyeval.estimators.base import Estimate, State, check_shapes
from tinyeval.estimators.shift import logits, with_slope
from tinyeval.estimators.shift_tables import GRID, Runs, Shift, ShiftTables, weigh
from tinyeval.history import History
from tinyeval.irt.model import sigmoid
from tinyeval.selection.base import Anchors

KEPT = 0.85
"""Share of the items' differences in difficulty that models beyond the range keep, on average."""

APART = 0.1
"""Standard deviation of that share from model to model."""

NODES = 5
"""Number of slopes."""

BY_BENCHMARK = 0.5
"""Weight of the mean of the benchmarks' predictions in that of the overall score."""


@dataclass(frozen=True)
class SlopeAverage:
    """Tables over slopes and GRID; the first target is the overall score.

    Attributes:
        difficulty: logit of the source models' mean score on each anchor, shape (anchors,).
        slopes: k, shape (slopes,).
        prior: weights of the slopes, shape (slopes,).
        expected, noise: as in :class:`ShiftEstimator`, shape (slopes, grid, targets).
        weights: weights of the anchors in the targets, shape (targets, anchors).
        offset, slope: link from the weighted means to the targets, shape (targets,).
        overall: weights of the targets' predictions in the overall score's, shape (targets,).
    """

    difficulty: Array
    slopes: Array
    prior: Array
    expected: Array
    noise: Array
    weights: Array
    offset: Array
    slope: Array
    overall: Array

    def __post_init__(self) -> None:
        n, k, targets = len(self.difficulty), len(self.slopes), len(self.slope)
        expected = {
            "prior": (k,),
            **dict.fromkeys(("expected", "noise"), (k, len(GRID), targets)),
            "weights": (targets, n),
            **dict.fromkeys(("offset", "overall"), (targets,)),
        }
        check_shapes("shift", self, expected)
        if not (k and (self.prior > 0).all()):
            raise BankError("shift has no slopes, or slopes without weight")

    @cached_property
    def tables(self) -> ShiftTables:
        """Shifted difficulty under every slope."""
        return ShiftTables(
            anchors=sigmoid(self.slopes[:, None, None] * self.difficulty + GRID[:, None]),
            expected=self.expected,
            noise=self.noise,
            weights=self.weights,
            offset=self.offset,
            slope=self.slope,
        )

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        given, seen = weigh(answers)
        shift = self.tables.solve(given, seen)
        shares = self.shares(shift, given, seen)
        return self._average(*self.tables.read(shift, answers), shares)

    def predict_runs(self, answers: NDArray, runs: Runs) -> Estimate:
        """Estimate expected scores and scores of the same runs, as ``ShiftEstimator`` does."""
        given, weight = runs.weigh(answers)
        shift = self.tables.solve(given, weight)
        shares = self.shares(shift, given, weight)
        return self._average(*self.tables.read_runs(shift, answers, runs), shares)

    def shares(self, shift: Shift, given: Array, weight: NDArray) -> Array:
        """Return the posterior weights of the slopes, shape (slopes, models).

        Args:
            shift, given, weight: as in :meth:`ShiftTables.evidence`.
        """
        evidence = self.tables.evidence(shift, given, weight)
        share = np.exp(evidence - evidence.max(axis=0)) * self.prior[:, None]
        return np.asarray(share / share.sum(axis=0))

    def _average(self, means: Array, spreads: Array, shares: Array) -> Estimate:
        """Return mean and spread of the mixture of one estimate for each slope."""
        share = shares[:, :, None]
        mean = (share * means).sum(axis=0)
        variance = (share * (spreads**2 + (means - mean) ** 2)).sum(axis=0)
        targets = len(self.overall)
        for first in range(0, mean.shape[1], targets):  # expected scores, then those of runs
            mean[:, first] = mean[:, first : first + targets] @ self.overall
        return Estimate(mean=mean, spread=np.sqrt(variance), novelty=np.zeros(len(mean)))

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> SlopeAverage:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in state.items()})


def fit_slopes(history: History, anchors: Anchors, *, rng: np.random.Generator) -> SlopeAverage:
    """Fit on source models; ``rng`` is not used."""
    nodes, prior = hermegauss(NODES)
    slopes = KEPT + APART * nodes
    parts = [with_slope(history, anchors, float(k)) for k in slopes]
    first = parts[0]
    return SlopeAverage(
        difficulty=logits(history)[history.positions(anchors.items)],
        slopes=slopes,
        prior=prior / prior.sum(),
        expected=np.array([one.expected for one in parts]),
        noise=np.array([one.noise for one in parts]),
        weights=first.weights,
        offset=first.offset,
        slope=first.slope,
        overall=_overall(history),
    )


def _overall(history: History) -> Array:
    """Weights of the targets' predictions in that of the overall score, shape (targets,)."""
    targets = history.targets
    weights = targets.weights
    alone = np.eye(len(weights))[0]
    if len(weights) < 3 or targets.external.any():
        return alone
    part = (weights[1:] > 0) @ weights[0]
    if not np.allclose(part @ weights[1:], weights[0]):  # the benchmarks are not all of it
        return alone
    return np.asarray((1 - BY_BENCHMARK) * alone + BY_BENCHMARK * np.r_[0.0, part])
