"""Abilities of models from their answers, with item parameters fixed: a Laplace posterior.

The mode of the penalised log-likelihood, with y in [0, 1] and unanswered items left out,

    l(theta) = sum_i y_i log P_i + (1 - y_i) log(1 - P_i) - (theta - m)' S^-1 (theta - m) / 2,

is found by damped Fisher scoring, all models at once: theta += t * H^-1 l'(theta), where

    H = S^-1 + sum_i a_i a_i' (1 - c_i) s_i (1 - s_i) s_i / P_i,    s_i = sigmoid(a_i . theta + d_i)

and each model's step t is halved until l does not fall.  The prior keeps the mode finite when
every answer is right, or every answer wrong (Mislevy 1986).  Around the mode the posterior is
taken as normal with covariance H^-1, which also gives the evidence of the answers (Tierney and
Kadane 1986)

    log p(y) = l(theta) - log det(S) / 2 - log det(H) / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.errors import DataError, FitError
from tinyeval.irt.model import IRTModel, Prior

CELLS_AT_ONCE = 200_000
"""Answers held in double precision at a time: 1.6 MB per array, which fits a processor's cache."""


@dataclass(frozen=True)
class Ability:
    """Posterior of the abilities of some models, given their answers.

    Attributes:
        mean: posterior mode, shape (models, dimensions).
        cov: posterior covariance, shape (models, dimensions, dimensions).
        log_evidence: log probability of each model's answers under the prior, by Laplace's
            approximation with every term kept, shape (models,); 0 for a model without answers.
    """

    mean: Array
    cov: Array
    log_evidence: Array


def estimate_ability(
    model: IRTModel,
    answers: NDArray,
    *,
    prior_mean: NDArray | None = None,
    prior_cov: NDArray | None = None,
    max_iterations: int = 50,
    tolerance: float = 1e-6,
) -> Ability:
    """Estimate abilities by maximum a posteriori, with a Laplace covariance.

    Args:
        model: item parameters of the answered items.
        answers: scores in [0, 1], NaN where unanswered, shape (models, items of ``model``).
        prior_mean: shape (dimensions,); the source models' mean ability by default.
        prior_cov: shape (dimensions, dimensions), positive definite; the source models'
            covariance by default.
        max_iterations: largest number of steps; a model that still moves stays where it is.
        tolerance: a model has converged when a full step changes no ability by more than this.

    Raises:
        DataError: answers of the wrong shape or outside [0, 1].
        FitError: a prior covariance that is not positive definite.
    """
    answers = _checked(model, answers)
    prior = _prior(model, prior_mean, prior_cov)
    size = max(1, CELLS_AT_ONCE // len(model.items))
    blocks = [
        _maximise(_Posterior(model, prior, answers[k : k + size]), max_iterations, tolerance)
        for k in range(0, len(answers), size)
    ]
    return Ability(
        np.concatenate([block.mean for block in blocks]),
        np.concatenate([block.cov for block in blocks]),
        np.concatenate([block.log_evidence for block in blocks]),
    )


def misfit_statistic(answers: NDArray, ability: Ability) -> Array:
    """Return how much worse the IRT model predicts some answers than a constant, per answer.

        (log p(y | mean of y) - log p(y | IRT model)) / number of answers

    where p(y | IRT model) is the evidence, with the prior over abilities.  The IRT model predicts
    answers that fit better than their mean does, so the statistic is below 0.  It rises if the
    answers belong to other items or are given at random, because the item parameters then mislead.

    Args:
        answers: shape (models, anchors), NaN where unanswered, at least one answer per model.
        ability: ability estimated from these answers.

    Returns:
        Array of shape (models,), in nats.
    """
    n = (~np.isnan(answers)).sum(1)
    mean = np.clip(np.nanmean(answers, axis=1), 0.5 / n, 1 - 0.5 / n)  # keeps the logarithms finite
    right = np.nansum(answers, axis=1)
    constant = right * np.log(mean) + (n - right) * np.log1p(-mean)
    return np.asarray((constant - ability.log_evidence) / n)


def _prior(model: IRTModel, mean: NDArray | None, cov: NDArray | None) -> Prior:
    if mean is None and cov is None:
        return model.prior
    mean = np.asarray(model.ability_mean if mean is None else mean)
    cov = np.asarray(model.ability_cov if cov is None else cov)
    dims = model.dimensions
    if mean.shape != (dims,) or cov.shape != (dims, dims):
        raise FitError(
            f"expected a prior of {dims} dimension(s), found a mean of shape {mean.shape} "
            f"and a covariance of shape {cov.shape}"
        )
    return Prior.of(mean, cov)


class _Fit(NamedTuple):
    """The penalised log-likelihood of some models at some abilities, and its derivatives."""

    value: Array  # l(theta), (models,)
    gradient: Array  # l'(theta), (models, dims)
    precision: Array  # H, (models, dims, dims)


class _Posterior:
    """The penalised log-likelihood of a block of models."""

    def __init__(self, model: IRTModel, prior: Prior, answers: NDArray) -> None:
        self.model, self.prior, self.guesses = model, prior, bool(model.guessing.any())
        self.seen = ~np.isnan(answers)
        self.answers = np.where(self.seen, answers, 0.0).astype(np.float64)

    def at(self, theta: Array, rows: NDArray) -> _Fit:
        """Evaluate the models at ``rows``, each at its own theta, shape (rows, dims)."""
        a, y, seen = self.model.discrimination, self.answers[rows], self.seen[rows]
        logits = theta @ a.T + self.model.intercept
        softplus = np.maximum(logits, 0.0) + np.log1p(np.exp(-np.abs(logits)))
        right = np.exp(logits - softplus)
        if self.guesses:
            value, slope, weight = self._guessed(y, logits, softplus, right)
        else:
            value, slope, weight = y * logits - softplus, y - right, right * (1.0 - right)
        gap = theta - self.prior.mean
        pull = gap @ self.prior.precision
        dims = theta.shape[1]
        return _Fit(
            (value * seen).sum(axis=1) - 0.5 * (pull * gap).sum(axis=1),
            (slope * seen) @ a - pull,
            ((weight * seen) @ self.model.outer).reshape(-1, dims, dims) + self.prior.precision,
        )

    def _guessed(
        self, y: Array, logits: Array, softplus: Array, right: Array
    ) -> tuple[Array, Array, Array]:
        """Log-likelihood, slope and weight of every answer, with guessing."""
        c = self.model.guessing
        with np.errstate(divide="ignore"):
            log_c = np.log(c)
        # P = s (1 + c exp(-logit)), and s / P.
        log_right = logits - softplus + np.logaddexp(0.0, log_c - logits)
        log_wrong = np.log1p(-c) - softplus
        ratio = 1.0 / (1.0 + c * np.exp(np.minimum(-logits, 500.0)))
        slope = (y - (c + (1.0 - c) * right)) * ratio
        weight = (1.0 - c) * right * (1.0 - right) * ratio
        return y * log_right + (1.0 - y) * log_wrong, slope, weight


def _maximise(posterior: _Posterior, max_iterations: int, tolerance: float) -> Ability:
    models = len(posterior.answers)
    theta = np.tile(posterior.prior.mean, (models, 1))
    rows = np.arange(models)
    now = posterior.at(theta, rows)
    length = np.ones(models)
    for _ in range(max_iterations):
        step = np.linalg.solve(now.precision[rows], now.gradient[rows, :, None])[:, :, 0]
        moving = np.abs(step).max(axis=1) > tolerance
        if not moving.any():
            break
        rows, step = rows[moving], step[moving]
        place = theta[rows] + length[rows, None] * step
        trial = posterior.at(place, rows)
        # The slack is rounding: without it a converged model would halve its steps for ever.
        better = trial.value >= now.value[rows] - 1e-12 * (1.0 + np.abs(now.value[rows]))
        theta[rows[better]] = place[better]
        for old, new in zip(now, trial, strict=True):
            old[rows[better]] = new[better]
        length[rows] = np.where(better, 1.0, 0.5 * length[rows])
    log_det = np.linalg.slogdet(now.precision)[1]
    evidence = now.value - 0.5 * (posterior.prior.log_det_cov + log_det)
    return Ability(theta, np.asarray(np.linalg.inv(now.precision)), evidence)


def _checked(model: IRTModel, answers: NDArray) -> NDArray:
    answers = np.asarray(answers)
    if answers.ndim != 2 or answers.shape[1] != len(model.items) or len(answers) == 0:
        raise DataError(
            f"answers have shape {answers.shape}, expected (models, items) with "
            f"{len(model.items)} items and at least one model"
        )
    bad = ~((answers >= 0) & (answers <= 1) | np.isnan(answers))
    if bad.any():
        row, column = (int(k[0]) for k in np.nonzero(bad))
        raise DataError(
            f"answers must lie in [0, 1], but the one of row {row} on item "
            f"{model.items[column]!r} is {answers[row, column]:g}"
        )
    return answers
