"""Responses as the fit reads them: a row per item, one byte per answer, visited block by block.

A byte holds one of three codes: right, wrong or missing.  Graded scores take four bytes.  Only one
block at a time is unpacked to numbers, and blocks fit a processor's cache: beside the packed
responses a fit needs a few megabytes.  If memory is too small for the packed responses, they lie in
a memory-mapped temporary file, which every sweep reads once from beginning to end.  The scores that
are packed may be memory-mapped as well.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import CELLS

Tensor = torch.Tensor

WRONG, RIGHT, NONE = 2, 3, 0
"""Codes of a byte: the second bit is set for an answer, the first for a right answer."""

NO_SCORE = -1.0
"""Stands for a missing graded score."""

BLOCK_CELLS = {"cpu": 2**18, "cuda": 2**26}
"""Cells of a block by default: they fit a core's cache, or keep a GPU busy."""

LEAST_ITEMS = 32
"""Fewest items of a block: sums over items, one for each model, are updated once per block."""

MEMORY_SHARE = 0.5
"""Share of the machine's memory above which packed responses go into a file."""

CELLS_AT_ONCE = 2**30
"""Cells packed in one pass over the scores, so that writes to a file stay close together."""


class ItemBlock(NamedTuple):
    """The responses of a block of items as numbers: arrays of shape (items of the block, models).

    Attributes:
        cut: the block's slice of the items.
        scores: scores, 0 where missing; times the weights, if answers have weights.
        observed: 1 where there is an answer, or its weight; None if no answer is missing.
        room: three arrays for intermediate results.
    """

    cut: slice
    scores: Tensor
    observed: Tensor | None
    room: Tensor


@dataclass(frozen=True)
class Packed:
    """Packed responses on a device.

    Attributes:
        cells: codes (uint8) or graded scores (float32), shape (items, models).
        guessing: chance level of each item, shape (items,); None when all are 0.
        complete: True if no answer is missing, and none has a weight.
        block: number of items per block.
        weights: weights of the answers in the likelihood, float32, shape (items, models); None if
            all are 1.
    """

    cells: Tensor
    guessing: Tensor | None
    complete: bool
    block: int
    weights: Tensor | None = None

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.cells.shape[0]

    @property
    def n_models(self) -> int:
        """Number of models."""
        return self.cells.shape[1]

    def blocks(self) -> Iterator[ItemBlock]:
        """Yield the items block by block; a block is overwritten by the next one."""
        shape, device = (min(self.block, self.n_items), self.n_models), self.cells.device
        numbers = torch.empty((5, *shape), dtype=torch.float32, device=device)
        bits = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, self.n_items, self.block):
            cut = slice(start, min(start + self.block, self.n_items))
            n = cut.stop - cut.start
            scores, observed = numbers[0, :n], numbers[1, :n]
            self._unpack(self.cells[cut], scores, None if self.complete else observed, bits[:n])
            if self.weights is not None:
                scores.mul_(self.weights[cut])
                observed.mul_(self.weights[cut])
            yield ItemBlock(cut, scores, None if self.complete else observed, numbers[2:, :n])

    def _unpack(self, cells: Tensor, scores: Tensor, observed: Tensor | None, bits: Tensor) -> None:
        """Write ``scores``, 0 where missing, and ``observed``."""
        if cells.dtype != torch.uint8:
            scores.copy_(cells).clamp_min_(0.0)
            if observed is not None:
                observed.copy_(cells >= 0)
            return
        scores.copy_(torch.bitwise_and(cells, 1, out=bits))
        if observed is not None:
            observed.copy_(torch.bitwise_right_shift(cells, 1, out=bits))

    def counts(self) -> tuple[Tensor, Tensor]:
        """Return the number of answers and the sum of scores of every item, shape (items,).

        Answers count by their weights.
        """
        answered, right = torch.full(
            (2, self.n_items), float(self.n_models), device=self.cells.device
        )
        for block in self.blocks():
            right[block.cut] = block.scores.sum(1)
            if block.observed is not None:
                answered[block.cut] = block.observed.sum(1)
        return answered, right

    def split(self, share: float, rng: np.random.Generator) -> tuple[Packed, Packed]:
        """Return the responses without a random share of the cells, and that share alone.

        Args:
            share: share of the cells.
            rng: draws cells model by model, so that the draw does not depend on the packing.
        """
        hidden = share > rng.random((self.n_models, self.n_items)).T
        there = torch.from_numpy(np.ascontiguousarray(hidden)).to(self.cells.device)
        none = NONE if self.cells.dtype == torch.uint8 else NO_SCORE
        seen, kept = (self.cells.masked_fill(one, none) for one in (there, ~there))
        return replace(self, cells=seen, complete=False), replace(self, cells=kept, complete=False)


def pack(
    scores: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    graded: bool,
    guessing: NDArray[np.float32],
    device: torch.device,
    block: int | None,
    weights: NDArray[np.float32] | None = None,
) -> Packed:
    """Pack some rows and columns of a matrix of scores, in the given order.

    Args:
        scores: shape (models, items), NaN where missing.
        rows, columns: positions of models and items.
        graded: whether there are scores between 0 and 1.
        guessing: chance level of the items in ``columns``.
        device: device of the packed responses.
        block: number of items per block; None: as many as BLOCK_CELLS allows.
        weights: of the answers, shape (models, items); None if all are 1.
    """
    cells = _room((len(columns), len(rows)), torch.float32 if graded else torch.uint8, device)
    complete, width = True, max(1, CELLS_AT_ONCE // max(1, len(rows)))
    step = max(1, CELLS // max(1, scores.shape[1]))
    for first in range(0, len(columns), width):
        some = torch.from_numpy(columns[first : first + width]).to(device)
        for start in range(0, len(rows), step):
            slab = torch.from_numpy(scores[rows[start : start + step]]).to(device)[:, some]
            missing = slab.isnan()
            complete &= not bool(missing.any())
            codes = _codes(slab, missing, graded)
            cells[first : first + width, start : start + step] = codes.T
    chance = np.ascontiguousarray(guessing)
    counted = None if weights is None else weights[np.ix_(rows, columns)].T
    return Packed(
        cells,
        torch.from_numpy(chance).to(device) if chance.any() else None,
        complete and counted is None,
        block or block_of(len(rows), device),
        None if counted is None else torch.from_numpy(np.ascontiguousarray(counted)).to(device),
    )


def _codes(scores: Tensor, missing: Tensor, graded: bool) -> Tensor:
    """Return scores in their packed form."""
    if graded:
        return scores.masked_fill(missing, NO_SCORE)
    return (scores > 0.5).to(torch.uint8).add_(WRONG).masked_fill_(missing, NONE)


def _memory() -> float:
    """Return the bytes of the machine's memory; infinity if the system does not tell."""
    if not hasattr(os, "sysconf"):  # Windows
        return float("inf")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _room(shape: tuple[int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return an empty tensor, in a temporary file if the machine's memory is too small."""
    cells = shape[0] * shape[1]
    if device.type != "cpu" or cells * dtype.itemsize <= MEMORY_SHARE * _memory():
        return torch.empty(shape, dtype=dtype, device=device)
    kind = np.uint8 if dtype == torch.uint8 else np.float32
    with tempfile.TemporaryFile(prefix="tinyeval-") as file:  # deleted with its last view
        return torch.from_numpy(np.memmap(file, kind, "w+", shape=shape))


def block_of(models: int, device: torch.device) -> int:
    """Return the number of items per block for a number of models."""
    return max(LEAST_ITEMS, BLOCK_CELLS[device.type] // models)
