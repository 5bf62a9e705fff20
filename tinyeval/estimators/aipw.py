"""AIPW: predict the unanswered items from the answered ones, then correct by the residuals.

Items are the cases of a regression, source models its features: with x_i the source models'
scores on item i, a new model's answers are fitted by the ridge regression

    f(x) = m + (x - x_mean)' w,    w = argmin sum_{i answered} (y_i - f(x_i))^2 + alpha |w|^2

and a target with item weights W becomes the difference estimator

    sum_{answered} W_i y_i + sum_{unanswered} W_i f(x_i) + U * mean_{answered} (y_i - f(x_i)),

U = sum_{unanswered} W_i, the mean weighted by W (Zhang, Dorner and Hardt 2025, "benchmark
prediction"; Robins, Rotnitzky and Zhao 1994).  For equal weights that is their
mean(y) + (mean_{unanswered} f - mean_{answered} f) / (1 + n / N').  What is learned is learned
from the new model's own answers, so it holds for models unlike the source ones as well.

Ridge regression needs inner products of the x_i alone, so those of the anchors with each other and
with the targets' sums over all items, sum_i W_i x_i, are all that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.irt_based import fit_link
from tinyeval.estimators.means import SMALLEST_SPREAD, normalised
from tinyeval.history import History
from tinyeval.selection.base import Anchors
from tinyeval.slabs import slabs, times

Array = NDArray[np.float64]


@dataclass(frozen=True)
class AIPW:
    """Difference estimator with a ridge regression over items.

    Attributes:
        inner: x_i' x_j of the anchors, shape (anchors, anchors).
        inner_total: x_i' sum_j W_j x_j with all items j, shape (anchors, targets).
        weights: W of the anchors, shape (targets, anchors).
        squares: sum of W^2 over the items that are no anchors, shape (targets,).
        alpha: penalty, shape ().
        variance: of a typical source model's answers, shape ().
        offset, slope, link_variance: from the mean over items to the target, shape (targets,).
    """

    inner: Array
    inner_total: Array
    weights: Array
    squares: Array
    alpha: Array
    variance: Array
    offset: Array
    slope: Array
    link_variance: Array

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        answers = np.asarray(answers, dtype=np.float64)
        mean = np.empty((len(answers), len(self.weights)))
        variance = np.empty_like(mean)
        patterns, which = np.unique(~np.isnan(answers), axis=0, return_inverse=True)
        for k, seen in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == k)
            mean[rows], variance[rows] = self._alike(answers[np.ix_(rows, seen)], seen)
        mean = np.clip(self.offset + self.slope * mean, 0.0, 1.0)
        spread = np.sqrt(self.slope**2 * variance + self.link_variance)
        return Estimate(mean, np.maximum(spread, SMALLEST_SPREAD), np.zeros(len(mean)))

    def _alike(self, y: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Mean and variance of the mean over items, for models that answered the same anchors."""
        n = y.shape[1]
        weights = self.weights[:, seen]
        open_ = np.maximum(1.0 - weights.sum(axis=1), 0.0)
        inner = self.inner[np.ix_(seen, seen)]
        # Inner products with the answered items' x_i, all features centred on those items.
        gram = inner - inner.mean(axis=0)
        gram -= gram.mean(axis=1, keepdims=True)
        unseen = self.inner_total[seen] - inner @ weights.T - np.outer(inner.mean(axis=1), open_)
        unseen -= unseen.mean(axis=0)
        solved = np.linalg.inv(gram + self.alpha * np.eye(n))
        centre = y.mean(axis=1, keepdims=True)
        dual = (y - centre) @ solved
        residual = y - centre - dual @ gram
        own = own_weights(weights)
        mean = y @ weights.T + centre * open_ + dual @ unseen + open_ * (residual @ own.T)
        variance = self._residual_variance(residual, 1.0 / n + (solved * gram).sum(axis=1))
        squares = self.squares + (self.weights[:, ~seen] ** 2).sum(axis=1)
        return mean, variance[:, None] * (open_**2 * (own**2).sum(axis=1) + squares)

    def _residual_variance(self, residual: Array, leverage: Array) -> Array:
        """Variance of the leave-one-out residuals, one model in n the typical source one."""
        n = residual.shape[1]
        left_out = residual / np.maximum(1.0 - leverage, 1e-9)
        return np.asarray(((n - 1) * (left_out**2).mean(axis=1) + self.variance) / n)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> AIPW:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**state)


def fit_aipw(
    history: History, anchors: Anchors, *, rng: np.random.Generator, alpha: float = 10.0
) -> AIPW:
    """Keep the inner products that the regression over items will need; ``rng`` is not used.

    Args:
        history: source models only.
        anchors: whose answers will be given; the method is meant for random ones.
        rng: for the :class:`Estimator` protocol.
        alpha: penalty of the ridge regression, as published; above 0.

    Raises:
        ConfigError: a penalty that is not above 0.
    """
    if not alpha > 0:
        raise ConfigError(f"alpha must be above 0, found {alpha}")
    history = history.sorted()
    scores, weights = history.filled, history.targets.weights
    chosen = history.columns(anchors.items)
    rows, totals = scores[:, chosen].T.astype(np.float64), times(scores, weights.T)
    squares = np.concatenate(
        [scores[cut].astype(np.float64) ** 2 @ weights[0] for cut in slabs(scores.shape)]
    )
    link = fit_link(history)
    return AIPW(
        inner=rows @ rows.T,
        inner_total=rows @ totals,
        weights=weights[:, chosen],
        squares=(np.delete(weights, chosen, axis=1) ** 2).sum(axis=1),
        alpha=np.array(float(alpha)),
        variance=np.array((squares - totals[:, 0] ** 2).mean()),
        offset=link.offset,
        slope=link.slope,
        link_variance=link.variance,
    )


def own_weights(weights: NDArray) -> Array:
    """Weights that sum to 1 in each row; a row without any takes the overall target's.

    Args:
        weights: of the targets on some items, the overall one first, shape (targets, items).
    """
    own = np.where(weights.any(axis=1, keepdims=True), weights, weights[:1])
    return normalised(np.where(own.any(axis=1, keepdims=True), own, 1.0))
