"""AIPW: predict the unanswered items from the answered items, then correct by the residuals.

The regression has items as cases and source models as features.  With x_i the source models' scores
on item i, a new model's answers are fitted by the ridge regression

    f(x) = m + (x - x_mean)' w,    w = argmin sum_{i answered} (y_i - f(x_i))^2 + alpha |w|^2

and a target with item weights W becomes the difference estimator

    sum_{answered} W_i y_i + sum_{unanswered} W_i f(x_i) + U * mean_{answered} (y_i - f(x_i)),

U = sum_{unanswered} W_i, the mean weighted by W (Zhang, Dorner and Hardt 2025, "benchmark
prediction"; Robins, Rotnitzky and Zhao 1994).  For equal weights that is their
mean(y) + (mean_{unanswered} f - mean_{answered} f) / (1 + n / N').  The regression is fitted to the
new model's own answers, so it also holds for models unlike the source models.

Ridge regression needs only inner products of the x_i.  So the estimator keeps those of the anchors
with each other and with the targets' sums over all items, sum_i W_i x_i.  With A = X X' + alpha I
over the answered items, f(x) = l + u'Xx, where A u = y - l and the u_i sum to 0; the residuals are
alpha u, and 1 - leverage_i = alpha (A^-1 - A^-1 1 1'A^-1 / 1'A^-1 1)_ii (Allen 1974).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import slabs, times
from tinyeval.errors import ConfigError
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.common import SMALLEST_SPREAD, fit_link
from tinyeval.estimators.unanswered import alike
from tinyeval.history import History
from tinyeval.selection.base import Anchors


@dataclass(frozen=True)
class AIPW:
    """Difference estimator with a ridge regression over items.

    Attributes:
        inner: x_i' x_j of the anchors, shape (anchors, anchors).
        inner_total: x_i' sum_j W_j x_j over all items j, shape (anchors, targets).
        weights: W of the anchors, shape (targets, anchors).
        squares: sum of W^2 over the items that are not anchors, shape (targets,).
        alpha: penalty, shape ().
        variance: variance of a typical source model's answers, shape ().
        offset, slope, link_variance: link from the mean over items to the target, shape (targets,).
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

    @cached_property
    def precision(self) -> Array:
        """Inverse of the inner products plus the penalty, shape (anchors, anchors)."""
        return np.asarray(np.linalg.inv(self.inner + self.alpha * np.eye(len(self.inner))))

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        seen = ~np.isnan(answers)
        y = np.where(seen, answers, 0.0).astype(np.float64)
        level, dual, free = self._regression(y, seen)
        residual, free = self.alpha * dual, self.alpha * free
        total = seen @ self.weights.T
        open_ = np.maximum(1.0 - total, 0.0)
        unseen = dual @ self.inner_total - (dual @ self.inner * seen) @ self.weights.T
        bias, squares = self._own_means(residual, seen, total)
        mean = y @ self.weights.T + unseen + open_ * (level + bias)
        squares = open_**2 * squares + self.squares + ~seen @ (self.weights**2).T
        variance = _residual_variance(residual / np.maximum(free, 1e-9), seen, self.variance)
        mean = np.clip(self.offset + self.slope * mean, 0.0, 1.0)
        spread = np.sqrt(self.slope**2 * variance * squares + self.link_variance)
        return Estimate(
            mean=mean, spread=np.maximum(spread, SMALLEST_SPREAD), novelty=np.zeros(len(mean))
        )

    def _regression(self, y: Array, seen: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
        """Fit f(x) = level + sum_i dual_i x_i'x to the answers of every model.

        Returns:
            level, shape (models, 1); dual, 0 where unanswered, and free, (1 - leverage of the
            answer) / alpha, both of shape (models, anchors).
        """
        precision = self.precision
        solved = y @ precision  # becomes (A_SS)^-1 y_S, with A = inner + alpha I
        ones = seen @ precision  # becomes (A_SS)^-1 1
        free = np.tile(np.diag(precision), (len(y), 1))
        for one in alike(~seen):
            lost = np.linalg.solve(one.block(precision), precision[one.columns])
            solved[one.rows] -= one.of(solved) @ lost
            ones[one.rows] -= one.of(ones) @ lost
            free[one.rows] -= (precision[one.columns] * lost).sum(axis=1)[:, None]
        solved, ones = solved * seen, ones * seen
        total = ones.sum(axis=1, keepdims=True)
        level = solved.sum(axis=1, keepdims=True) / total
        return level, solved - level * ones, free - ones**2 / total

    def _own_means(
        self, values: Array, seen: NDArray[np.bool_], total: Array
    ) -> tuple[Array, Array]:
        """Means over each target's answered items, and the sums of the squared weights.

        A target without answered items gets the values of the overall target; if that has none
        either, all answers count alike.
        """
        n = seen.sum(axis=1, keepdims=True)
        means, squares = values.sum(axis=1, keepdims=True) / n, 1.0 / n
        for targets in (slice(0, 1), slice(None)):
            weights, sums = self.weights[targets], total[:, targets]
            known = sums > 0
            sums = np.where(known, sums, 1.0)
            means = np.where(known, values @ weights.T / sums, means)
            squares = np.where(known, seen @ (weights**2).T / sums**2, squares)
        return means, squares

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
    """Keep the inner products that the regression over items needs; ``rng`` is not used.

    Args:
        history: source models only.
        anchors: the items that a new model answers; the method is meant for random items.
        rng: for the :class:`Estimator` protocol.
        alpha: penalty of the ridge regression, above 0; the default is the published value.

    Raises:
        ConfigError: a penalty that is not above 0.
    """
    if not alpha > 0:
        raise ConfigError(f"alpha must be above 0, found {alpha}")
    scores, weights = history.filled, history.targets.weights
    chosen = history.positions(anchors.items)
    rows, totals = history.answers(chosen).T, times(scores, weights.T)
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


def _residual_variance(left_out: Array, seen: NDArray[np.bool_], typical: Array) -> Array:
    """Variance of the leave-one-out residuals, with weight 1 / n on that of a typical model."""
    n = seen.sum(axis=1, keepdims=True)
    squares = (left_out**2).sum(axis=1, keepdims=True)
    return np.asarray(((n - 1) * squares / n + typical) / n)
