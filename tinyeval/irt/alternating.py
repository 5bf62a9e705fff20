"""Penalised MAP fit of the multidimensional 2PL by alternating Fisher scoring, in torch.

The objective, over abilities theta (models x D) and item parameters x_i = (a_i, d_i), is

    sum over observed cells of  y log P + (1 - y) log(1 - P)
      - 1/2 sum_m |theta_m|^2 - 1/2 sum_i (x_i - mu)' diag(lambda) (x_i - mu)

with P = c_i + (1 - c_i) sigmoid(a_i . theta_m + d_i).  Given abilities, items are independent,
and given items, models are: each side is a batch of (D + 1)- or D-dimensional Newton steps whose
Hessians come from one matrix product with the pairwise products of the other side's factors, so a
sweep costs a few dense passes over the responses and a dozen sweeps suffice.

mu and lambda are not tuned by hand: the first sweeps update them by empirical Bayes (Laplace EM;
MacKay 1992's automatic relevance determination, one precision per dimension, so that a dimension
the data do not support shrinks away), rescaling abilities to unit second moment as they go (the
parameter expansion of Liu, Rubin and Wu 1998).  Then they are frozen and the objective is
maximised.  Scores may be graded (quasi-Bernoulli) and missing; items are visited in blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from tinyeval.errors import FitError
from tinyeval.progress import Progress

PRIOR_SWEEPS = 10
"""Sweeps that also update the priors; their values have settled to a few per cent by then."""

MAX_SWEEPS = 40

TOLERANCE = 3e-5
"""Relative gain of the objective per sweep below which the fit stops."""

STEP_LIMIT = 1.5
"""Longest Newton step in logits per sweep: a logistic step from a flat region overshoots."""


@dataclass
class State:
    """The numbers that a fit moves: factors, and the prior of the items' parameters."""

    ability: torch.Tensor  # (models, D)
    items: torch.Tensor  # (items, D + 1): discriminations, then the intercept
    mean: torch.Tensor  # (D + 1,)
    precision: torch.Tensor  # (D + 1,)


@dataclass(frozen=True)
class Data:
    """Responses on the device: scores with zeros where missing, weights 0 where missing."""

    scores: torch.Tensor  # (models, items)
    mask: torch.Tensor | None  # (models, items), None when every cell is observed
    guessing: torch.Tensor | None  # (items,), None when all zero
    block: int

    def blocks(self) -> list[slice]:
        n = self.scores.shape[1]
        return [slice(k, min(k + self.block, n)) for k in range(0, n, self.block)]

    def residual_and_weight(
        self, logits: torch.Tensor, cut: slice
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Score function and Fisher information of a block, by logit, both (models, block)."""
        s = torch.sigmoid(logits)
        y = self.scores[:, cut]
        if self.guessing is None:
            residual, weight = y - s, s * (1 - s)
        else:
            c = self.guessing[cut]
            p = c + (1 - c) * s
            slope = (1 - c) * s * (1 - s)
            ratio = slope / (p * (1 - p)).clamp_min(1e-7)
            residual, weight = (y - p) * ratio, slope * ratio
        if self.mask is not None:
            residual, weight = residual * self.mask[:, cut], weight * self.mask[:, cut]
        return residual, weight

    def log_likelihood(self, state: State, mask: torch.Tensor | None = None) -> float:
        """Sum of y log P + (1 - y) log(1 - P) over the cells of ``mask`` (default: observed)."""
        mask = self.mask if mask is None else mask
        total = 0.0
        for cut in self.blocks():
            logits = _logits(state, cut)
            y = self.scores[:, cut]
            if self.guessing is None:
                value = y * logits - torch.nn.functional.softplus(logits)
            else:
                c = self.guessing[cut]
                p = (c + (1 - c) * torch.sigmoid(logits)).clamp(1e-7, 1 - 1e-7)
                value = y * p.log() + (1 - y) * (-p).log1p()
            if mask is not None:
                value = value * mask[:, cut]
            total += float(value.sum(dtype=torch.float64))
        return total


def fit_map(data: Data, dims: int, progress: Progress | None) -> State:
    """Alternate item and ability steps until the objective stands still."""
    state = _start(data, dims)
    previous = -float("inf")
    for sweep in range(MAX_SWEEPS):
        if progress is not None:
            progress(sweep, MAX_SWEEPS, f"fitting {dims} dimensions")
        with_priors = sweep < PRIOR_SWEEPS
        spread = _item_step(data, state)
        ability_spread = _ability_step(data, state)
        if with_priors:
            _update_priors(state, spread, ability_spread)
            continue
        value = _objective(data, state)
        if not np.isfinite(value):
            raise FitError("the IRT fit diverged to numbers that are not finite")
        if value - previous < TOLERANCE * abs(value):
            break
        previous = value
    if progress is not None:
        progress(MAX_SWEEPS, MAX_SWEEPS, f"fitting {dims} dimensions")
    return state


def _start(data: Data, dims: int) -> State:
    """Warm start: leading singular vectors of the centred scores, intercepts from item means."""
    y, device = data.scores, data.scores.device
    count = y.shape[0] if data.mask is None else data.mask.sum(0)
    mean = (y.sum(0) + 0.5 * y.mean() + 0.25) / (count + 1.0)
    centred = y - mean if data.mask is None else (y - mean) * data.mask
    ability = _leading_vectors(centred, dims)
    items = torch.zeros(y.shape[1], dims + 1, device=device)
    items[:, -1] = torch.logit(mean.clamp(0.01, 0.99))
    prior_mean = torch.zeros(dims + 1, device=device)
    prior_mean[-1] = items[:, -1].mean()
    precision = torch.ones(dims + 1, device=device)
    precision[-1] = 0.2
    return State(ability, items, prior_mean, precision)


def _leading_vectors(centred: torch.Tensor, dims: int) -> torch.Tensor:
    """Leading left singular vectors, scaled to unit variance, shape (models, dims).

    Subspace iteration from fixed columns (Halko, Martinsson and Tropp 2011): deterministic, and
    two products with the matrix per round.
    """
    models = centred.shape[0]
    width = min(models, dims + 6)
    steps = torch.arange(models, device=centred.device, dtype=torch.float32)
    basis = torch.stack([torch.cos((k + 1) * (steps + 0.5) * 2.399963) for k in range(width)], 1)
    basis[:, 0] = centred.mean(1)
    for _ in range(4):
        basis, _ = torch.linalg.qr(centred @ (centred.T @ basis))
    small = basis.T @ centred
    _, vectors = torch.linalg.eigh((small @ small.T).double())
    leading = basis @ vectors.flip(1)[:, :dims].float()
    flip = torch.sign((centred.mean(1) @ leading) + 1e-12)
    return leading * flip * models**0.5


def _logits(state: State, cut: slice) -> torch.Tensor:
    items = state.items[cut]
    return torch.addmm(items[:, -1], state.ability, items[:, :-1].T)


def _pairs(factors: torch.Tensor) -> torch.Tensor:
    """Pairwise products of the columns of (n, k), as (n, k * k)."""
    return (factors[:, :, None] * factors[:, None, :]).flatten(1)


def _newton(
    gradient: torch.Tensor, hessian: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Batched Newton step limited in length, and the inverse Hessians' diagonals."""
    factor = torch.linalg.cholesky(hessian.double())
    step = torch.cholesky_solve(gradient.double()[..., None], factor)[..., 0]
    inverse = torch.cholesky_inverse(factor)
    length = step.norm(dim=1, keepdim=True) * scale
    step = step * (STEP_LIMIT / length.clamp_min(STEP_LIMIT))
    return step.float(), inverse.float()


def _item_step(data: Data, state: State) -> torch.Tensor:
    """One Newton step of every item; returns the mean posterior second moments (D + 1,)."""
    dims = state.ability.shape[1]
    ones = torch.ones_like(state.ability[:, :1])
    design = torch.cat([state.ability, ones], 1)
    pairs = _pairs(design)
    spread = torch.zeros(dims + 1, device=design.device)
    for cut in data.blocks():
        residual, weight = data.residual_and_weight(_logits(state, cut), cut)
        gradient = residual.T @ design - (state.items[cut] - state.mean) * state.precision
        hessian = (weight.T @ pairs).view(-1, dims + 1, dims + 1) + torch.diag(state.precision)
        step, inverse = _newton(gradient, hessian, 1.0)
        state.items[cut] += step
        spread += inverse.diagonal(dim1=1, dim2=2).sum(0)
    return spread / state.items.shape[0]


def _ability_step(data: Data, state: State) -> torch.Tensor:
    """One Newton step of every model's ability; returns their mean posterior covariance."""
    dims = state.ability.shape[1]
    gradient = -state.ability.clone()
    hessian = torch.eye(dims, device=gradient.device).flatten().repeat(gradient.shape[0], 1)
    for cut in data.blocks():
        slopes = state.items[cut, :-1]
        residual, weight = data.residual_and_weight(_logits(state, cut), cut)
        gradient += residual @ slopes
        hessian += weight @ _pairs(slopes)
    step, inverse = _newton(gradient, hessian.view(-1, dims, dims), 1.0)
    state.ability += step
    return inverse.mean(0)


def _update_priors(state: State, spread: torch.Tensor, ability_spread: torch.Tensor) -> None:
    """Empirical Bayes: abilities to zero mean and unit moments, item priors to their moments."""
    centre = state.ability.mean(0)
    state.items[:, -1] += state.items[:, :-1] @ centre
    state.ability -= centre
    moment = state.ability.T @ state.ability / state.ability.shape[0] + ability_spread
    factor = torch.linalg.cholesky(moment.double()).float()
    state.ability = torch.linalg.solve_triangular(factor, state.ability.T, upper=False).T
    slopes = state.items[:, :-1] @ factor
    _, vectors = torch.linalg.eigh((slopes.T @ slopes).double())
    rotation = vectors.flip(1).float()
    state.items[:, :-1] = slopes @ rotation
    state.ability = state.ability.contiguous() @ rotation
    state.mean[0], state.mean[-1] = state.items[:, 0].mean(), state.items[:, -1].mean()
    variance = ((state.items - state.mean) ** 2).mean(0) + spread
    state.precision = 1.0 / variance.clamp(1e-4, 25.0)


def _objective(data: Data, state: State) -> float:
    penalty = (state.ability.double() ** 2).sum()
    penalty += ((state.items - state.mean).double() ** 2 * state.precision).sum()
    return data.log_likelihood(state) - 0.5 * float(penalty)
