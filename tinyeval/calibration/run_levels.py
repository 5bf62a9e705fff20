"""Calibrations by number of runs: answers of one run err more than means of five.

If the history was repeated, held-out models are replayed as if they had been run fewer times
(:mod:`tinyeval.calibration.replayed`), and each number of runs gets a calibration of its own.  A
model is read by the one for its number of runs, up to SLACK, or the next below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.differences import Difference, differences_of
from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.compute.arrays import Array

FEWER = ((1, 2), (2, 4))
"""Numbers of runs, and the fewest that a history needs to be replayed with them."""


DRAWS = 3
"""Draws of runs for each number of runs, an odd number; one varies by chance."""

SLACK = 1.1
"""A model run 4.6 times on average is read as one run five times: a few runs may have failed."""

T = TypeVar("T", Calibration, PairCalibration)


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


def level_of(levels: Sequence[RunLevel], runs: float) -> RunLevel:
    """Return the level for a number of runs; ``levels`` ascend by theirs."""
    return levels[int(_places(levels, np.array([runs]))[0])]


def by_level(
    levels: Sequence[RunLevel], runs: Array
) -> Iterator[tuple[RunLevel, NDArray[np.intp]]]:
    """Yield every level that is used, with the positions of its models.

    Args:
        levels: one or more levels, ascending by their number of runs.
        runs: number of runs of each model, shape (models,).
    """
    which = _places(levels, runs)
    for k in np.unique(which):
        yield levels[k], np.flatnonzero(which == k)


def _places(levels: Sequence[RunLevel], runs: Array) -> NDArray[np.intp]:
    known = np.array([one.trials for one in levels])
    return np.maximum(np.searchsorted(known, runs * SLACK, side="right") - 1, 0)


def bounds_by_runs(
    levels: Sequence[RunLevel],
    runs: Array,
    *,
    mean: Array,
    spread: Array,
    n_answered: NDArray[np.int64],
    beyond: NDArray[np.bool_],
    n_anchors: int,
    level: float,
) -> Array:
    """Return score, lower and upper end of every target, shape (models, targets, 3).

    The arguments are those of :meth:`Calibration.half_width`.
    """
    half = np.empty(mean.shape)
    for one, rows in by_level(levels, runs):
        half[rows] = one.calibration.half_width(
            mean=mean[rows],
            spread=spread[rows],
            n_answered=n_answered[rows],
            n_anchors=n_anchors,
            level=level,
            beyond=beyond[rows],
        )
    return np.stack([mean, np.maximum(mean - half, 0.0), np.minimum(mean + half, 1.0)], 2)


def flags_by_runs(
    levels: Sequence[RunLevel],
    runs: Array,
    score: Array,
    novelty: Array,
    misfit: Array,
    n_answered: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return ``in_range`` and ``misfit`` of every model; all arrays have the shape (models,)."""
    in_range, is_misfit = np.empty((2, len(runs)), dtype=bool)
    for one, rows in by_level(levels, runs):
        n, told = n_answered[rows], one.calibration
        in_range[rows] = told.in_range(score[rows], novelty[rows], n)
        is_misfit[rows] = told.is_misfit(misfit[rows], n)
    return in_range, is_misfit


def differences_by_runs(
    levels: Sequence[RunLevel],
    runs: Array,
    *,
    difference: Array,
    scale: Array,
    n_shared: NDArray[np.int64],
    beyond: NDArray[np.bool_],
    level: float,
    margin: float,
) -> Array:
    """Return :func:`differences_of` of every pair; ``runs`` is the fewer of its two models'."""
    found = np.empty((*difference.shape, len(Difference._fields)))
    for one, rows in by_level(levels, runs):
        found[rows] = differences_of(
            one.pairs,
            difference=difference[rows],
            scale=scale[rows],
            n_shared=n_shared[rows],
            beyond=beyond[rows],
            level=level,
            margin=margin,
        )
    return found


def median_of(found: Sequence[T]) -> T:
    """Return the median of several calibrations on the same models, number by number."""
    if len(found) == 1:
        return found[0]
    states = [one.state() for one in found]
    return type(found[0]).from_state(
        {
            name: np.median([one[name] for one in states], axis=0).astype(value.dtype)
            for name, value in states[0].items()
        }
    )


def cells_of_runs(
    trials: float | None, of_runs: tuple[float, float, float] | None
) -> dict[str, str]:
    """Return a number of runs, and their score and its ends, as cells of a table by heading.

    Example:
        >>> cells_of_runs(2, (0.5, 0.45, 0.55))
        {'runs': '2', 'score of these runs': '0.500 (0.450 to 0.550)'}
        >>> cells_of_runs(None, None)
        {}
    """
    if trials is None or of_runs is None:
        return {}
    score, lower, upper = of_runs
    shown = f"{score:.3f} ({lower:.3f} to {upper:.3f})"
    return {"runs": f"{round(trials, 1):g}", "score of these runs": shown}
