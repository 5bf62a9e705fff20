"""Sums over a matrix of scores in double precision, a slab of models at a time.

A matrix of scores is kept in single precision; in double, all at once, it would not fit where it
just fits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CELLS = 2**24
"""Cells of a slab: 128 MB in double precision."""


def slabs(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield rows of a matrix of a shape, as many at a time as make CELLS."""
    rows, columns = shape
    step = max(1, CELLS // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def times(matrix: NDArray, right: NDArray) -> Array:
    """Return ``matrix @ right`` in double precision, shapes (rows, columns) and (columns, k)."""
    return np.concatenate(
        [matrix[cut].astype(np.float64) @ right for cut in slabs(matrix.shape)], axis=0
    )


def column_means(matrix: NDArray) -> Array:
    """Return the mean of every column in double precision."""
    if matrix.size <= CELLS:
        return np.asarray(matrix.astype(np.float64).mean(0))
    total = np.zeros(matrix.shape[1])
    for cut in slabs(matrix.shape):
        total += matrix[cut].sum(0, dtype=np.float64)
    return total / len(matrix)


def column_squares(one: NDArray, other: NDArray | float) -> Array:
    """Return the sum of squares of every column of a difference.

    Args:
        one: shape (rows, columns).
        other: shape (rows, columns) or (columns,), or a number.
    """
    total = np.zeros(one.shape[1])
    whole = np.ndim(other) == 2
    for cut in slabs(one.shape):
        part = np.asarray(other)[cut] if whole else other
        total += ((one[cut].astype(np.float64) - part) ** 2).sum(0)
    return total
