"""Regression of the targets on the anchors' scores: ridge, and kernel ridge of degree 2.

Over source models with anchor scores X, centred where linear, and centred targets y,

    ridge          f(x) = x' b,             b = (X'X + alpha I)^-1 X'y
    kernel ridge   f(x) = k(x, X) u,        u = (K + alpha I)^-1 y,   k(x, z) = (x'z / n + 1)^2

(Hoerl and Kennard 1970; Saunders, Gammerman and Vovk 1998).  The penalty alpha of each target
minimises the exact leave-one-out error: for a smoother y_hat = H y, the mean square of

    e_i = (y_i - y_hat_i) / (1 - H_ii)

(Allen 1974).  The same residuals give the spread.  For ridge it grows with the leverage of the
answers; for both it grows with the variance that unanswered anchors leave open,
g' Cov(unanswered | answered) g with g = df / dx.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.common import SMALLEST_SPREAD, SourceArrays, source_arrays
from tinyeval.estimators.unanswered import fill_unanswered, unanswered_variance
from tinyeval.history import History
from tinyeval.selection.base import Anchors

PENALTIES = np.logspace(-3, 3, 13)
"""Penalties that are tried; they include the range of the published grids."""

LOO_MODELS = 1000
"""Largest number of source models whose leave-one-out errors choose the penalties."""

FIT_MODELS = 4000
"""Largest number of source models that kernel ridge is fitted on."""


@dataclass(frozen=True)
class LinearEstimator:
    """Ridge regression of every target on the anchors.

    Attributes:
        mean, cov: moments of the anchors over source models, shapes (anchors,) and (anchors,
            anchors).
        intercept: mean targets of the source models, shape (targets,).
        slopes: shape (anchors, targets).
        axes, sizes: eigenvectors of X'X in columns, and its eigenvalues.
        penalty: alpha of each target, shape (targets,).
        variance: variance of the residuals, shape (targets,); a prediction has the variance
            variance * (1 + leverage).
        models: number of source models, a scalar array.
    """

    mean: Array
    cov: Array
    intercept: Array
    slopes: Array
    axes: Array
    sizes: Array
    penalty: Array
    variance: Array
    models: Array

    @cached_property
    def precision(self) -> Array:
        """Inverse of ``cov``."""
        return np.asarray(np.linalg.inv(self.cov))

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        x = fill_unanswered(answers, self.mean, self.precision) - self.mean
        gradient = np.broadcast_to(self.slopes, (len(x), *self.slopes.shape))
        variance = self.variance * (1.0 + self._leverage(x))
        variance += unanswered_variance(np.isnan(answers), self.precision, gradient)
        return _estimate(self.intercept + x @ self.slopes, variance)

    def _leverage(self, x: Array) -> Array:
        """1 / models + x' (X'X + alpha I)^-1 x, shape (models, targets)."""
        return 1.0 / self.models + (x @ self.axes) ** 2 @ (
            1.0 / (self.sizes[:, None] + self.penalty)
        )

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> LinearEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**state)


@dataclass(frozen=True)
class KernelEstimator:
    """Kernel ridge regression of every target on the anchors.

    With a kernel of degree 2, f is a quadratic form, f(x) = c + x'b + x'Qx, so the source models'
    answers need not be kept.

    Attributes:
        mean, cov: moments of the anchors over source models, shapes (anchors,) and (anchors,
            anchors).
        intercept: c, shape (targets,).
        slopes: b, shape (anchors, targets).
        curvature: Q, symmetric, shape (targets, anchors, anchors).
        variance: mean square of the leave-one-out residuals, shape (targets,).
    """

    mean: Array
    cov: Array
    intercept: Array
    slopes: Array
    curvature: Array
    variance: Array

    @cached_property
    def precision(self) -> Array:
        """Inverse of ``cov``."""
        return np.asarray(np.linalg.inv(self.cov))

    def predict(self, answers: NDArray, noise: Array | None = None) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered.

        Args:
            answers: in [0, 1].
            noise: variance by which the answers scatter more than the source models', shape
                (anchors,); they are then replaced by what the source models would be expected to
                have answered, and the spread grows by what that leaves open.
        """
        if noise is not None and noise.any():
            return self._predict_noisy(answers, noise)
        x = fill_unanswered(answers, self.mean, self.precision)
        bent = np.stack([x @ q for q in self.curvature], axis=2)  # (models, anchors, targets)
        mean = self.intercept + x @ self.slopes + np.einsum("ma,mat->mt", x, bent)
        missing = np.isnan(answers)
        variance = np.tile(self.variance, (len(x), 1))
        if missing.any():
            variance += unanswered_variance(missing, self.precision, self.slopes + 2.0 * bent)
        return _estimate(mean, variance)

    def _predict_noisy(self, answers: NDArray, noise: Array) -> Estimate:
        precision = np.asarray(np.linalg.inv(self.cov + np.diag(noise)), dtype=np.float64)
        pull = self.cov @ precision  # E[x | y] = mean + pull (y - mean)
        x = self.mean + (fill_unanswered(answers, self.mean, precision) - self.mean) @ pull.T
        bent = np.stack([x @ q for q in self.curvature], axis=2)
        mean = self.intercept + x @ self.slopes + np.einsum("ma,mat->mt", x, bent)
        gradient, left = self.slopes + 2.0 * bent, self.cov - pull @ self.cov
        variance = self.variance + (gradient * np.einsum("ab,mbt->mat", left, gradient)).sum(1)
        missing = np.isnan(answers)
        if missing.any():
            by_answer = np.einsum("ab,mat->mbt", pull, gradient)
            variance += unanswered_variance(missing, precision, by_answer)
        return _estimate(mean, variance)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> KernelEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        return cls(**state)


def fit_ridge(history: History, anchors: Anchors, *, rng: np.random.Generator) -> LinearEstimator:
    """Fit a ridge regression of every target; penalties are chosen by leave-one-out error."""
    return ridge(source_arrays(history, anchors))


def ridge(arrays: SourceArrays) -> LinearEstimator:
    """Fit a ridge regression of the source models' targets on their scores on some items."""
    source, y, mean, cov = arrays
    x = source - mean
    intercept = y.mean(axis=0)
    sizes, axes = np.linalg.eigh(x.T @ x)
    sizes = np.maximum(sizes, 0.0)
    scores = x @ axes  # (models, anchors), orthogonal columns
    onto = scores.T @ (y - intercept)

    def leave_one_out(alpha: float) -> tuple[Array, Array]:
        fitted = intercept + scores @ (onto / (sizes + alpha)[:, None])
        free = 1.0 - 1.0 / len(x) - scores**2 @ (1.0 / (sizes + alpha))
        return (y - fitted) / free[:, None], free

    penalty, residuals, free = _best_penalty(leave_one_out)
    slopes = axes @ (onto / (sizes[:, None] + penalty))
    # A left-out model's residual has variance * (1 + its leverage) = variance / free.
    variance = (residuals**2 * free).mean(axis=0)
    return LinearEstimator(
        mean=mean,
        cov=cov,
        intercept=intercept,
        slopes=slopes,
        axes=axes,
        sizes=sizes,
        penalty=penalty,
        variance=variance,
        models=np.array(float(len(x))),
    )


def fit_kernel_ridge(
    history: History, anchors: Anchors, *, rng: np.random.Generator
) -> KernelEstimator:
    """Fit a kernel ridge regression of degree 2; penalties are chosen by leave-one-out error.

    The cost grows with the cube of the number of source models.  So at most LOO_MODELS choose the
    penalties and at most FIT_MODELS make the fit, drawn with ``rng``.
    """
    source, y, mean, cov = source_arrays(history, anchors)
    order = rng.permutation(len(source)) if len(source) > LOO_MODELS else np.arange(len(source))
    penalty, variance = _kernel_penalty(source[order[:LOO_MODELS]], y[order[:LOO_MODELS]])
    used = np.sort(order[:FIT_MODELS])
    source, n = source[used], source.shape[1]
    intercept = y.mean(axis=0)
    gram = kernel(source, source)
    dual = np.empty((len(used), y.shape[1]))
    for alpha in np.unique(penalty):
        same = penalty == alpha
        ridge = gram + alpha * np.eye(len(gram))
        dual[:, same] = np.linalg.solve(ridge, (y[used] - intercept)[:, same])
    curvature = np.stack([(source * u[:, None]).T @ source for u in dual.T]) / n**2
    slopes = 2.0 / n * source.T @ dual
    return KernelEstimator(
        mean=mean,
        cov=cov,
        intercept=intercept + dual.sum(0),
        slopes=slopes,
        curvature=curvature,
        variance=variance,
    )


def _kernel_penalty(source: Array, y: Array) -> tuple[Array, Array]:
    """Return each target's best penalty, and the mean square of its leave-one-out residuals."""
    sizes, axes = np.linalg.eigh(kernel(source, source))
    sizes = np.maximum(sizes, 0.0)
    onto = axes.T @ (y - y.mean(axis=0))

    def leave_one_out(alpha: float) -> tuple[Array, Array]:
        free = axes**2 @ (1.0 / (sizes + alpha))  # (1 - H_ii) / alpha, as (y - y_hat) / alpha = u
        return axes @ (onto / (sizes + alpha)[:, None]) / free[:, None], free

    penalty, residuals, _ = _best_penalty(leave_one_out)
    return penalty, (residuals**2).mean(axis=0)


def kernel(x: NDArray, z: NDArray) -> Array:
    """Return (x'z / n + 1)^2, shape (p, q), for scores of shape (p, anchors) and (q, anchors)."""
    return np.asarray((x @ z.T / x.shape[1] + 1.0) ** 2)


def _best_penalty(
    leave_one_out: Callable[[float], tuple[Array, Array]],
) -> tuple[Array, Array, Array]:
    """Return each target's best penalty with its residuals and 1 - H_ii, (models, targets) each."""
    tried = [leave_one_out(float(alpha)) for alpha in PENALTIES]
    residuals = np.stack([one[0] for one in tried])  # (penalties, models, targets)
    free = np.stack([one[1] for one in tried])
    best = (residuals**2).mean(axis=1).argmin(axis=0)
    targets = np.arange(len(best))
    return PENALTIES[best], residuals[best, :, targets].T, free[best].T


def _estimate(mean: Array, variance: Array) -> Estimate:
    spread = np.maximum(np.sqrt(variance), SMALLEST_SPREAD)
    return Estimate(mean=np.clip(mean, 0.0, 1.0), spread=spread, novelty=np.zeros(len(mean)))
