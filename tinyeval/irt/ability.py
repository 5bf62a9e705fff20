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

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError, FitError
from tinyeval.irt.model import Array, IRTModel

CELLS_AT_ONCE = 2_000_000
"""Answers held in double precision at a time (16 MB an array), so that memory stays bounded."""


@dataclass(frozen=True)
class Ability:
    """What the answers say about the abilities of some models.

    Attributes:
        mean: posterior mode, shape (models, dimensions).
        cov: posterior covariance, shape (models, dimensions, dimensions).
        log_evidence: log probability of each model's answers under the prior, by Laplace's
            approximation with every term kept, shape (models,); 0 where nothing is answered.
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
        max_iterations: steps after which a model that still moves is left where it is.
        tolerance: a model is done when no ability changes by more than this in a full step.

    Raises:
        DataError: answers of the wrong shape or outside [0, 1].
        FitError: a prior covariance that is not positive definite.
    """
    answers = _checked(model, answers)
    prior = _Prior.make(
        model.ability_mean if prior_mean is None else prior_mean,
        model.ability_cov if prior_cov is None else prior_cov,
        model.dimensions,
    )
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


@dataclass(frozen=True)
class _Prior:
    mean: Array
    precision: Array
    log_det_cov: float

    @classmethod
    def make(cls, mean: NDArray, cov: NDArray, dims: int) -> _Prior:
        mean, cov = np.asarray(mean, dtype=np.float64), np.asarray(cov, dtype=np.float64)
        if mean.shape != (dims,) or cov.shape != (dims, dims):
            raise FitError(
                f"expected a prior of {dims} dimension(s), found a mean of shape {mean.shape} "
                f"and a covariance of shape {cov.shape}"
            )
        try:
            root = np.linalg.cholesky(cov)
        except np.linalg.LinAlgError:
            raise FitError("the abilities' prior covariance is not positive definite") from None
        inverse = np.linalg.inv(root)
        return cls(mean, inverse.T @ inverse, 2.0 * float(np.log(np.diag(root)).sum()))


class _Posterior:
    """The penalised log-likelihood of a block of models, and its derivatives."""

    def __init__(self, model: IRTModel, prior: _Prior, answers: NDArray) -> None:
        self.model, self.prior = model, prior
        self.seen = ~np.isnan(answers)
        self.answers = np.where(self.seen, answers, 0.0).astype(np.float64)
        a = model.discrimination
        self.outer = (a[:, :, None] * a[:, None, :]).reshape(len(a), -1)
        with np.errstate(divide="ignore"):
            self.log_guessing = np.log(model.guessing)

    def logits(self, theta: Array) -> Array:
        return theta @ self.model.discrimination.T + self.model.intercept

    def value(self, theta: Array, rows: NDArray) -> Array:
        """Return l(theta), shape (rows,)."""
        logits = self.logits(theta)
        softplus = np.logaddexp(0.0, logits)
        log_wrong = np.log1p(-self.model.guessing) - softplus
        log_right = logits - softplus
        if self.model.guessing.any():  # P = s * (1 + c exp(-logit))
            log_right += np.logaddexp(0.0, self.log_guessing - logits)
        y = self.answers[rows]
        log_likelihood = np.where(self.seen[rows], y * log_right + (1.0 - y) * log_wrong, 0.0)
        gap = theta - self.prior.mean
        penalty = 0.5 * np.einsum("md,de,me->m", gap, self.prior.precision, gap)
        return np.asarray(log_likelihood.sum(axis=1) - penalty)

    def derivatives(self, theta: Array, rows: NDArray) -> tuple[Array, Array]:
        """Return l'(theta), shape (rows, dims), and H, shape (rows, dims, dims)."""
        logits = self.logits(theta)
        right = 0.5 * (1.0 + np.tanh(0.5 * logits))
        guessing, seen = self.model.guessing, self.seen[rows]
        ratio = 1.0 / (1.0 + guessing * np.exp(np.minimum(-logits, 500.0)))  # s / P
        chance = guessing + (1.0 - guessing) * right
        slope = np.where(seen, (self.answers[rows] - chance) * ratio, 0.0)
        weight = np.where(seen, (1.0 - guessing) * right * (1.0 - right) * ratio, 0.0)
        gradient = slope @ self.model.discrimination
        gradient -= (theta - self.prior.mean) @ self.prior.precision
        dims = theta.shape[1]
        return gradient, (weight @ self.outer).reshape(-1, dims, dims) + self.prior.precision


def _maximise(posterior: _Posterior, max_iterations: int, tolerance: float) -> Ability:
    models = len(posterior.answers)
    every = np.arange(models)
    theta = np.tile(posterior.prior.mean, (models, 1))
    value = posterior.value(theta, every)
    length = np.ones(models)
    rows = every
    for _ in range(max_iterations):
        gradient, precision = posterior.derivatives(theta[rows], rows)
        step = np.linalg.solve(precision, gradient[:, :, None])[:, :, 0]
        moving = np.abs(step).max(axis=1) > tolerance
        if not moving.any():
            break
        rows, step = rows[moving], step[moving]
        trial = theta[rows] + length[rows, None] * step
        trial_value = posterior.value(trial, rows)
        # The slack is rounding: without it a converged model would halve its steps for ever.
        better = trial_value >= value[rows] - 1e-12 * (1.0 + np.abs(value[rows]))
        theta[rows[better]] = trial[better]
        value[rows[better]] = trial_value[better]
        length[rows] = np.where(better, 1.0, 0.5 * length[rows])
    _, precision = posterior.derivatives(theta, every)
    log_det = np.linalg.slogdet(precision)[1]
    evidence = value - 0.5 * (posterior.prior.log_det_cov + log_det)
    return Ability(theta, np.asarray(np.linalg.inv(precision)), evidence)


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
