"""How seconds grow: slopes of lines through their logarithms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log seconds against log size by least squares; NaN with fewer than two points."""
    if len(sizes) < 2:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def last_slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """The same between the two largest sizes, where what does not grow weighs least."""
    order = np.argsort(sizes)[-2:]
    return slope(np.asarray(sizes)[order].tolist(), np.asarray(seconds)[order].tolist())
