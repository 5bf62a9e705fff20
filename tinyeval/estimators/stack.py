"""The default estimator: one expert inside the history's range, others beyond it, and a gate.

Inside the range the best predictor leans on the history: kriging, averaged over drift sizes with
half of the prior weight on no drift at all.  Beyond it the same trust is what breaks every learned
method, and two predictors hold that let a model's own answers speak: kriging under large drift,
and AIPW, whose regression is learned from those answers alone.  They err differently (kriging
knows how items vary, AIPW assumes nothing), so their mean is better than either.

Which one a model needs shows in where it lands: the probability, under the robust prediction
t ~ N(r, v), that its score lies outside the central 90 % of the source models' scores,

    g = P(t > q95) + P(t < q05),        prediction = (1 - g) inside + g robust.

A model stronger or weaker than the history is thus never pulled back to it, and one in its midst
keeps the precision that history buys.  Between the two, drift by evidence (inside the first
expert) still notices models that score like the source ones but answer unlike them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import BankError, ConfigError
from tinyeval.estimators.aipw import AIPW, fit_aipw
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.kriging import DRIFT_GRID, Kriging, fit_kriging
from tinyeval.history import History
from tinyeval.selection.base import Anchors

Array = NDArray[np.float64]

ROBUST_DRIFT = 0.15
"""Drift sizes from here on make the robust kriging."""


@dataclass(frozen=True)
class Stack:
    """The two experts and the range between them.

    Attributes:
        kriging: under every drift hypothesis.
        aipw: on the same anchors.
        score_range: quantiles of the source models' targets that bound the inside, shape
            (2, targets).
    """

    kriging: Kriging
    aipw: AIPW
    score_range: Array

    def __post_init__(self) -> None:
        targets = len(self.kriging.target_mean)
        if np.shape(self.score_range) != (2, targets):
            raise BankError(
                f"stack score_range has shape {np.shape(self.score_range)}, expected {(2, targets)}"
            )
        if not (self.kriging.drift >= ROBUST_DRIFT).any():
            raise BankError(f"stack has no drift size from {ROBUST_DRIFT:g} on")

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        answers = np.asarray(answers, dtype=np.float64)
        n, targets = len(answers), len(self.kriging.target_mean)
        mean, spread, novelty = np.empty((n, targets)), np.empty((n, targets)), np.empty(n)
        aipw = self.aipw.predict(answers)
        patterns, which = np.unique(~np.isnan(answers), axis=0, return_inverse=True)
        for k, seen in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == k)
            found = self.kriging.hypotheses(answers[np.ix_(rows, seen)], seen)
            unbound = Estimate(aipw.mean[rows], aipw.spread[rows], aipw.novelty[rows])
            mean[rows], spread[rows], novelty[rows] = self._gated(found, unbound)
        return Estimate(mean, spread, novelty)

    def _gated(
        self, hypotheses: tuple[Array, Array, Array], aipw: Estimate
    ) -> tuple[Array, Array, Array]:
        """Mix the experts for models that answered the same anchors."""
        means, variances, evidence = hypotheses
        inside, inside_spread, drifted = self.kriging.average(means, variances, evidence)
        large = self.kriging.drift >= ROBUST_DRIFT
        robust = self.kriging.average(
            np.clip(means, 0, 1), variances, np.where(large[:, None], evidence, -np.inf)
        )
        beyond, beyond_spread = _mean_of_two(robust[0], robust[1], aipw.mean, aipw.spread)
        gate = self._outside(beyond, robust[1])
        mean, spread = _mixture(gate, inside, inside_spread, beyond, beyond_spread)
        return mean, spread, 1 - (1 - gate[:, 0]) * (1 - drifted)

    def _outside(self, mean: Array, spread: Array) -> Array:
        """Probability that a target lies outside the range, shape (models, targets)."""
        low, high = self.score_range
        return np.minimum(
            _normal_cdf((mean - high) / spread) + _normal_cdf((low - mean) / spread), 1.0
        )

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        parts = {"kriging": self.kriging.state(), "aipw": self.aipw.state()}
        arrays = {
            f"{part}/{name}": value
            for part, state in parts.items()
            for name, value in state.items()
        }
        return {"score_range": self.score_range, **arrays}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Stack:
        """Rebuild a fitted estimator from ``state()``."""

        def part(prefix: str) -> State:
            return {
                name.removeprefix(prefix): np.asarray(value, dtype=np.float64)
                for name, value in state.items()
                if name.startswith(prefix)
            }

        return cls(
            Kriging.from_state(part("kriging/")),
            AIPW.from_state(part("aipw/")),
            np.asarray(state["score_range"], dtype=np.float64),
        )


def fit_stack(
    history: History,
    anchors: Anchors,
    *,
    rng: np.random.Generator,
    drift: Sequence[float] = DRIFT_GRID,
    undrifted: float = 0.5,
    temper: float = 2.0,
    irt_share: float = 0.5,
    shrinkage: float = 0.3,
    length: float = 1.0,
    alpha: float = 10.0,
    tail: float = 0.05,
) -> Stack:
    """Fit on source models; ``rng`` is not used.

    Args:
        history: source models only.
        anchors: whose answers will be given.
        rng: for the :class:`Estimator` protocol.
        drift, undrifted, temper, irt_share, shrinkage, length: of :func:`fit_kriging`.
        alpha: of :func:`fit_aipw`.
        tail: share of the source models beyond each end of the range, in [0, 0.5).

    Raises:
        ConfigError: an option outside its range, or no drift from ROBUST_DRIFT on.
    """
    if not 0 <= tail < 0.5:
        raise ConfigError(f"tail must lie in [0, 0.5), found {tail}")
    kriging = fit_kriging(
        history,
        anchors,
        rng=rng,
        drift=drift,
        undrifted=undrifted,
        temper=temper,
        irt_share=irt_share,
        shrinkage=shrinkage,
        length=length,
    )
    if max(drift) < ROBUST_DRIFT:
        raise ConfigError(f"stack needs a drift size from {ROBUST_DRIFT:g} on, found {list(drift)}")
    quantiles = np.quantile(history.target_values, [tail, 1 - tail], axis=0)
    return Stack(kriging, fit_aipw(history, anchors, rng=rng, alpha=alpha), quantiles)


def _mean_of_two(a: Array, spread_a: Array, b: Array, spread_b: Array) -> tuple[Array, Array]:
    """Mean of two predictions that share most of their error, and its spread."""
    spread = np.sqrt((spread_a**2 + spread_b**2) / 2 + (a - b) ** 2 / 4)
    return (a + b) / 2, spread


def _mixture(
    gate: Array, a: Array, spread_a: Array, b: Array, spread_b: Array
) -> tuple[Array, Array]:
    """Mean and spread of a mixture that is b with probability ``gate``."""
    mean = (1 - gate) * a + gate * b
    within = (1 - gate) * spread_a**2 + gate * spread_b**2
    return mean, np.sqrt(within + gate * (1 - gate) * (a - b) ** 2)


def _normal_cdf(x: Array) -> Array:
    """Standard normal distribution function."""
    return np.asarray(0.5 * (1 + np.vectorize(erf, otypes=[float])(x / sqrt(2))))
