"""Scores in a byte each where all are 0, 1 or missing; of most dumps all are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MISSING = 255
"""A missing score among whole ones."""

Compact = NDArray[np.uint8] | NDArray[np.float32]


def compact(scores: NDArray[np.float32]) -> Compact:
    """Return scores in a byte each if all are 0, 1 or missing, else as they are."""
    whole = np.empty(scores.shape, dtype=np.uint8)
    for row, out in zip(np.atleast_2d(scores), np.atleast_2d(whole), strict=True):
        missing = np.isnan(row)
        if not ((row == 0) | (row == 1) | missing).all():
            return scores
        out[:] = np.where(missing, MISSING, row)
    return whole


def expand(scores: Compact) -> NDArray[np.float32]:
    """Undo :func:`compact`."""
    found = scores.astype(np.float32, copy=False)
    return found if found is scores else np.where(scores == MISSING, np.float32(np.nan), found)
