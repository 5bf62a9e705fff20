"""Keys and values that a model keeps of the rows it has read."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


class Held(NamedTuple):
    """What was read of some rows: keys and values, and which columns are not padding."""

    cache: Any
    mask: Bools  # (rows, columns)

    def take(self, rows: Sequence[int]) -> Held:
        """Return some of the rows; the cache itself stays as it is."""
        mask = self.mask[list(rows)]
        used = np.flatnonzero(mask.any(0))
        cut = len(used) < mask.shape[1]
        cache = copy.copy(self.cache)
        cache.layers = [copy.copy(one) for one in self.cache.layers]
        for layer in cache.layers:
            vars(layer).pop("update", None)  # of :meth:`with_room`
            device = layer.keys.device
            chosen = torch.tensor(rows, device=device)
            columns = torch.from_numpy(used).to(device) if cut else None
            for name in ("keys", "values"):
                found = getattr(layer, name).index_select(0, chosen)
                setattr(layer, name, found if columns is None else found.index_select(2, columns))
        return Held(cache, mask[:, used] if cut else mask)

    def with_room(self, tokens: int) -> Held:
        """Make room for so many tokens more, which are then added in place, and return this."""
        for layer in self.cache.layers:
            _make_room(layer, tokens)
        return self


def _make_room(layer: Any, tokens: int) -> None:
    """Let a layer of the cache add tokens in place: its own ``update`` copies all it holds."""
    stores = {}
    for name in ("keys", "values"):
        held = getattr(layer, name)
        rows, heads, columns, size = held.shape
        stores[name] = held.new_empty(rows, heads, columns + tokens, size)
        stores[name][:, :, :columns] = held
        setattr(layer, name, stores[name][:, :, :columns])

    def update(keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> Any:
        start = layer.keys.shape[2]
        end = start + keys.shape[2]
        for name, new in (("keys", keys), ("values", values)):
            stores[name][:, :, start:end] = new
            setattr(layer, name, stores[name][:, :, :end])
        return layer.keys, layer.values

    layer.update = update


def empty_cache() -> Any:
    """Return a cache that keeps every token: a model's own one may forget what left a window."""
    from tinyeval.training.optional import load

    return load("transformers", "hf").DynamicCache()


def window(cache: Any) -> float:
    """Return how many tokens every layer sees; 0 where a layer holds something else."""
    kinds = {"DynamicLayer": "", "DynamicSlidingWindowLayer": "sliding_window"}
    sizes = [
        getattr(one, kinds[type(one).__name__], float("inf")) if type(one).__name__ in kinds else 0
        for one in cache.layers
    ]
    return min(sizes, default=0)
