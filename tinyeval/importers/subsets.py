"""Columns that are the mean of some of the others, whatever they are called.

Least squares with weights of 0 or more finds of which columns a column may be made; it is their
mean where these weights are alike, and the mean of those columns alone gives it in every row.  No
item does that by chance: the rows are many more than the digits that are free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

FEWEST_ROWS, MOST_ROWS = 12, 200
"""Rows from which on, and by which, columns are tried."""

WIDEST = 2000
"""Columns up to which a table is tried: least squares take longer than their share beyond."""

TRIED = 8
"""Columns that are tried: those which go with the mean of the others most closely."""

LIKE = 0.5
"""Correlation with the mean of the others that a mean of some of them has at least."""

EXACT = 0.0051
"""Distance from the mean of a subset that rounding to two digits explains."""

PARTS = 3
"""Columns that a mean is of, at least."""


def subset_means(
    scores: NDArray[np.float32], core: NDArray[np.bool_], candidates: Sequence[int]
) -> list[int]:
    """Return the candidates that are the mean of three or more, but not all, core columns.

    Args:
        scores: (models, columns).
        core: columns that are most likely items, (columns,).
        candidates: positions of columns of graded marks.
    """
    if len(scores) < FEWEST_ROWS or not len(candidates):
        return []
    some = scores[:MOST_ROWS]
    whole = core & ~np.isnan(some).any(axis=0)
    if not PARTS < whole.sum() <= WIDEST:
        return []
    return [k for k in _likely(some, whole, candidates) if _is_mean_of_some(scores, whole, k)]


def _likely(
    some: NDArray[np.float32], whole: NDArray[np.bool_], candidates: Sequence[int]
) -> Iterator[int]:
    """Yield the candidates that go with the mean of the others most closely."""
    listed = np.array([k for k in candidates if not np.isnan(some[:, k]).any()], dtype=np.intp)
    if not listed.size:
        return
    own = some[:, listed].astype(np.float64)
    total = np.asarray(np.sum(some, axis=1, where=whole[None], dtype=np.float64))
    rest = total[:, None] - np.where(whole[listed], own, 0)
    own, rest = own - own.mean(axis=0), rest - rest.mean(axis=0)
    squares = np.sum(own**2, axis=0) * np.sum(rest**2, axis=0)
    together = np.asarray(np.sum(own * rest, axis=0))
    like = together / np.sqrt(np.where(squares > 0, squares, np.inf))
    for place in np.argsort(-like, kind="stable")[:TRIED]:
        if like[place] >= LIKE:
            yield int(listed[place])


def _is_mean_of_some(scores: NDArray[np.float32], whole: NDArray[np.bool_], k: int) -> bool:
    from scipy.optimize import nnls

    others = np.flatnonzero(whole & (np.arange(len(whole)) != k))
    column = scores[:, k].astype(np.float64)
    parts = scores[:MOST_ROWS, others].astype(np.float64)
    try:
        weights, _ = nnls(parts, column[: len(parts)])
    except RuntimeError:  # it did not converge: they are no plain mean
        return False
    largest = weights.max()
    if largest <= 0:
        return False
    used = others[weights > 0.5 * largest]
    alike = abs(largest * len(used) - 1) < 0.2
    if not alike or not PARTS <= len(used) < min(len(others), len(parts) // 2):
        return False
    known = ~np.isnan(column) & ~np.isnan(scores[:, used]).any(axis=1)
    means = scores[np.ix_(known, used)].mean(axis=1, dtype=np.float64)
    near = np.abs(column[known] - means) <= EXACT
    return bool(near.all()) and float(np.ptp(column[known])) > 4 * EXACT
