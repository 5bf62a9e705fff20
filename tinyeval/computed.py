"""Matrices of models x items whose rows are computed whenever they are read.

What an IRT fit says of every cell is a few factors; written out it is a second matrix of scores.
Where that is large the factors are kept, and a slab of rows is computed where one is read: in
single precision, a cache's worth at a time, which costs little more than reading it would.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinyeval.irt.model import IRTModel
from tinyeval.slabs import slabs

Rows = Callable[[slice], NDArray]

CACHED = 2**18
"""Cells computed at a time."""


class Computed:
    """A matrix by its rows; sums over it are those of :mod:`tinyeval.slabs`.

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


def probabilities(model: IRTModel, ability: NDArray) -> Computed:
    """Return the probability of a right answer of every model to every item.

    Args:
        model: of the items.
        ability: shape (models, dimensions).
    """
    # c + (1 - c) sigmoid(x) = (1 + c) / 2 + (1 - c) / 2 tanh(x / 2)
    right = np.vstack([model.discrimination.T, model.intercept]) / 2
    left = np.column_stack([ability, np.ones(len(ability))])
    right, left = right.astype(np.float32), left.astype(np.float32)
    scale, middle = ((1 - model.guessing) / 2).astype(np.float32), (1 + model.guessing) / 2
    middle = middle.astype(np.float32)
    step = max(1, CACHED // right.shape[1])

    def rows(cut: slice) -> NDArray[np.float32]:
        part = left[cut]
        found = np.empty((len(part), right.shape[1]), dtype=np.float32)
        for start in range(0, len(part), step):
            few = found[start : start + step]
            np.tanh(np.matmul(part[start : start + step], right, out=few), out=few)
            few *= scale
            few += middle
        return found

    return Computed((len(left), right.shape[1]), rows)


def filled_in(scores: NDArray[np.float32], fitted: Computed) -> Computed:
    """Return scores with every missing cell replaced by a fitted probability.

    What replaces them is kept, four bytes a missing cell, so that reading costs no more than a
    copy.
    """
    parts, counts = [], []
    for cut in slabs(scores.shape):
        missing = np.isnan(scores[cut])
        parts.append(fitted[cut][missing])
        counts.append(missing.sum(1))
    values = np.concatenate(parts)
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])

    def rows(cut: slice) -> NDArray[np.float32]:
        found = np.array(scores[cut])
        first, stop, _ = cut.indices(len(scores))
        found[np.isnan(found)] = values[starts[first] : starts[max(first, stop)]]
        return found

    return Computed(scores.shape, rows)
