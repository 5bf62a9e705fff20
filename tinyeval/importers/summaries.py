"""Columns that follow from the others of their row: means, percentages and sums, of all or a group.

A mean is known by its numbers: it is the mean of the others in every row to the digits that are
written.  All columns are tried in a few rows, and those that fit in all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs

CLOSE = 0.95
"""Correlation with the mean of the other columns that no single item has."""

FEW, MANY = 3, 8
"""Models from which on a mean is told by its exact digits, and by two rounded ones."""

EXACT, ROUNDED = 2e-6, 0.0051

SCREENED = 8
"""Rows in which every column is tried."""

GROUPS = 200
"""Columns of which it is tried whether they are means of a group of others."""


def row_means(
    scores: NDArray[np.float32], columns: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum over some columns of each row, and how many of them are known."""
    total, count = np.zeros(len(scores)), np.zeros(len(scores))
    everything = bool(columns.all())
    for cut in slabs(scores.shape):
        some = scores[cut] if everything else scores[cut][:, columns]
        known = ~np.isnan(some)
        total[cut] = np.sum(some, axis=1, where=known, dtype=np.float64)
        count[cut] = known.sum(axis=1)
    return total, count


def correlation(scores: NDArray[np.float32], core: NDArray[np.bool_], k: int) -> float:
    """Return the correlation of a column with the mean of the core columns; 0 if there is none."""
    others = core.copy()
    others[k] = False
    total, count = row_means(scores, others)
    known = (count > 0) & ~np.isnan(scores[:, k])
    if known.sum() < FEW or others.sum() < FEW:
        return 0.0
    mean, column = total[known] / count[known], scores[known, k].astype(np.float64)
    spread = mean.std() * column.std()
    if not spread > 1e-12:
        return 0.0
    return float(np.mean((mean - mean.mean()) * (column - column.mean())) / spread)


def find_means(
    names: Sequence[str],
    scores: NDArray[np.float32],
    core: NDArray[np.bool_],
    candidates: Sequence[int],
) -> list[int]:
    """Return the columns that are means, sums or percentages of the core columns, or of a group.

    Args:
        names: of all columns.
        scores: (models, columns).
        core: columns that are most likely items, (columns,).
        candidates: positions of the columns that may be something else.
    """
    if core.sum() < FEW or len(scores) < FEW:
        return []
    if not candidates:
        return []
    total, count = row_means(scores, core)
    likely = _screen(scores, candidates, total, count, core)
    found = [k for k in likely if _is_summary(scores, k, total, count, bool(core[k]))]
    left = [k for k in candidates if k not in found and not core[k]][:GROUPS]
    for k in left:
        group = core & np.array([_is_below(name, names[k]) for name in names])
        group[k] = False
        if FEW <= group.sum() < core.sum():
            of_group = row_means(scores, group)
            if _is_summary(scores, k, *of_group, among=False):
                found.append(k)
    return found


def _screen(
    scores: NDArray[np.float32],
    candidates: Sequence[int],
    total: NDArray[np.float64],
    count: NDArray[np.float64],
    core: NDArray[np.bool_],
) -> list[int]:
    """Return the candidates that fit in the first rows; nearly all items fail there."""
    listed = np.array(candidates, dtype=np.intp)
    some = scores[:SCREENED, listed].astype(np.float64)
    known, own = ~np.isnan(some), core[listed]
    sums = total[:SCREENED, None] - np.where(own, np.nan_to_num(some), 0)
    n = np.maximum(count[:SCREENED, None] - (own & known), 1)
    near = np.abs(some - sums / n) <= ROUNDED
    near_percent = np.abs(some - 100 * sums / n) <= 100 * ROUNDED
    near_sum = np.abs(some - sums) <= ROUNDED
    fits = [(one | ~known).all(axis=0) for one in (near, near_percent, near_sum)]
    return [int(k) for k in listed[np.any(fits, axis=0)]]


def _is_summary(
    scores: NDArray[np.float32],
    k: int,
    total: NDArray[np.float64],
    count: NDArray[np.float64],
    among: bool,
) -> bool:
    """Say whether a column is the mean, the sum or the percentage of others, in every row.

    Args:
        scores: (models, columns).
        k: the column.
        total, count: sum of the others and their number, (models,).
        among: whether the sum is with the column itself.
    """
    column = scores[:, k].astype(np.float64)
    known = ~np.isnan(column)
    sums = total - np.nan_to_num(column) if among else total
    counts = count - known if among else count
    known &= counts > 0
    if known.sum() < FEW or np.ptp(column[known]) == 0:
        return False
    values, means = column[known], sums[known] / counts[known]
    tolerance = ROUNDED if len(values) >= MANY else EXACT
    fits = (
        np.abs(values - means).max() <= tolerance,
        np.abs(values - 100 * means).max() <= max(100 * tolerance, 1e-3),
        np.abs(values - sums[known]).max() <= 1e-3,
    )
    return any(fits)


def _is_below(name: str, group: str) -> bool:
    """Say whether an item's name begins with what a summary's name is of: arc_1, arc_average."""
    of = re.sub(r"[\W_]*(average|avg|mean|total|overall|acc|accuracy|score)$", "", group.lower())
    rest = name.lower().removeprefix(of)
    return bool(of) and len(rest) < len(name) and not rest[:1].isalpha()
