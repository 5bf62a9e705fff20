"""Sums over a matrix of models x items in double precision, a slab of models at a time.

Scores are kept in single precision.  A copy of the whole matrix in double precision might not fit
into memory, so only a slab is converted at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.processes import ALONE, Processes

CELLS = 2**22
"""Cells of a slab: 32 MB in double precision."""


class Matrix(Protocol):
    """An array, or rows computed when read (:class:`tinyeval.compute.lazy_rows.LazyRows`)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    @property
    def size(self) -> int:
        """Number of cells."""

    def __len__(self) -> int: ...

    def __getitem__(self, cut: slice, /) -> NDArray: ...


def slabs(shape: tuple[int, ...], processes: Processes = ALONE) -> Iterator[slice]:
    """Yield slices of the rows of a matrix, each of about CELLS cells.

    Args:
        shape: numbers of rows and columns.
        processes: processes that share the rows.
    """
    rows, columns = shape
    step = max(1, CELLS // max(1, columns))
    own = processes.share(rows)
    for start in range(own.start, own.stop, step):
        yield slice(start, min(start + step, own.stop))


def whole(matrix: Matrix) -> Array:
    """Return a copy of a matrix in double precision."""
    found = np.empty(matrix.shape)
    for cut in slabs(matrix.shape):
        found[cut] = matrix[cut]
    return found


def pick_columns(matrix: Matrix, positions: NDArray[np.intp]) -> Array:
    """Return some columns in double precision, shape (rows, positions)."""
    found = np.empty((len(matrix), len(positions)))
    for cut in slabs(matrix.shape):
        found[cut] = matrix[cut][:, positions]
    return found


def times(matrix: Matrix, right: NDArray, processes: Processes = ALONE) -> Array:
    """Return ``matrix @ right`` in double precision, shapes (rows, columns) and (columns, k).

    Args:
        matrix: shape (rows, columns).
        right: shape (columns, k) or (columns,).
        processes: processes that hold the same matrix; each multiplies some of the rows.
    """
    found = np.zeros((len(matrix), *right.shape[1:]))
    for cut in slabs(matrix.shape, processes):
        found[cut] = matrix[cut].astype(np.float64) @ right
    processes.add_up_arrays(found)
    return found


def column_means(matrix: Matrix, processes: Processes = ALONE) -> Array:
    """Return the mean of every column in double precision; ``processes`` as in :func:`times`."""
    if matrix.size <= CELLS:
        return np.asarray(matrix[:].astype(np.float64).mean(0))
    total = np.zeros(matrix.shape[1])
    for cut in slabs(matrix.shape, processes):
        total += matrix[cut].sum(0, dtype=np.float64)
    processes.add_up_arrays(total)
    return total / len(matrix)


def column_squares(one: Matrix, other: Matrix | float, processes: Processes = ALONE) -> Array:
    """Return the sum of squares of every column of ``one - other``.

    Args:
        one: shape (rows, columns).
        other: shape (rows, columns) or (columns,), or a number.
        processes: as in :func:`times`.
    """
    total = np.zeros(one.shape[1])
    for cut in slabs(one.shape, processes):
        difference = one[cut].astype(np.float64)
        difference -= _rows(other, cut)
        difference *= difference
        total += difference.sum(0)
    processes.add_up_arrays(total)
    return total


def _rows(other: Matrix | float, cut: slice) -> Any:
    """Rows of a matrix; a vector or a number applies to every row and is returned as it is."""
    if isinstance(other, float) or len(other.shape) == 1:
        return other
    return other[cut]
