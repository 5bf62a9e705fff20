"""Weighted means of the answers: estimators that learn nothing from the source models.

With weights v_ti on the anchors, renormalised over the k answered ones,

    score_t = sum_i v_ti y_i,    spread_t^2 = s^2 * sum_i v_ti^2 * (1 - k / N_t)

where s^2 is the variance of the model's answers and N_t the number of items of target t: the
standard error of a sample from a finite population (Cochran 1977, section 2.6).  ``mean`` uses the
target's own weights, ``weighted_anchors`` those of the selector.  Nothing is trained, so models
unlike the source models are predicted no worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import whole
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.common import SMALLEST_SPREAD, normalised
from tinyeval.history import History
from tinyeval.selection.base import Anchors


@dataclass(frozen=True)
class WeightedMean:
    """A weighted mean of the answers for each target.

    A benchmark without answered anchors is estimated by the overall score.

    Attributes:
        weights: shape (targets, anchors); the rows sum to 1, or to 0 for a target without anchors.
        size: number of items of each target, shape (targets,).
        variance: variance of a typical source model's answers, shape (targets,).
        gap: mean square, over source models, of the target minus the mean over its items, shape
            (targets,); 0 unless the target is an external column.
        overall_gap: mean square of the target minus the overall mean over items, shape (targets,).
    """

    weights: Array
    size: Array
    variance: Array
    gap: Array
    overall_gap: Array

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        seen = ~np.isnan(answers)
        y = np.where(seen, answers, 0.0).astype(np.float64)
        columns = [self._target(t, y, seen) for t in range(len(self.weights))]
        mean = np.stack([column[0] for column in columns], axis=1)
        spread = np.stack([column[1] for column in columns], axis=1)
        mean = np.clip(mean, 0.0, 1.0)  # rounding
        return Estimate(
            mean=mean, spread=np.maximum(spread, SMALLEST_SPREAD), novelty=np.zeros(len(y))
        )

    def _target(self, t: int, y: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Return mean and spread of target ``t``, both of shape (models,)."""
        own = seen & (self.weights[t] > 0)
        has_own = own.any(axis=1)
        source = np.where(has_own, t, 0)  # the target whose weights, size and variance apply
        weights = np.where(has_own[:, None], own * self.weights[t], seen * self.weights[0])
        weights = np.where(weights.any(axis=1, keepdims=True), weights, seen)
        weights = weights / weights.sum(axis=1, keepdims=True)
        mean = (weights * y).sum(axis=1)
        count = (weights > 0).sum(axis=1)
        squares = (weights * (y - mean[:, None]) ** 2).sum(axis=1)
        # One more answer of typical variance: a few equal answers do not prove a spread of 0.
        variance = (count * squares + self.variance[source]) / count
        unseen = np.maximum(1.0 - count / self.size[source], 0.0)
        gap = np.where(has_own, self.gap[t], self.overall_gap[t])
        return mean, np.sqrt(variance * (weights**2).sum(axis=1) * unseen + gap)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> WeightedMean:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**state)


def fit_mean(history: History, anchors: Anchors, *, rng: np.random.Generator) -> WeightedMean:
    """Estimate each target by the mean of the answers, with the target's item weights."""
    return _fit(history, history.targets.weights[:, history.positions(anchors.items)])


def fit_weighted_anchors(
    history: History, anchors: Anchors, *, rng: np.random.Generator
) -> WeightedMean:
    """Estimate each target by the mean of its own anchors, with the selector's weights."""
    return _fit(history, anchor_weights(history, anchors))


def anchor_weights(history: History, anchors: Anchors) -> Array:
    """Return the selector's weights of each target's own anchors, shape (targets, anchors)."""
    own = history.targets.weights[:, history.positions(anchors.items)] > 0
    own[0] = True
    return np.where(own, anchors.weights, 0.0)


def _fit(history: History, weights: Array) -> WeightedMean:
    scores = whole(history.filled)
    means = scores @ history.targets.weights.T
    variance = (scores**2) @ history.targets.weights.T - means**2
    truth = history.target_values
    return WeightedMean(
        weights=normalised(weights),
        size=(history.targets.weights > 0).sum(axis=1).astype(np.float64),
        variance=np.maximum(variance, 0.0).mean(axis=0),
        gap=((truth - means) ** 2).mean(axis=0),
        overall_gap=((truth - means[:, :1]) ** 2).mean(axis=0),
    )
