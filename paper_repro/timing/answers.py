"""Simulated answers of a size that is asked for, one byte each; numpy only, rivals read them too.

Abilities and items are drawn from a two-parameter logistic model of four dimensions: one of ability
in general, three that items load on with either sign.  A byte is the answer (0 or 1), plus 2 where
it is hidden from fits that are compared by it; 255 is no answer at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 0
DIMENSIONS = 4
HIDDEN, MISSING = 2, 255
HIDDEN_SHARE = 0.1
CELLS = 20_000_000
"""Cells worked on at a time: a block of them takes 80 MB in single precision."""

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Size:
    """How many models and items, and the share of the answers that are missing."""

    models: int
    items: int
    missing: float = 0.0
    set: str = ""
    """Name of a real set; without one the answers are simulated."""

    @property
    def cells(self) -> int:
        """Models times items."""
        return self.models * self.items

    @property
    def answers(self) -> int:
        """Number of answers that are there, to be expected."""
        return round(self.cells * (1 - self.missing))

    def within(self, other: Size) -> bool:
        """Whether this is smaller, and no more models or items than the other."""
        fewer = self.models <= other.models and self.items <= other.items
        return fewer and self.answers < other.answers

    @property
    def stem(self) -> str:
        """Name of files about it."""
        part = f"-{self.missing:g}" if self.missing else ""
        return f"{self.set or 'simulated'}-{self.models}x{self.items}{part}"

    def __str__(self) -> str:
        text = f"{self.models:,} x {self.items:,}"
        text += f", {self.missing:.0%} missing" if self.missing else ""
        return f"{text} ({self.set})" if self.set else text


def row_blocks(shape: tuple[int, ...], cells: int = CELLS) -> Iterator[slice]:
    """Cut the rows of a matrix into blocks of about so many cells."""
    step = max(1, cells // shape[1])
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))


def parameters(size: Size, seed: int = SEED) -> tuple[NDArray, NDArray, NDArray]:
    """Draw abilities (models, 4), discriminations (items, 4) and intercepts (items,)."""
    rng = np.random.default_rng([seed, size.models, size.items])
    ability = rng.normal(size=(size.models, DIMENSIONS)).astype(np.float32)
    slopes = rng.lognormal(0.0, 0.4, (size.items, DIMENSIONS))
    slopes[:, 1:] *= rng.choice([-0.5, 0.5], (size.items, DIMENSIONS - 1))
    intercept = rng.normal(0.3, 1.3, size.items)
    return ability, slopes.astype(np.float32), intercept.astype(np.float32)


def simulate(path: Path, size: Size, seed: int = SEED, at_once: int = CELLS) -> None:
    """Write simulated answers; every row has draws of its own, whatever the blocks.

    Args:
        path: of the file.
        size: how many answers.
        seed: of all draws.
        at_once: cells worked on at a time.
    """
    ability, slopes, intercept = parameters(size, seed)
    shape = (size.models, size.items)
    part = path.with_suffix(".part")
    codes = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
    for rows in row_blocks(shape, at_once):
        chance = ability[rows] @ slopes.T + intercept
        chance = 0.5 + 0.5 * np.tanh(0.5 * chance)
        for k, row in enumerate(range(rows.start, rows.stop)):
            rng = np.random.default_rng([seed, row])
            codes[row] = rng.random(size.items, dtype=np.float32) < chance[k]
            _mark(codes[row], rng, size.missing)
    codes.flush()
    os.replace(part, path)


def write_scores(path: Path, scores: NDArray, seed: int = SEED) -> None:
    """Write real answers, which must be 0, 1 or NaN."""
    codes = np.where(np.isnan(scores), MISSING, np.nan_to_num(scores) > 0.5).astype(np.uint8)
    for row in range(len(codes)):
        known = codes[row] != MISSING
        marked = codes[row].copy()
        _mark(marked, np.random.default_rng([seed, row]), 0.0)
        codes[row] = np.where(known, marked, MISSING)
    np.save(path, codes)


def _mark(row: Codes, rng: np.random.Generator, missing: float) -> None:
    """Mark the hidden answers of a model, and those it never gave."""
    row += HIDDEN * (rng.random(len(row), dtype=np.float32) < HIDDEN_SHARE).astype(np.uint8)
    if missing:
        row[rng.random(len(row), dtype=np.float32) < missing] = MISSING


def open_codes(path: Path) -> Codes:
    """Open what was written, without reading it."""
    return np.load(path, mmap_mode="r")


def scores_of(codes: Codes, hide: bool) -> NDArray[np.float32]:
    """Return scores, NaN where there is no answer and, if asked, where it is hidden."""
    scores = np.empty(codes.shape, dtype=np.float32)
    for rows in row_blocks(codes.shape):
        block = codes[rows]
        scores[rows] = block & 1
        scores[rows][block >= HIDDEN if hide else block == MISSING] = np.nan
    return scores


def held_out(codes: Codes, ability: NDArray, slopes: NDArray, intercept: NDArray) -> float:
    """Mean log-likelihood of the hidden answers, P(right) = sigmoid(slopes . ability + intercept).

    Args:
        codes: shape (models, items).
        ability: shape (models, dimensions).
        slopes: shape (items, dimensions).
        intercept: shape (items,).
    """
    total, count = 0.0, 0
    for rows in row_blocks(codes.shape, CELLS // 2):
        block = codes[rows]
        hidden = (block >= HIDDEN) & (block != MISSING)
        logits = (ability[rows] @ slopes.T + intercept)[hidden]
        right = (block & 1)[hidden]
        total += float((right * logits - np.logaddexp(0.0, logits)).sum())
        count += int(hidden.sum())
    return total / max(count, 1)
