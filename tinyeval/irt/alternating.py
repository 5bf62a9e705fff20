"""Penalised MAP fit of the multidimensional 2PL by alternating Fisher scoring, in torch.

The objective, over abilities theta (models x D) and item parameters x_i = (a_i, d_i), is

    sum over observed cells of  y log P + (1 - y) log(1 - P)
      - 1/2 sum_m |theta_m|^2 - 1/2 sum_i (x_i - mu)' diag(lambda) (x_i - mu)

with P = c_i + (1 - c_i) sigmoid(a_i . theta_m + d_i).  Items are independent given the abilities,
and models are independent given the items: each side takes a batch of (D + 1)- or D-dimensional
Newton steps, whose Hessians come from one matrix product with the pairwise products of the other
side's factors.  A block of items takes its own step and then adds its part to the abilities'
gradient and Hessian.  So a sweep reads the responses once, and a dozen sweeps suffice.  Processes
may share the items; they then exchange only sums over models (:mod:`tinyeval.compute.processes`).

mu and lambda are not tuned by hand: the first sweeps update them by empirical Bayes (Laplace EM;
MacKay 1992's automatic relevance determination, with one precision per dimension, so that a
dimension the data do not support shrinks to 0) and rescale the abilities to unit second moment (the
parameter expansion of Liu, Rubin and Wu 1998).  Then mu and lambda are frozen, and the objective is
maximised until the Newton decrement of a sweep, the gain it predicts, is negligible.
Scores may be graded (quasi-Bernoulli) or missing.  A mean of several runs has a weight, with which
its cell counts (:mod:`tinyeval.irt.run_weights`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.errors import FitError
from tinyeval.irt.packed import ItemBlock, Packed
from tinyeval.irt.start import FitState, warm_start

Tensor = torch.Tensor

PRIOR_SWEEPS = 10
"""Sweeps that also update the priors, whose values then change by a few per cent at most."""

WARM_SWEEPS = 2
"""Sweeps that also update the priors, if the start provides priors."""

MAX_SWEEPS = 40

TOLERANCE = 3e-5
"""Predicted gain of a sweep, relative to the log-likelihood, below which the fit stops."""

STEP_LIMIT = 1.5
"""Longest Newton step in logits per sweep: a logistic step from a flat region overshoots."""


@dataclass
class Sums:
    """Sums of a sweep over its items."""

    gradient: Tensor  # (models, D), by the abilities
    information: Tensor  # (models, pairs of D), Fisher information of the abilities
    spread: Tensor  # (D + 1,), posterior second moments of the items' parameters
    gain: Tensor  # (), predicted gain of the items' steps
    items: Tensor  # (), number of items


def _no_sums(state: FitState) -> Sums:
    models, dims = state.ability.shape
    zero = state.ability.new_zeros
    pairs, items = dims * (dims + 1) // 2, zero(()) + len(state.items)
    return Sums(zero(models, dims), zero(models, pairs), zero(dims + 1), zero(()), items)


def fit_map(
    data: Packed,
    dims: int,
    progress: Progress | None = None,
    start: FitState | None = None,
    processes: Processes = ALONE,
) -> FitState:
    """Alternate item and ability steps until the objective no longer grows.

    Args:
        data: responses of this process's items.
        dims: number of dimensions.
        progress: called with (done, total, what).
        start: state of this process's items to go on from; None starts from the scores alone.
        processes: processes that hold the other items.

    Raises:
        FitError: the fit diverged to numbers that are not finite.
    """
    prior_sweeps = PRIOR_SWEEPS if start is None else WARM_SWEEPS
    state, scale = start or warm_start(data, dims, processes), 0.0
    for sweep in range(MAX_SWEEPS):
        if progress is not None:
            progress(sweep, MAX_SWEEPS, f"fitting {dims} dimension{'s' * (dims > 1)}")
        with_priors = sweep < prior_sweeps
        sums = _item_steps(data, state, with_priors)
        processes.add_up(sums.gradient, sums.information, sums.spread, sums.gain, sums.items)
        gain, ability_spread = _ability_step(state, sums)
        if not np.isfinite(gain):
            raise FitError("the IRT fit diverged to numbers that are not finite")
        if with_priors:
            _update_priors(state, sums.spread / sums.items, ability_spread, processes)
            continue
        scale = scale or abs(log_likelihood(data, state, processes))
        if gain < TOLERANCE * scale:
            break
    if progress is not None:
        progress(MAX_SWEEPS, MAX_SWEEPS, f"fitting {dims} dimension{'s' * (dims > 1)}")
    return state


def log_likelihood(data: Packed, state: FitState, processes: Processes = ALONE) -> float:
    """Return the sum of y log P + (1 - y) log(1 - P) over the observed cells of all processes."""
    total = torch.zeros((), dtype=torch.float64, device=state.items.device)
    for block in data.blocks():
        scores, logits, observed = block.scores, _logits(state, block), block.observed
        if data.guessing is None:
            both = torch.nn.functional.softplus(logits)
            value = scores.mul_(logits).sub_(both if observed is None else both.mul_(observed))
        else:
            c = data.guessing[block.cut, None]
            p = (c + (1 - c) * torch.sigmoid(logits)).clamp(1e-7, 1 - 1e-7)
            wrong = (1 if observed is None else observed) - scores
            value = scores * p.log() + wrong * (-p).log1p()
        total += value.sum(1).sum(dtype=torch.float64)
    processes.add_up(total)
    return float(total)


def _item_steps(data: Packed, state: FitState, with_spread: bool) -> Sums:
    """Take a Newton step of every item; each block then adds its part to the abilities' step."""
    design = torch.cat([state.ability, torch.ones_like(state.ability[:, :1])], 1)
    design_pairs, rest = _pairs(design), torch.diag(state.precision)
    sums, k = _no_sums(state), design.shape[1]
    for block in data.blocks():
        cut = block.cut
        residual, weight = _derivatives(data, state, block)
        gradient = residual @ design - (state.items[cut] - state.mean) * state.precision
        hessian = _square(weight @ design_pairs, k) + rest
        step, inverse = _newton(gradient, hessian, with_spread)
        state.items[cut] += step
        sums.gain += 0.5 * (gradient * step).sum()
        if inverse is not None:
            sums.spread += inverse.diagonal(dim1=1, dim2=2).sum(0)
        _add_block(data, state, block, sums)
    return sums


def _add_block(data: Packed, state: FitState, block: ItemBlock, sums: Sums) -> None:
    """Add a block's part to the gradient and the information of the abilities."""
    residual, weight = _derivatives(data, state, block)
    slopes = state.items[block.cut, :-1]
    sums.gradient.addmm_(residual.T, slopes)
    sums.information.addmm_(weight.T, _pairs(slopes))


def ability_steps(data: Packed, state: FitState, steps: int) -> None:
    """Take Newton steps of the abilities alone, items as they are."""
    for _ in range(steps):
        sums = _no_sums(state)
        for block in data.blocks():
            _add_block(data, state, block, sums)
        _ability_step(state, sums)


def _ability_step(state: FitState, sums: Sums) -> tuple[float, Tensor]:
    """One Newton step of every model's ability; the gain promised, the mean covariance."""
    gradient = sums.gradient - state.ability
    hessian = _square(sums.information, state.dims) + torch.eye(state.dims, device=gradient.device)
    step, inverse = _newton(gradient, hessian, True)
    assert inverse is not None
    state.ability += step
    return float(sums.gain + 0.5 * (gradient * step).sum()), inverse.mean(0)


def _derivatives(data: Packed, state: FitState, block: ItemBlock) -> tuple[Tensor, Tensor]:
    """Return score function and Fisher information by logit of a block's cells, in its room."""
    s, (_, residual, weight) = _logits(state, block).sigmoid_(), block.room
    if data.guessing is None:
        p = s if block.observed is None else torch.mul(s, block.observed, out=weight)
        torch.sub(block.scores, p, out=residual)
        return residual, torch.addcmul(p, p, s, value=-1.0, out=weight)
    c = data.guessing[block.cut, None]
    p = c + (1 - c) * s
    slope = (1 - c) * s * (1 - s)
    ratio = slope / (p * (1 - p)).clamp_min(1e-7)
    expected = p
    if block.observed is not None:
        expected, slope = p * block.observed, slope.mul_(block.observed)
    torch.sub(block.scores, expected, out=residual).mul_(ratio)
    return residual, torch.mul(slope, ratio, out=weight)


def _logits(state: FitState, block: ItemBlock) -> Tensor:
    """Return the logits of a block's cells, in the first array of its room."""
    items = state.items[block.cut]
    return torch.addmm(items[:, -1:], items[:, :-1], state.ability.T, out=block.room[0])


def _pairs(factors: Tensor) -> Tensor:
    """Return the pairwise products of the columns of (n, k), shape (n, k * (k + 1) / 2)."""
    one, two = torch.triu_indices(factors.shape[1], factors.shape[1], device=factors.device)
    return factors[:, one] * factors[:, two]


def _square(pairs: Tensor, k: int) -> Tensor:
    """Return symmetric matrices, shape (n, k, k), from the entries of their upper triangles."""
    one, two = torch.triu_indices(k, k, device=pairs.device)
    place = torch.empty(k, k, dtype=torch.long, device=pairs.device)
    place[one, two] = place[two, one] = torch.arange(len(one), device=pairs.device)
    return pairs[:, place]


def _newton(gradient: Tensor, hessian: Tensor, invert: bool) -> tuple[Tensor, Tensor | None]:
    """Return batched Newton steps of limited length, and the inverse Hessians if wanted."""
    factor = torch.linalg.cholesky(hessian.double())
    step = torch.cholesky_solve(gradient.double()[..., None], factor)[..., 0]
    inverse = _inverse(factor).float() if invert else None
    step = step * (STEP_LIMIT / step.norm(dim=1, keepdim=True).clamp_min(STEP_LIMIT))
    return step.float(), inverse


def _inverse(factor: Tensor) -> Tensor:
    """Return the inverses of matrices from their Cholesky factors, shape (n, k, k)."""
    if factor.is_cpu:
        return torch.cholesky_inverse(factor)
    # CUDA's cholesky_inverse may go matrix by matrix; these two calls treat all at once.
    unit = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    root = torch.linalg.solve_triangular(factor, unit.expand_as(factor), upper=False)
    return root.mT @ root


def _update_priors(
    state: FitState, spread: Tensor, ability_spread: Tensor, processes: Processes
) -> None:
    """Update item priors to the items' moments, and abilities to mean 0 and unit moments."""
    centre = state.ability.mean(0)
    state.items[:, -1] += state.items[:, :-1] @ centre
    state.ability -= centre
    moment = state.ability.T @ state.ability / state.ability.shape[0] + ability_spread
    factor = torch.linalg.cholesky(moment.double()).float()
    state.ability = torch.linalg.solve_triangular(factor, state.ability.T, upper=False).T
    slopes = state.items[:, :-1] @ factor
    gram = (slopes.T @ slopes).double()
    processes.add_up(gram)
    _, vectors = torch.linalg.eigh(gram)
    rotation = vectors.flip(1).float()
    state.items[:, :-1] = slopes @ rotation
    state.ability = (state.ability @ rotation).contiguous()
    mean = processes.mean(state.items)
    state.mean[0], state.mean[-1] = mean[0], mean[-1]
    variance = processes.mean((state.items - state.mean) ** 2) + spread
    state.precision = 1.0 / variance.clamp(1e-4, 25.0)
