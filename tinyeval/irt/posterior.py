"""The IRT model with its uncertainty: a hierarchical Bayesian fit by variational inference.

With few source models, a point estimate of an item's parameters says little without its error.
The model of :mod:`tinyeval.irt.model` therefore gets priors for the abilities theta_m and the
parameters x_i = (a_i, d_i) of the items,

    theta_m ~ N(0, I),    x_i ~ N(mu, diag(sigma^2)),
    mu ~ N(e_1, diag(s^2)),    sigma_k ~ HalfNormal(s_k),    s = (1, ..., 1, 2),

with mu and sigma learned from all items together: items borrow strength from each other, and an
unneeded dimension shrinks to 0 (automatic relevance determination, MacKay 1992).
The posterior is approximated by independent normals q that maximise

    ELBO = E_q[sum over answers of y log p + (1 - y) log(1 - p)] - KL(q || prior)

by stochastic gradients (Kucukelbir et al. 2017; for IRT, Natesan et al. 2016).  This is the only
module that imports Pyro.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro import distributions as dist
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal, init_to_value
from pyro.optim import ClippedAdam

from tinyeval.compute.arrays import Array
from tinyeval.compute.progress import Progress
from tinyeval.errors import ConfigError, FitError, examples
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.responses import ResponseMatrix

FINAL_RATE = 0.01
"""Final learning rate as a share of the first; small steps average out the gradient noise."""


class Posterior(NamedTuple):
    """Means and standard deviations of independent normals."""

    ability: Array  # (models, dimensions)
    ability_sd: Array
    items: Array  # (items, dimensions + 1): discriminations, then the intercept
    items_sd: Array


class _Search(NamedTuple):
    """How the ELBO is maximised."""

    steps: int
    learning_rate: float
    seed: int
    place: torch.device
    progress: Progress | None


def fit_posterior(
    responses: ResponseMatrix,
    *,
    dimensions: int = 1,
    guessing: float | NDArray = 0.0,
    steps: int = 600,
    learning_rate: float = 0.05,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> IRTFit:
    """Fit the hierarchical model and return posterior means with standard deviations.

    The scale, location, rotation and sign that the likelihood leaves open are settled after the
    fit: the source models' abilities have mean 0 and covariance I (posterior variance included),
    the second moments of the discriminations are diagonal and descend, and each dimension's mean
    discrimination is positive.  A graded score counts as a single right-or-wrong answer, so
    standard deviations from graded scores are on the wide side.

    Args:
        responses: scores of the source models, shape (models, items); NaN cells do not count.
            The noise of the gradients depends on the order of models and items: sort them for the
            same fit.
        dimensions: number of ability dimensions, at most the number of models or of items.
        guessing: c in [0, 1), a number or shape (items,).
        steps: number of optimiser steps.
        learning_rate: learning rate of the first step; it decays geometrically to a hundredth.
        seed: seed of the stochastic gradients; it fixes every digit on one device.
        device: a torch device, or ``auto`` (cuda where there is one).
        progress: called with (done, steps, what) about a hundred times.

    Returns:
        The fit; its ``log_likelihood`` is taken at the posterior means.

    Raises:
        ConfigError: a setting out of its range, or a device that torch cannot use.
        FitError: more dimensions than models or items, a model or an item without any answer,
            or an optimisation that diverged.
    """
    if dimensions < 1 or steps < 1 or not 0 < learning_rate < math.inf:
        raise ConfigError(
            "expected dimensions >= 1, steps >= 1 and a positive learning_rate, found "
            f"dimensions={dimensions}, steps={steps}, learning_rate={learning_rate}"
        )
    _check_answers(responses, dimensions)
    chance = _guessing(guessing, responses.n_items)
    search = _Search(steps, learning_rate, seed, _place(device), progress)
    raw = _infer(responses.scores, chance, dimensions, search)
    posterior = canonical_form(raw)
    items, sd, ability = posterior.items, posterior.items_sd, posterior.ability
    model = IRTModel(
        responses.items.ids,
        discrimination=items[:, :-1],
        intercept=items[:, -1],
        guessing=chance,
        ability_mean=np.zeros(dimensions),
        ability_cov=np.eye(dimensions),
        discrimination_sd=sd[:, :-1],
        intercept_sd=sd[:, -1],
    )
    return IRTFit(model, ability, _mean_log_likelihood(model, ability, responses.scores), {})


def _guessing(guessing: float | NDArray, n_items: int) -> Array:
    chance = np.asarray(guessing, dtype=np.float64)
    if chance.shape not in ((), (n_items,)) or not ((chance >= 0) & (chance < 1)).all():
        raise ConfigError(
            f"expected guessing in [0, 1), one number or one for each of {n_items} items, "
            f"found {guessing!r}"
        )
    return np.broadcast_to(chance, n_items).copy()


def _check_answers(responses: ResponseMatrix, dimensions: int) -> None:
    if dimensions > min(responses.scores.shape):
        raise FitError(
            f"{responses.n_models} models and {responses.n_items} items cannot tell "
            f"{dimensions} dimensions apart; ask for fewer"
        )
    for axis, table, what in ((0, responses.items, "item"), (1, responses.models, "model")):
        empty = np.flatnonzero(~responses.observed.any(axis=axis))
        if len(empty):
            raise FitError(
                f"every {what} needs at least one answer, but {len(empty)} have none: "
                f"{examples(table.ids[k] for k in empty)}; drop them before fitting"
            )


def _place(device: str) -> torch.device:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return torch.zeros(1, device=device).device
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"torch cannot use device {device!r} ({reason}); use cpu") from error


def _warm_start(scores: NDArray, guessing: Array, dimensions: int) -> dict[str, Array]:
    """Return a linearised fit: logits of the item means, and an SVD of the residuals.

    To first order E[y - mean_i] = slope_i (a_i . theta), where slope_i is the slope of p at d_i, so
    the leading singular vectors of the standardised residuals hold theta and a.
    """
    observed = ~np.isnan(scores)
    mean = (np.nansum(scores, axis=0, dtype=np.float64) + 0.5) / (observed.sum(axis=0) + 1)
    share = np.clip((mean - guessing) / (1 - guessing), 0.02, 0.98)
    slope = (1 - guessing) * share * (1 - share)
    noise = np.sqrt(mean * (1 - mean))
    residual = np.where(observed, scores - mean, 0.0) / noise
    left, size, right = np.linalg.svd(residual, full_matrices=False)
    root = math.sqrt(len(scores))
    loading = (right[:dimensions] * size[:dimensions, None]).T / root
    discrimination = np.clip(loading * (noise / slope)[:, None], -3.0, 3.0)
    sign = np.where(discrimination.sum(axis=0) < 0, -1.0, 1.0)
    intercept = np.log(share / (1 - share))
    return {
        "ability": left[:, :dimensions] * root * sign,
        "items": np.column_stack([discrimination * sign, intercept]),
    }


def generative_model(
    scores: torch.Tensor, observed: torch.Tensor, guessing: torch.Tensor, dims: int
) -> None:
    """The generative model in Pyro; ``scores`` hold 0 where not ``observed``."""
    first, spread = scores.new_zeros(dims + 1), scores.new_ones(dims + 1)
    first[0], spread[-1] = 1.0, 2.0
    mu = pyro.sample("mean", dist.Normal(first, spread).to_event(1))
    sigma = pyro.sample("scale", dist.HalfNormal(spread).to_event(1))
    with pyro.plate("rows", scores.shape[0]):
        theta = pyro.sample("ability", dist.Normal(scores.new_zeros(dims), 1.0).to_event(1))
    with pyro.plate("columns", scores.shape[1]):
        x = pyro.sample("items", dist.Normal(mu, sigma).to_event(1))
    logits = torch.addmm(x[:, -1], theta, x[:, :-1].T)
    log_wrong = torch.log1p(-guessing) - torch.nn.functional.softplus(logits)
    log_right = torch.logaddexp(guessing.log(), log_wrong + logits)
    pyro.factor("answers", (observed * torch.lerp(log_wrong, log_right, scores)).sum())


def _infer(scores: NDArray, guessing: Array, dimensions: int, search: _Search) -> Posterior:
    """Maximise the ELBO from the warm start; Pyro's parameter store is restored afterwards."""

    def tensor(array: NDArray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=search.place)

    start = _warm_start(scores, guessing, dimensions)
    data = tensor(np.nan_to_num(scores)), tensor(~np.isnan(scores)), tensor(guessing), dimensions
    guide = AutoNormal(
        generative_model,
        init_loc_fn=init_to_value(values={name: tensor(v) for name, v in start.items()}),
    )
    rate = {"lr": search.learning_rate, "lrd": FINAL_RATE ** (1 / search.steps)}
    svi = SVI(generative_model, guide, ClippedAdam({**rate, "clip_norm": math.inf}), Trace_ELBO())
    with _scratch(search.seed, search.place):
        for step in range(search.steps):
            if search.progress is not None and step % max(1, search.steps // 100) == 0:
                search.progress(step, search.steps, "fitting the posterior")
            loss = _quiet_step(svi, data)
            if not math.isfinite(loss):
                break
        sites = [guide._get_loc_and_scale(name) for name in start]
    parts = [part.detach().double().cpu().numpy() for site in sites for part in site]
    if not (math.isfinite(loss) and all(np.isfinite(part).all() for part in parts)):
        raise FitError(
            f"the posterior fit diverged at step {step + 1} of {search.steps}; "
            f"lower the learning_rate (it was {search.learning_rate:g})"
        )
    if search.progress is not None:
        search.progress(search.steps, search.steps, "fitting the posterior")
    return Posterior(*parts)


def _quiet_step(svi: SVI, data: tuple[object, ...]) -> float:
    """Take one step without Pyro's warning about NaN; the caller raises an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Encountered", category=UserWarning)
        return float(svi.step(*data))


@contextmanager
def _scratch(seed: int, place: torch.device) -> Iterator[None]:
    """Seed torch, and restore its generators and Pyro's parameters and checks afterwards."""
    on_gpu = place.type == "cuda"
    with (
        pyro.get_param_store().scope(),
        pyro.validation_enabled(False),
        torch.random.fork_rng([place] if on_gpu else []),
    ):
        # torch.manual_seed would also seed every GPU, which the fork does not restore.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(place):
                torch.cuda.manual_seed(seed)
        yield


def canonical_form(raw: Posterior) -> Posterior:
    """Fix location, scale, rotation and sign; see :func:`fit_posterior`.

    theta' = T^-1 (theta - m), a' = T'a and d' = d + a . m leave every probability unchanged.
    Variances follow the same linear maps, as for independent normals.
    """
    dims = raw.ability.shape[1]
    centre = raw.ability.mean(axis=0)
    ability = raw.ability - centre
    cov = ability.T @ ability / len(ability) + np.diag((raw.ability_sd**2).mean(axis=0))
    scale = np.linalg.cholesky(cov)
    whitened = raw.items[:, :-1] @ scale
    rotation = np.linalg.eigh(whitened.T @ whitened)[1][:, ::-1]
    turn = scale @ rotation * np.where((whitened @ rotation).sum(axis=0) < 0, -1.0, 1.0)
    back = np.linalg.inv(turn).T
    of_items = np.block([[turn, centre[:, None]], [np.zeros((1, dims)), np.ones((1, 1))]])
    return Posterior(
        ability @ back,
        np.sqrt(raw.ability_sd**2 @ back**2),
        raw.items @ of_items,
        np.sqrt(raw.items_sd**2 @ of_items**2),
    )


def _mean_log_likelihood(model: IRTModel, ability: Array, scores: NDArray) -> float:
    p = np.clip(model.probability(ability), 1e-12, 1 - 1e-12)
    return float(np.nanmean(scores * np.log(p) + (1.0 - scores) * np.log1p(-p)))
