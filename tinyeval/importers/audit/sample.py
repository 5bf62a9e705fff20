"""Samples of models and items, so that an audit takes bounded time; the same each time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spread(n: int, most: int, seed: int = 0) -> NDArray[np.intp]:
    """Return the positions of all, or of ``most`` at random, in order."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
