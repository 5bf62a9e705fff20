"""A smooth curve of error against number of items, from a few measured numbers.

The mean of n random ones of N items has the standard error s * sqrt(1 / n - 1 / N).  Errors of
chosen items fall in much the same way, so their logarithm is nearly linear in

    u(n) = log(1 / n - 1 / (N + 1)).

The curve is the isotonic fit of the measured logarithms (more items never err more: Barlow et al.
1972), with straight lines in u between them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array


class Curve:
    """Error by number of items, falling.

    Args:
        measured: number of items -> error, not negative; at least one.
        total: number of items of the benchmark.

    Example:
        >>> from tinyeval.backtesting.curve import Curve
        >>> curve = Curve({10: 0.04, 40: 0.02}, total=10**9)
        >>> round(curve.at(20), 4)
        0.0283
        >>> curve.smallest(0.0283), curve.smallest(0.01)
        (20, None)
    """

    def __init__(self, measured: Mapping[int, float], total: int) -> None:
        self.sizes: NDArray[np.int64] = np.array(sorted(measured), dtype=np.int64)
        self.total = total
        values = np.log(np.maximum([measured[int(n)] for n in self.sizes], 1e-9))
        self._logs = falling(values)

    def at(self, n: int) -> float:
        """Return the error with ``n`` items; outside the measured numbers, that of the nearest."""
        # np.interp needs ascending places; u falls with n
        u, at = -self._place(self.sizes), -self._place(np.array([n]))
        return float(np.exp(np.interp(at, u, self._logs))[0])

    def smallest(self, goal: float) -> int | None:
        """Return the smallest measured or interpolated number with at most this error, if any."""
        numbers = np.arange(self.sizes[0], self.sizes[-1] + 1)
        u = -self._place(self.sizes)
        errors = np.exp(np.interp(-self._place(numbers), u, self._logs))
        enough = np.flatnonzero(errors <= goal * (1 + 1e-9))
        return int(numbers[enough[0]]) if enough.size else None

    def _place(self, n: NDArray[np.int64]) -> Array:
        return np.asarray(np.log(1.0 / n - 1.0 / (self.total + 1)))


def falling(values: Array) -> Array:
    """Return the least-squares fit of values that never rise, by pooling adjacent violators."""
    blocks: list[tuple[float, int]] = []  # mean, count
    for value in values:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] < mean:
            before, size = blocks.pop()
            mean, count = (mean * count + before * size) / (count + size), count + size
        blocks.append((mean, count))
    return np.repeat([mean for mean, _ in blocks], [count for _, count in blocks])
