"""Calibrations by number of runs: answers of one run err more than means of five.

If the history was repeated, held-out models are replayed as if they had been run fewer times
(:mod:`tinyeval.calibration.replayed`), and each number of runs gets a calibration of its own.  A
model is read by the one for its number of runs, or the next below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.compute.arrays import Array

FEWER = ((1, 2), (2, 4))
"""Numbers of runs, and the fewest that a history needs to be replayed with them."""


@dataclass(frozen=True)
class RunLevel:
    """The calibrations for one number of runs."""

    trials: int
    calibration: Calibration
    pairs: PairCalibration


def fewer_than(usual: int) -> tuple[int, ...]:
    """Return the numbers of runs, below the history's, that are calibrated.

    Example:
        >>> fewer_than(1), fewer_than(3), fewer_than(5)
        ((), (1,), (1, 2))
    """
    return tuple(n for n, least in FEWER if usual >= least)


def level_of(levels: Sequence[RunLevel], runs: Array) -> NDArray[np.intp]:
    """Return the position of every model's level; ``levels`` ascend by their number of runs.

    Args:
        levels: one or more levels.
        runs: number of runs of each model, shape (models,).
    """
    known = np.array([one.trials for one in levels])
    return np.maximum(np.searchsorted(known, runs + 1e-9, side="right") - 1, 0)


def by_level(
    levels: Sequence[RunLevel], which: NDArray[np.intp]
) -> Iterator[tuple[RunLevel, NDArray[np.intp]]]:
    """Yield every level that is used, with the positions of its models."""
    for k in np.unique(which):
        yield levels[k], np.flatnonzero(which == k)
