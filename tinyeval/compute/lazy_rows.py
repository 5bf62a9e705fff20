"""Matrices of models x items whose rows are computed whenever they are read.

What an IRT fit says of every cell is a few factors; written out it is a second matrix of scores.
Where that is large the factors are kept, and a slab of rows is computed where one is read: in
single precision, a cache's worth at a time, which costs little more than reading it would.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs

Rows = Callable[[slice], NDArray]


class LazyRows:
    """A matrix by its rows; sums over it are those of :mod:`tinyeval.compute.row_blocks`.

    Attributes:
        shape: (models, items).
    """

    def __init__(self, shape: tuple[int, ...], rows: Rows) -> None:
        """``rows`` returns some of the rows, an array of the caller's own."""
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
        """All of it, where everything is wanted at once."""
        whole = np.concatenate([self[cut] for cut in slabs(self.shape)])
        return whole if dtype is None else whole.astype(dtype)  # type: ignore[call-overload]
