"""Penalised MAP fit of the multidimensional 2PL: responses in, item parameters and abilities out.

The algorithm is in :mod:`tinyeval.irt.alternating`; here the responses are checked and put on the
device, the number of dimensions is chosen on hidden cells, and the result is oriented.

Many responses are fitted from coarse to fine.  A random part of them, at most COARSE_MODELS by
COARSE_ITEMS, chooses the dimensions and gives abilities and priors to start from.  Only a few
sweeps over all responses remain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.compute.row_blocks import slabs
from tinyeval.errors import ConfigError, FitError, examples
from tinyeval.irt.alternating import ability_steps, fit_map, log_likelihood
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.irt.packed import Packed, pack
from tinyeval.irt.run_weights import run_weights
from tinyeval.irt.start import FitState, item_means
from tinyeval.responses import ResponseMatrix

HELD_OUT_SHARE = 0.1
"""Share of the observed cells hidden when the number of dimensions is chosen."""

COARSE_MODELS, COARSE_ITEMS = 1000, 4000
"""Largest numbers of models and items in the coarse part."""

ABILITY_STEPS = 6
"""Newton steps of all models' abilities, given the coarse items."""

MARGIN = 1e-4
"""Smallest gain in held-out log-likelihood per answer that counts; less is rounding."""


def fit_irt(
    responses: ResponseMatrix,
    *,
    dimensions: int | Sequence[int] = (1, 2, 4, 8),
    guessing: float | NDArray = 0.0,
    seed: int = 0,
    device: str = "cpu",
    block_size: int | None = None,
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> IRTFit:
    """Fit the model; several numbers of dimensions are compared on held-out cells.

    Args:
        responses: at least two models; every item needs at least one answer.  Rounding depends on
            the order of models and items: sort them (``responses.sorted()``) for the same fit.
        dimensions: one number, or several to choose from by the log-likelihood of a tenth of the
            cells, hidden during those fits.  Numbers are cut to half the number of models or items,
            the most that such data can support.
        guessing: fixed chance level c of every item, a number or shape (items,).
        seed: seed of the hidden cells, and of the coarse part of many responses; the fit itself has
            no randomness.
        device: ``cpu``, ``cuda``, or ``auto`` (cuda where there is one).
        block_size: items per block, which bounds the memory beside the responses themselves; by
            default as many as fit a core's cache, or a GPU's memory.
        progress: called with (done, total, what).
        processes: processes with the same responses; each fits some of the items.

    Raises:
        FitError: an item or model without answers, or numbers that are not finite.
        ConfigError: dimensions below 1, guessing outside [0, 1), or an unknown device.
        ProcessError: another process ended.
    """
    candidates = _candidates(dimensions, responses)
    if block_size is not None and block_size < 1:
        raise ConfigError(f"block_size must be at least 1, found {block_size}")
    source = _source(responses, guessing, find_device(device), block_size)
    n_models, n_items = responses.n_models, responses.n_items
    models, items = _drawn(n_models, COARSE_MODELS, seed), _drawn(n_items, COARSE_ITEMS, seed)
    data = source.pack(models, items)
    held_out = _hold_out(data, candidates, seed, progress) if len(candidates) > 1 else {}
    best = _best(held_out) if held_out else candidates[0]
    state = fit_map(data, best, progress)
    processes.copy_first(state.ability, state.items, state.mean, state.precision)
    if len(models) < n_models or len(items) < n_items:
        everyone, own = np.arange(n_models), processes.share(n_items)
        ability = _all_abilities(source.pack(everyone, items), state, models)
        data = source.pack(everyone, np.arange(n_items)[own])
        start = _own_items(data, state, ability, items - own.start, processes)
        state = fit_map(data, best, progress, start, processes)
    else:
        processes = ALONE
    value = held_out[best] if held_out else _mean_log_likelihood(data, state, processes)
    state.items = torch.cat(processes.gather(state.items.cpu()))
    return _result(responses, source, state, value, held_out)


def _drawn(n: int, most: int, seed: int) -> NDArray[np.intp]:
    """Return which of ``n`` models or items belong to the coarse part: all, if there are few."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def _all_abilities(data: Packed, state: FitState, models: NDArray[np.intp]) -> torch.Tensor:
    """Return the abilities of all models from the coarse items, shape (models, D)."""
    ability = state.ability.new_zeros(data.n_models, state.dims)
    ability[torch.from_numpy(models).to(ability.device)] = state.ability
    every = FitState(ability, state.items, state.mean, state.precision)
    ability_steps(data, every, ABILITY_STEPS)
    return every.ability


def _own_items(
    data: Packed,
    state: FitState,
    ability: torch.Tensor,
    place: NDArray[np.intp],
    processes: Processes,
) -> FitState:
    """Return the start of this process's items; ``place``: where coarse items lie among them."""
    items = state.mean.repeat(data.n_items, 1)
    items[:, -1] = torch.logit(item_means(data, processes).clamp(0.01, 0.99))
    here = torch.from_numpy((place >= 0) & (place < data.n_items)).to(items.device)
    items[torch.from_numpy(place).to(items.device)[here]] = state.items[here]
    return FitState(ability, items, state.mean, state.precision)


def _mean_log_likelihood(data: Packed, state: FitState, processes: Processes) -> float:
    """Return the log-likelihood per answer of all processes."""
    answers = data.counts()[0].sum(dtype=torch.float64)
    processes.add_up(answers)
    return log_likelihood(data, state, processes) / float(answers)


def _candidates(dimensions: int | Sequence[int], responses: ResponseMatrix) -> list[int]:
    """Return the numbers of dimensions to try, ascending, at most what the data can support."""
    given = list(dimensions) if isinstance(dimensions, Iterable) else [dimensions]
    if not given or any(not isinstance(one, (int, np.integer)) or one < 1 for one in given):
        raise ConfigError(f"dimensions must be whole numbers from 1, found {dimensions}")
    limit = max(1, min(responses.n_models - 1, responses.n_items) // 2)
    return sorted({min(int(one), limit) for one in given})


def _best(held_out: dict[int, float]) -> int:
    """Return the fewest dimensions within MARGIN of the best held-out log-likelihood."""
    top = max(held_out.values())
    return min(dims for dims, value in held_out.items() if value > top - MARGIN)


def find_device(name: str) -> torch.device:
    """Return the device of that name, or raise :class:`ConfigError`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("device 'cuda' was asked for, but torch finds no GPU; use --device cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"unknown device {name!r}; expected auto, cpu or cuda") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"unknown device {name!r}; expected auto, cpu or cuda")
    return device


@dataclass(frozen=True)
class _Source:
    """Responses as the caller gave them, and how to pack them."""

    scores: NDArray[np.float32]
    graded: bool
    guessing: NDArray[np.float32]
    device: torch.device
    block: int | None
    weights: NDArray[np.float32] | None = None

    def pack(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Packed:
        """Put some models and items on the device."""
        chance = self.guessing[columns]
        told = (self.graded, chance, self.device, self.block, self.weights)
        return pack(self.scores, rows, columns, *told)


def _source(
    responses: ResponseMatrix, guessing: float | NDArray, device: torch.device, block: int | None
) -> _Source:
    """Check the responses: every item and model has an answer."""
    models, items = responses.answered()
    for what, any_, table in (
        ("item", items, responses.items),
        ("model", models, responses.models),
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
    graded, weights = _is_graded(responses.scores), run_weights(responses)
    return _Source(responses.scores, graded, c, device, block, weights)


def _is_graded(scores: NDArray[np.float32]) -> bool:
    """Say whether any score is neither 0 nor 1."""
    return any(((scores[cut] > 0) & (scores[cut] < 1)).any() for cut in slabs(scores.shape))


def _hold_out(
    data: Packed, candidates: list[int], seed: int, progress: Progress | None
) -> dict[int, float]:
    """Return the mean log-likelihood of hidden cells by number of dimensions."""
    seen, hidden = data.split(HELD_OUT_SHARE, np.random.default_rng(seed))
    cells = max(float(hidden.counts()[0].sum(dtype=torch.float64)), 1.0)
    held_out: dict[int, float] = {}
    for k, dims in enumerate(candidates):
        if progress is not None:
            progress(k, len(candidates), f"trying {dims} dimension{'s' * (dims > 1)}")
        held_out[dims] = log_likelihood(hidden, fit_map(seen, dims)) / cells
        if k and held_out[dims] < held_out[candidates[k - 1]] + MARGIN:
            break
    return held_out


def _result(
    responses: ResponseMatrix,
    source: _Source,
    state: FitState,
    value: float,
    held_out: dict[int, float],
) -> IRTFit:
    """Orient the dimensions, and make the fit from the numbers."""
    sign = np.where(state.items[:, :-1].sum(0).cpu().numpy() < 0, -1.0, 1.0)
    ability = state.ability.cpu().numpy().astype(np.float64) * sign
    items = state.items.cpu().numpy().astype(np.float64)
    if not (np.isfinite(items).all() and np.isfinite(ability).all()):
        raise FitError("the IRT fit diverged to numbers that are not finite")
    centred = ability - ability.mean(0)
    model = IRTModel(
        responses.items.ids,
        discrimination=items[:, :-1] * sign,
        intercept=items[:, -1],
        guessing=source.guessing.astype(np.float64),
        ability_mean=ability.mean(0),
        ability_cov=centred.T @ centred / len(ability) + 1e-6 * np.eye(len(sign)),
    )
    return IRTFit(model, ability, value, held_out)
