"""Score curves: the score as a smooth function of ability and subscore, as in metabench.

With the abilities theta estimated from the answers, and the subscore z_t, the mean answer on the
anchors of target t, each target follows the additive model

    target_t = offset + sum_d f_d(theta_d) + g(z_t) + error

(Hastie and Tibshirani 1986; Kipnis et al. 2025, "metabench").  The curves are P-splines: cubic
B-splines on equally spaced knots, whose coefficients beta minimise

    |y - B beta|^2 + slope |D beta|^2 + bend |D D beta|^2,    D = differences of neighbours

(Eilers and Marx 1996), so that little data gives flat and straight curves, which continue beyond
the source models in the same direction.  Both penalties are chosen by the exact leave-one-out
error.  An unanswered anchor enters the subscore with its expected score P(theta).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.common import SMALLEST_SPREAD, own_weights, source_arrays
from tinyeval.estimators.unanswered import unanswered_variance
from tinyeval.history import History
from tinyeval.irt.ability import estimate_ability
from tinyeval.irt.model import IRTModel
from tinyeval.selection.base import Anchors

PARAMETERS = ("discrimination", "intercept", "guessing", "ability_mean", "ability_cov")
CURVES = ("weights", "low", "high", "offset", "coefficients", "cov", "variance")

SEGMENTS = 24
"""Number of pieces of a curve; the middle third covers the range of the source models."""

SLOPES = np.logspace(-4, 1, 6)
BENDS = np.logspace(-2, 3, 6)


@dataclass(frozen=True)
class ScoreCurve:
    """Additive curves for each target: of every ability dimension and, last, of the subscore.

    Attributes:
        model: the IRT parameters of the anchors.
        weights: weights of the anchors in the subscores, shape (targets, anchors); rows sum to 1.
        low, high: ends of the curves, shape (targets, dimensions + 1).
        offset: constant term, shape (targets,).
        coefficients: coefficients of the B-splines, shape (targets, dimensions + 1, SEGMENTS + 3).
        cov: covariance of the anchors over source models, shape (anchors, anchors).
        variance: mean square of the leave-one-out residuals, shape (targets,).
    """

    model: IRTModel
    weights: Array
    low: Array
    high: Array
    offset: Array
    coefficients: Array
    cov: Array
    variance: Array

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        missing = np.isnan(answers)
        theta = estimate_ability(self.model, answers).mean
        filled = np.where(missing, self.model.probability(theta), answers)
        variance = np.tile(self.variance, (len(theta), 1))
        mean = np.empty_like(variance)
        gradient = np.zeros((*missing.shape, len(self.weights)))
        moves = estimate_ability(self.model, filled).cov @ self.model.discrimination.T
        for t, weight in enumerate(self.weights):
            x = np.column_stack([theta, filled @ weight])
            mean[:, t] = self.offset[t] + self._curves(t, x).sum(axis=1)
            step = 1e-4 * (self.high[t] - self.low[t])
            slope = (self._curves(t, x + step) - self._curves(t, x - step)) / (2.0 * step)
            # An answer moves the abilities by Cov(theta) a, and the subscore by its weight.
            gradient[:, :, t] = np.einsum("md,mda->ma", slope[:, :-1], moves)
            gradient[:, :, t] += slope[:, -1:] * weight
        variance += unanswered_variance(missing, np.linalg.inv(self.cov), gradient)
        spread = np.maximum(np.sqrt(variance), SMALLEST_SPREAD)
        return Estimate(mean=np.clip(mean, 0.0, 1.0), spread=spread, novelty=np.zeros(len(mean)))

    def _curves(self, t: int, x: Array) -> Array:
        """Return each curve of target ``t`` at its own column of x, (models, dimensions + 1)."""
        basis = spline_basis(x, self.low[t], self.high[t])
        return np.einsum("mfs,fs->mf", basis, self.coefficients[t])

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return {
            **{name: np.asarray(getattr(self, name)) for name in CURVES},
            **{name: np.asarray(getattr(self.model, name)) for name in PARAMETERS},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> ScoreCurve:
        """Rebuild a fitted estimator from ``state()``."""
        items = tuple(str(k) for k in range(len(state["intercept"])))
        model = IRTModel(items, *(state[name] for name in PARAMETERS))
        return cls(model, *(state[name] for name in CURVES))


def fit_score_curve(history: History, anchors: Anchors, *, rng: np.random.Generator) -> ScoreCurve:
    """Fit the curves to the source models' answers on the anchors; ``rng`` is not used."""
    source, y, _, cov = source_arrays(history, anchors)
    columns = history.positions(anchors.items)
    model = history.fit.model.take(columns)
    weights = own_weights(history.targets.weights[:, columns])
    theta = estimate_ability(model, source).mean
    x = [np.column_stack([theta, source @ weight]) for weight in weights]
    span = np.array([np.maximum(np.ptp(one, axis=0), 1e-3) for one in x])
    low = np.array([one.min(axis=0) for one in x]) - span
    high = low + 3.0 * span
    fits = [
        _fit_curves(spline_basis(one, a, b), y[:, t])
        for t, (one, a, b) in enumerate(zip(x, low, high, strict=True))
    ]
    offset, coefficients, variance = (np.array(part) for part in zip(*fits, strict=True))
    return ScoreCurve(
        model=model,
        weights=weights,
        low=low,
        high=high,
        offset=offset,
        coefficients=coefficients,
        cov=cov,
        variance=variance,
    )


def spline_basis(x: NDArray, low: NDArray, high: NDArray) -> Array:
    """Return cubic B-splines on equally spaced knots, shape (models, features, SEGMENTS + 3).

    Args:
        x: points at which to evaluate them, shape (models, features).
        low, high: ends, shape (features,); beyond them the splines are constant.
    """
    place = np.clip((x - low) / (high - low), 0.0, 1.0) * SEGMENTS
    cell = np.minimum(place.astype(np.intp), SEGMENTS - 1)
    u = place - cell
    pieces = [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]
    basis = np.zeros((*x.shape, SEGMENTS + 3))
    for k, piece in enumerate(pieces):
        np.put_along_axis(basis, cell[..., None] + k, piece[..., None] / 6.0, axis=-1)
    return basis


def _fit_curves(basis: Array, y: Array) -> tuple[float, Array, float]:
    """Fit additive curves with the penalties of least leave-one-out error.

    Args:
        basis: shape (models, features, splines).
        y: shape (models,).

    Returns:
        Offset, coefficients of shape (features, splines), and the mean square residual.
    """
    models, features, splines = basis.shape
    flat = basis.reshape(models, -1)
    mean, centred = flat.mean(axis=0), flat - flat.mean(axis=0)
    first, second = (np.diff(np.eye(splines), k, axis=0) for k in (1, 2))
    flatness = np.kron(np.eye(features), first.T @ first)
    straightness = np.kron(np.eye(features), second.T @ second)
    best = (np.inf, np.zeros(flat.shape[1]))
    for slope, bend in product(SLOPES, BENDS):
        # 1e-9 fixes the level of each curve, which the offset leaves undetermined.
        inner = centred.T @ centred + slope * flatness + bend * straightness
        gain = np.linalg.solve(inner + 1e-9 * np.eye(len(inner)), centred.T)
        beta = gain @ y
        free = 1.0 - 1.0 / models - np.einsum("mp,pm->m", centred, gain)
        loss = float(np.mean(((y - y.mean() - centred @ beta) / free) ** 2))
        if loss < best[0]:
            best = (loss, beta)
    loss, beta = best
    return float(y.mean() - mean @ beta), beta.reshape(features, splines), loss
