"""Matrices of models x items whose rows are computed whenever they are read.

The fitted probabilities of an IRT fit are as large as the matrix of scores, but follow from a few
factors.  If the matrix is large, only the factors are kept, and rows are computed when they are
read: in single precision, as many at a time as fit the cache, at little more than the cost of
reading them from memory.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs

Rows = Callable[[slice], NDArray]


class LazyRows:
    """A matrix given by its rows; :mod:`tinyeval.compute.row_blocks` sums over it.

    Attributes:
        shape: (models, items).
    """

    def __init__(self, shape: tuple[int, ...], rows: Rows) -> None:
        """Take a function ``rows`` that returns the rows of a slice in a new array."""
        self.shape = shape
        self._rows = rows

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, cut: slice) -> NDArray:
        return self._rows(cut)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray:
        """Return the whole matrix."""
        whole = np.concatenate([self[cut] for cut in slabs(self.shape)])
        return whole if dtype is None else whole.astype(dtype)  # type: ignore[call-overload]
