"""How a new model's answers are expected to vary together: a factored item covariance.

    C = F' F + diag(noise),        C(s) = C + s^2 (G' G + diag(rest)) + diag(floor), s > 0

``F`` holds two views of the source models, blended: their centred answers (the sample covariance,
shrunk towards its diagonal: Ledoit and Wolf 2004) and their centred IRT probabilities, whose
diagonal is the mean Bernoulli variance.  Neither view is better everywhere: the sample shows local
structure, the IRT model generalises from few models.

``C(s)`` is the covariance under *drift* of size s: a new model may differ from every source model
by a smooth shift of the items' mean scores, a Gaussian process over the items' fitted parameters
(difficulty and loadings; kernel 1 + exp(-|x - x'|^2 / 2)).  Items that no source model solved have
no variance in C; only drift lets a design spend anchors on them.  ``G`` is the pivoted Cholesky
factor of the kernel (Harbrecht, Peters and Schneider 2012), ``rest`` its truncated diagonal.

With ``unsolved`` = u above 0, the items that no source model solved have a shift of their own
besides, of size u s: one more row of ``G``, u on them and 0 elsewhere.  The history cannot say how
far apart in difficulty they are, so what strong models newly solve is learned from them alone.

No array has the shape (items, items): the largest are (rank, items).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import column_means, column_squares, slabs, times
from tinyeval.covariance.components import blend, compress, sum_of_squares
from tinyeval.covariance.run_noise import run_noise
from tinyeval.errors import ConfigError
from tinyeval.history import History

DRIFT_RANK = 64
"""Components of the drift field; enough for features within a few length scales."""

DRIFT_NOISE = 0.06
"""Smallest variance, under drift, of an answer to an item that source models disagree on.

Without it, a near-constant item would look certain after a handful of source models.
"""


@dataclass(frozen=True, kw_only=True)
class ItemCovariance:
    """Moments of a source-like model's answers and targets, in factors.

    Attributes:
        items: ids of the items, sorted; the order of every array below.
        mean: expected scores, shape (items,).
        target_mean: expected targets, shape (targets,).
        factors: F, shape (rank, items).
        noise: variance of each item that it shares with no other item, shape (items,).
        target_factors: the targets in the same factors, shape (rank, targets).
        target_noise: variance of the targets that no item explains, shape (targets,).
        weights: weights of the items' own noise in the targets, shape (targets, items).
        drift: G, shape (drift rank, items).
        drift_rest: ``rest``, shape (items,).
        target_drift: the targets in the factors G, shape (drift rank, targets).
        floor: variance added to each item under drift, shape (items,).
        basis: directions of the sample's components, the first rows of ``factors``, among the
            source models, shape (models, components); None if it is not known.
    """

    items: tuple[str, ...]
    mean: Array
    target_mean: Array
    factors: Array
    noise: Array
    target_factors: Array
    target_noise: Array
    weights: Array
    drift: Array
    drift_rest: Array
    target_drift: Array
    floor: Array
    basis: Array | None = None

    def own_variance(self, s: float) -> Array:
        """Variance of each item that it shares with no other item, under drift ``s``."""
        extra = s**2 * self.drift_rest + self.floor if s > 0 else 0.0
        return np.asarray(self.noise + extra)

    def variance(self, s: float) -> Array:
        """Variance of every item under drift ``s``, shape (items,)."""
        shared = sum_of_squares(self.factors) + s**2 * sum_of_squares(self.drift)
        return np.asarray(shared + self.own_variance(s))

    def row(self, k: int, s: float, parts: tuple[Array, Array] | None = None) -> Array:
        """Covariance of item ``k`` with every item under drift ``s``, shape (items,).

        Args:
            k: position of the item.
            s: size of the drift.
            parts: ``row_parts(k)``, if the caller needs several sizes.
        """
        shared, drift = parts or self.row_parts(k)
        row = shared + s**2 * drift
        row[k] += self.own_variance(s)[k]
        return row

    def row_parts(self, k: int) -> tuple[Array, Array]:
        """Covariance of item ``k`` with every item, in the factors F and in the factors G."""
        return self.factors[:, k] @ self.factors, self.drift[:, k] @ self.drift

    def with_targets(self, s: float) -> Array:
        """Covariance of every item with every target under drift ``s``, shape (items, targets)."""
        shared = self.factors.T @ self.target_factors
        shared += s**2 * (self.drift.T @ self.target_drift)
        return shared + (self.weights * self.own_variance(s)).T

    def target_variance(self, s: float) -> Array:
        """Variance of every target under drift ``s``, shape (targets,)."""
        shared = (self.target_factors**2).sum(0) + s**2 * (self.target_drift**2).sum(0)
        return np.asarray(shared + self.weights**2 @ self.own_variance(s) + self.target_noise)


def check_drift(drift: object) -> None:
    """Raise :class:`ConfigError` unless ``drift`` is one or more numbers from 0."""
    numbers = drift if isinstance(drift, (list, tuple)) else []
    if not numbers or not all(isinstance(s, (int, float)) and 0 <= s < 1e3 for s in numbers):
        raise ConfigError(f"drift must be a list of one or more numbers from 0, found {drift!r}")


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, found {value!r}")


def item_covariance(
    history: History,
    *,
    irt_share: float = 0.5,
    shrinkage: float = 0.3,
    length: float = 1.0,
    unsolved: float = 0.0,
) -> ItemCovariance:
    """Return the covariance of a history, built once: design and estimator share it.

    Args:
        history: source models only.
        irt_share: weight of the IRT view, in [0, 1]; the shrunk sample has the rest.
        shrinkage: share of the sample variance moved to the diagonal, in [0, 1].
        length: length scale of the drift field, in standard deviations of difficulty.
        unsolved: size of the shift of the items that no source model solved, in drift sizes; 0:
            they have none of their own.
    """
    for name, value, high in (("irt_share", irt_share, 1), ("shrinkage", shrinkage, 1)):
        _check_number(name, value, 0.0, high)
    _check_number("length", length, 1e-6, 1e6)
    _check_number("unsolved", unsolved, 0.0, 100.0)
    key = (irt_share, shrinkage, length, unsolved)
    return history.once(("item_covariance", *key), lambda: _blend(history, *key))


def _blend(
    history: History, irt_share: float, shrinkage: float, length: float, unsolved: float
) -> ItemCovariance:
    """Blend the two views of a history."""
    scores, fitted = history.filled, history.fitted
    values, weights, own = history.target_values, history.targets.weights, history.targets.own
    explained, unexplained, slope = _explained(history)
    scale = np.sqrt(max(len(scores) - 1, 1))
    processes = history.sharing
    mean, fitted_mean = column_means(scores, processes), column_means(fitted, processes)
    sample = compress(scores, mean, scale, (values - values.mean(0)) / scale, processes)
    model = compress(fitted, fitted_mean, scale, explained / scale, processes)
    both = blend(((1 - irt_share) * (1 - shrinkage), irt_share), (sample, model))
    noise = (1 - irt_share) * shrinkage * column_squares(scores, mean, processes) / scale**2
    noise += irt_share * _noise_of_irt(history)
    noise += both.left
    # For targets that are sums over items, the items' own noise covers what the components omit.
    unexplained += history.targets.external * both.targets_left
    total = sum_of_squares(both.factors) + noise
    drift, rest = _drift_field(history, fitted_mean, length, unsolved)
    return ItemCovariance(
        items=history.responses.items.ids,
        mean=mean,
        target_mean=values.mean(0),
        factors=both.factors,
        noise=noise,
        target_factors=both.targets,
        target_noise=unexplained,
        weights=own,
        drift=drift,
        drift_rest=rest,
        target_drift=drift @ (own + slope[:, None] * (weights - own)).T,
        floor=np.maximum(DRIFT_NOISE * np.minimum(1.0, 5.0 * np.sqrt(total)) - total, 0.0),
        basis=sample.basis,
    )


def _explained(history: History) -> tuple[Array, Array, Array]:
    """Explain the targets by the IRT model, and external scores by ridge regression.

    Returns:
        The explained targets, centred, shape (models, targets); the variance left unexplained, and
        the slope of the external score on its items' weighted mean, both of shape (targets,).
    """
    targets, processes = history.targets, history.sharing
    explained = times(history.fitted, targets.own.T, processes)
    unexplained, slope = np.zeros(explained.shape[1]), np.ones(explained.shape[1])
    external = np.flatnonzero(targets.external)
    if external.size:
        elsewhere = history.target_values - times(history.filled, targets.own.T, processes)
    for t in external:
        mean = times(history.fitted, targets.weights[t] - targets.own[t], processes)
        score = elsewhere[:, t] - elsewhere[:, t].mean()
        predictors = np.column_stack([history.fit.ability, mean - mean.mean()])
        penalty = 1e-3 * len(score) * np.eye(predictors.shape[1])
        penalty[-1, -1] = 1e-9
        coefficients = np.linalg.solve(predictors.T @ predictors + penalty, predictors.T @ score)
        predicted = predictors @ coefficients
        explained[:, t] += predicted
        unexplained[t] = float(((score - predicted) ** 2).mean())
        slope[t] = np.polyfit(mean, score, 1)[0] if np.ptp(mean) > 0 else 1.0
    return explained - explained.mean(0), unexplained, slope


def _noise_of_irt(history: History) -> Array:
    """Mean Bernoulli variance of each item, scaled down where graded answers scatter less.

    Of means of several runs, only the part that is not run noise counts in full.
    """
    repeated = run_noise(history)
    if repeated is not None:
        noise = repeated.single * repeated.inverse
        return np.asarray(np.maximum(repeated.bernoulli - repeated.single, 0.0) + noise)
    scores, fitted, processes = history.filled, history.fitted, history.sharing
    # p (1 - p) = 1/4 - (p - 1/2)^2
    bernoulli = 0.25 - column_squares(fitted, 0.5, processes) / len(fitted)
    scattered = float(column_squares(scores, fitted, processes).sum())
    dispersion = scattered / max(bernoulli.sum() * len(scores), 1e-12)
    return np.asarray(bernoulli * min(1.0, dispersion) if dispersion < 0.5 else bernoulli)


def _drift_field(
    history: History, mean: Array, length: float, unsolved: float
) -> tuple[Array, Array]:
    """Factor of the drift field, (rank, items), and the kernel's truncated diagonal, (items,)."""
    clipped = np.clip(mean, 0.002, 0.998)
    difficulty = np.log(clipped / (1 - clipped))
    difficulty = (difficulty - difficulty.mean()) / max(float(difficulty.std()), 1e-6)
    loadings = history.fit.model.discrimination
    loadings = loadings / np.sqrt(max(float((loadings**2).sum(1).mean()), 1e-12))
    features = np.column_stack([difficulty, loadings]) / length
    n = len(features)
    residual = np.full(n, 2.0)
    factor = np.zeros((min(DRIFT_RANK, n), n))
    for k in range(len(factor)):
        pivot = int(np.argmax(residual))
        if residual[pivot] < 1e-6:
            factor = factor[:k]
            break
        kernel = 1.0 + np.exp(-0.5 * ((features - features[pivot]) ** 2).sum(1))
        column = (kernel - factor[:k].T @ factor[:k, pivot]) / np.sqrt(residual[pivot])
        factor[k] = column
        residual = residual - column**2
    if unsolved > 0:
        factor = np.vstack([factor, unsolved * ~_ever_solved(history)])
    return factor, np.maximum(residual, 0.0)


def _ever_solved(history: History) -> NDArray[np.bool_]:
    """Say of each item whether any source model scored above 0 on it."""
    scores = history.responses.scores
    solved = np.zeros(scores.shape[1], dtype=bool)
    for cut in slabs(scores.shape):
        solved |= (scores[cut] > 0).any(axis=0)
    return solved
