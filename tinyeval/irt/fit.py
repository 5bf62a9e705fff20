"""Penalised MAP fit of the multidimensional 2PL: responses in, item parameters and abilities out.

The algorithm is in :mod:`tinyeval.irt.alternating`; here the responses are checked and put on the
device, the number of dimensions is chosen on hidden cells, and the result is oriented.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, FitError, examples
from tinyeval.irt.alternating import Data, State, fit_map
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix, by_id

HELD_OUT_SHARE = 0.1
"""Share of the observed cells hidden when the number of dimensions is chosen."""

MARGIN = 1e-4
"""Gain in held-out log-likelihood per answer that more dimensions must bring; less is rounding."""


def fit_irt(
    responses: ResponseMatrix,
    *,
    dimensions: int | Sequence[int] = (1, 2, 4, 8),
    guessing: float | NDArray = 0.0,
    seed: int = 0,
    device: str = "cpu",
    block_size: int = 4096,
    progress: Progress | None = None,
) -> IRTFit:
    """Fit the model; of several numbers of dimensions the best on held-out cells is taken.

    Args:
        responses: at least two models; every item needs at least one answer.
        dimensions: one number, or several to choose from by the log-likelihood of a tenth of
            the cells, hidden during those fits; cut to half the number of models or items, the
            most that such data can support.
        guessing: fixed chance level c of every item, a number or shape (items,).
        seed: of the hidden cells; the fit itself has no randomness.
        device: ``cpu``, ``cuda``, or ``auto`` (cuda where there is one).
        block_size: items per block; bounds the memory beside the responses themselves.
        progress: called with (done, total, what).

    Raises:
        FitError: an item or model without answers, or numbers that are not finite.
        ConfigError: dimensions below 1, guessing outside [0, 1), no such device.
    """
    candidates = _candidates(dimensions, responses)
    if block_size < 1:
        raise ConfigError(f"block_size must be at least 1, found {block_size}")
    order = by_id(responses.items.ids)
    rows = by_id(responses.models.ids)
    data = _load(responses, rows, order, guessing, _device(device), block_size)
    held_out = {}
    if len(candidates) > 1:
        held_out = _hold_out(data, candidates, seed, progress)
    best = _best(held_out) if held_out else candidates[0]
    state = fit_map(data, best, progress)
    observed = data.scores.numel() if data.mask is None else float(data.mask.sum())
    value = held_out.get(best, data.log_likelihood(state) / observed)
    return _result(responses, state, data, rows, order, value, held_out)


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
    block: int,
) -> Data:
    """Put the responses on the device, rows and columns sorted by id."""
    scores = responses.scores[np.ix_(rows, order)]
    observed = ~np.isnan(scores)
    for what, axis, ids in (("item", 0, responses.items.ids), ("model", 1, responses.models.ids)):
        empty = np.flatnonzero(~observed.any(axis=axis))
        if len(empty):
            source = order if what == "item" else rows
            names = [ids[source[k]] for k in empty]
            raise FitError(f"these {what}s have no answers at all: {examples(names)}; drop them")
    if responses.n_models < 2:
        raise FitError("the IRT fit needs at least two models")
    c = np.asarray(guessing, dtype=np.float32)
    if c.shape not in ((), (responses.n_items,)):
        raise ConfigError(
            f"guessing must be one number or one per item ({responses.n_items}), found shape "
            f"{c.shape}"
        )
    c = np.broadcast_to(c, (responses.n_items,))[order]
    if not ((c >= 0) & (c < 1)).all():
        raise ConfigError("guessing must lie in [0, 1)")
    mask = None
    if not observed.all():
        mask = torch.from_numpy(observed.astype(np.float32)).to(device)
    return Data(
        torch.from_numpy(np.nan_to_num(scores)).to(device),
        mask,
        torch.from_numpy(np.ascontiguousarray(c)).to(device) if c.any() else None,
        block,
    )


def _hold_out(
    data: Data, candidates: list[int], seed: int, progress: Progress | None
) -> dict[int, float]:
    """Mean log-likelihood of hidden cells by number of dimensions."""
    rng = np.random.default_rng(seed)
    hidden = torch.from_numpy(rng.random(tuple(data.scores.shape)) < HELD_OUT_SHARE)
    hidden = hidden.to(data.scores.device).float()
    if data.mask is not None:
        hidden = hidden * data.mask
    seen = 1 - hidden if data.mask is None else data.mask - hidden
    fold = Data(data.scores * seen, seen, data.guessing, data.block)
    held_out: dict[int, float] = {}
    for k, dims in enumerate(candidates):
        if progress is not None:
            progress(k, len(candidates), f"trying {dims} dimensions")
        state = fit_map(fold, dims, None)
        held_out[dims] = data.log_likelihood(state, hidden) / max(float(hidden.sum()), 1.0)
        if k and held_out[dims] < held_out[candidates[k - 1]] + MARGIN:
            break
    return held_out


def _result(
    responses: ResponseMatrix,
    state: State,
    data: Data,
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
