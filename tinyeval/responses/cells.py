"""Checks of the cells of a response matrix: scores, and numbers of trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs
from tinyeval.errors import DataError

Scores = NDArray[np.float32]
Trials = NDArray[np.uint16]


def check_range(scores: Scores, models: tuple[str, ...], items: tuple[str, ...]) -> None:
    """Raise :class:`DataError` for scores outside [0, 1]."""
    wrong, first = 0, (0, 0)
    for cut in slabs(scores.shape):
        slab = scores[cut]
        bad = ~((slab >= 0) & (slab <= 1) | np.isnan(slab))
        if bad.any() and not wrong:
            row, column = (int(k[0]) for k in np.nonzero(bad))
            first = cut.start + row, column
        wrong += int(bad.sum())
    if wrong:
        raise DataError(
            f"scores must lie in [0, 1], but {wrong} do not; the first is {scores[first]:g} of "
            f"model {models[first[0]]!r} on item {items[first[1]]!r}; divide percentages by 100 "
            "before importing"
        )


def checked_trials(trials: NDArray | None, scores: Scores) -> Trials | None:
    """Return trials that match the scores, or None if every score has one; else raise."""
    if trials is None:
        return None
    given, most = np.asarray(trials), np.iinfo(np.uint16).max
    if given.shape != scores.shape or given.dtype.kind not in "iu":
        raise DataError(
            f"expected whole numbers of trials, {scores.shape}, found {given.dtype} {given.shape}"
        )
    for cut in slabs(scores.shape):
        some = given[cut]
        bad = (some < 0) | (some > most) | ((some > 0) == np.isnan(scores[cut]))
        if bad.any():
            n = int(bad.sum())
            raise DataError(
                f"{n} cells break the rule of 1 to {most:,} trials per score, 0 without a score"
            )
    if given.max() <= 1:
        return None
    counted = given.astype(np.uint16, copy=False).view()
    counted.flags.writeable = False
    return counted
