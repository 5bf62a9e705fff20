"""Penalised MAP fit of the multidimensional 2PL: responses in, item parameters and abilities out.

The algorithm is in :mod:`tinyeval.irt.alternating`; here the responses are checked and put on the
device, the number of dimensions is chosen on hidden cells, and the result is oriented.

Many responses are fitted from coarse to fine: a random part of them, COARSE_MODELS by COARSE_ITEMS
at most, chooses the dimensions and gives abilities and priors to start from, and the few sweeps
left to do over everything cost what reading the responses costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, FitError, examples
from tinyeval.irt.alternating import ability_steps, fit_map, log_likelihood
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.irt.packed import Packed, pack
from tinyeval.irt.start import State
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix, by_id

HELD_OUT_SHARE = 0.1
"""Share of the observed cells hidden when the number of dimensions is chosen."""

COARSE_MODELS, COARSE_ITEMS = 1000, 4000
"""Most models and items that choose the dimensions and give the start."""

ABILITY_STEPS = 6
"""Newton steps of the abilities of all models, given the coarse items."""

MARGIN = 1e-4
"""Gain in held-out log-likelihood per answer that more dimensions must bring; less is rounding."""


def fit_irt(
    responses: ResponseMatrix,
    *,
    dimensions: int | Sequence[int] = (1, 2, 4, 8),
    guessing: float | NDArray = 0.0,
    seed: int = 0,
    device: str = "cpu",
    block_size: int | None = None,
    progress: Progress | None = None,
) -> IRTFit:
    """Fit the model; of several numbers of dimensions the best on held-out cells is taken.

    Args:
        responses: at least two models; every item needs at least one answer.
        dimensions: one number, or several to choose from by the log-likelihood of a tenth of
            the cells, hidden during those fits; cut to half the number of models or items, the
            most that such data can support.
        guessing: fixed chance level c of every item, a number or shape (items,).
        seed: of the hidden cells, and of the coarse part where there are many responses; the fit
            itself has no randomness.
        device: ``cpu``, ``cuda``, or ``auto`` (cuda where there is one).
        block_size: items per block, which bounds the memory beside the responses themselves; by
            default as many as a core's cache, or a GPU's memory, takes.
        progress: called with (done, total, what).

    Raises:
        FitError: an item or model without answers, or numbers that are not finite.
        ConfigError: dimensions below 1, guessing outside [0, 1), no such device.
    """
    candidates = _candidates(dimensions, responses)
    if block_size is not None and block_size < 1:
        raise ConfigError(f"block_size must be at least 1, found {block_size}")
    order = by_id(responses.items.ids)
    rows = by_id(responses.models.ids)
    data = _load(responses, rows, order, guessing, _device(device), block_size)
    coarse = _coarse(data, seed)
    held_out = _hold_out(coarse.data, candidates, seed, progress) if len(candidates) > 1 else {}
    best = _best(held_out) if held_out else candidates[0]
    state = fit_map(coarse.data, best, progress)
    if coarse.data is not data:
        state = fit_map(data, best, progress, _refined(data, coarse, state))
    observed = float(data.counts()[0].sum(dtype=torch.float64))
    value = held_out.get(best, log_likelihood(data, state) / observed)
    return _result(responses, state, data, rows, order, value, held_out)


class Coarse(NamedTuple):
    """A part of the responses: which, and their cells."""

    data: Packed
    items: torch.Tensor
    models: torch.Tensor


def _coarse(data: Packed, seed: int) -> Coarse:
    """Draw the part that the fit starts from: everything, where there is not much."""
    rng, cells = np.random.default_rng(seed), data.cells
    models, items = (
        torch.from_numpy(np.sort(rng.permutation(n)[:most])).to(cells.device)
        for n, most in ((data.n_models, COARSE_MODELS), (data.n_items, COARSE_ITEMS))
    )
    if len(models) == data.n_models and len(items) == data.n_items:
        return Coarse(data, items, models)
    return Coarse(data.take(items, models), items, models)


def _refined(data: Packed, coarse: Coarse, state: State) -> State:
    """Spread a coarse fit over all models and items."""
    ability = torch.zeros(data.n_models, state.dims, device=state.ability.device)
    ability[coarse.models] = state.ability
    every = State(ability, state.items, state.mean, state.precision)
    ability_steps(data.take(coarse.items), every, ABILITY_STEPS)
    answered, right = data.counts()
    mean = (right + 0.5 * right.sum() / answered.sum() + 0.25) / (answered + 1.0)
    items = state.mean.repeat(data.n_items, 1)
    items[:, -1] = torch.logit(mean.clamp(0.01, 0.99))
    items[coarse.items] = state.items
    return State(every.ability, items, state.mean, state.precision)


def _candidates(dimensions: int | Sequence[int], responses: ResponseMatrix) -> list[int]:
    """Numbers of dimensions to try, ascending, no more than the data can support."""
    given = list(dimensions) if isinstance(dimensions, Iterable) else [dimensions]
    if not given or any(not isinstance(one, (int, np.integer)) or one < 1 for one in given):
        raise ConfigError(f"dimensions must be whole numbers from 1, found {dimensions}")
    limit = max(1, min(responses.n_models - 1, responses.n_items) // 2)
    return sorted({min(int(one), limit) for one in given})


def _best(held_out: dict[int, float]) -> int:
    """Fewest dimensions within a hair of the best held-out log-likelihood."""
    top = max(held_out.values())
    return min(dims for dims, value in held_out.items() if value > top - MARGIN)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("device 'cuda' was asked for, but torch finds no GPU; use --device cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"unknown device {name!r}; expected auto, cpu or cuda") from None
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"unknown device {name!r}; expected auto, cpu or cuda")
    return device


def _load(
    responses: ResponseMatrix,
    rows: NDArray,
    order: NDArray,
    guessing: float | NDArray,
    device: torch.device,
    block: int | None,
) -> Packed:
    """Put the responses on the device, rows and columns sorted by id."""
    answered = _answered(responses.scores)
    for what, any_, table in zip(
        ("item", "model"), answered, (responses.items, responses.models), strict=True
    ):
        if not any_.all():
            names = [table.ids[k] for k in np.flatnonzero(~any_)]
            raise FitError(f"these {what}s have no answers at all: {examples(names)}; drop them")
    if responses.n_models < 2:
        raise FitError("the IRT fit needs at least two models")
    c = np.asarray(guessing, dtype=np.float32)
    if c.shape not in ((), (responses.n_items,)):
        raise ConfigError(
            f"guessing must be one number or one per item ({responses.n_items}), found shape "
            f"{c.shape}"
        )
    if not ((c >= 0) & (c < 1)).all():
        raise ConfigError("guessing must lie in [0, 1)")
    c = np.broadcast_to(c, (responses.n_items,))
    return pack(responses.scores, rows, order, c, device, block)


def _answered(scores: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which items, and which models, have an answer, without a mask of all cells."""
    items, models = np.zeros(scores.shape[1], dtype=bool), np.zeros(len(scores), dtype=bool)
    for k, row in enumerate(scores):
        observed = ~np.isnan(row)
        items |= observed
        models[k] = observed.any()
    return items, models


def _hold_out(
    data: Packed, candidates: list[int], seed: int, progress: Progress | None
) -> dict[int, float]:
    """Mean log-likelihood of hidden cells by number of dimensions."""
    seen, hidden = data.split(HELD_OUT_SHARE, np.random.default_rng(seed))
    cells = max(float(hidden.counts()[0].sum(dtype=torch.float64)), 1.0)
    held_out: dict[int, float] = {}
    for k, dims in enumerate(candidates):
        if progress is not None:
            progress(k, len(candidates), f"trying {dims} dimensions")
        held_out[dims] = log_likelihood(hidden, fit_map(seen, dims)) / cells
        if k and held_out[dims] < held_out[candidates[k - 1]] + MARGIN:
            break
    return held_out


def _result(
    responses: ResponseMatrix,
    state: State,
    data: Packed,
    rows: NDArray,
    order: NDArray,
    value: float,
    held_out: dict[int, float],
) -> IRTFit:
    """Undo the sorting, orient the dimensions, and wrap the numbers up."""
    sign = np.where(state.items[:, :-1].sum(0).cpu().numpy() < 0, -1.0, 1.0)
    ability = np.empty((responses.n_models, len(sign)))
    ability[rows] = state.ability.cpu().numpy() * sign
    items = np.empty((responses.n_items, len(sign) + 1))
    items[order] = state.items.cpu().numpy()
    c = np.zeros(responses.n_items)
    if data.guessing is not None:
        c[order] = data.guessing.cpu().numpy()
    if not (np.isfinite(items).all() and np.isfinite(ability).all()):
        raise FitError("the IRT fit diverged to numbers that are not finite")
    centred = ability - ability.mean(0)
    model = IRTModel(
        responses.items.ids,
        items[:, :-1] * sign,
        items[:, -1],
        c,
        ability.mean(0),
        centred.T @ centred / len(ability) + 1e-6 * np.eye(len(sign)),
    )
    return IRTFit(model, ability, value, held_out)
