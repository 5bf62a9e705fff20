"""Scores of a long table that are means of several runs, as a column of numbers of runs says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.harness import cell_means
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.runcounts import MOST_TRIALS
from tinyeval.importers.values import shown


def counted_means(
    table: RawTable, name: str | None, cell: NDArray[np.intp], marks: NDArray, n_cells: int
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Return the mean score of each cell, and how many runs it is of.

    Args:
        table: a row per answer.
        name: its column of numbers of runs; None: one run a row.
        cell: of each row.
        marks: score of each row; NaN does not count.
        n_cells: number of cells.

    Returns:
        Means, NaN where there is no score, and numbers of runs, shapes (n_cells,).

    Raises:
        DataError: a number of runs that is none, or more than can be counted.
    """
    if name is None:
        return cell_means(cell, marks, n_cells, table.path)
    known = np.flatnonzero(~np.isnan(marks))
    read = table.marks(name)
    runs = np.asarray(read.numbers, dtype=np.float64)[known]
    bad = ~((runs >= 1) & (runs <= MOST_TRIALS) & (runs == np.rint(runs)))
    bad |= np.isin(known, np.asarray(read.wrong, dtype=np.intp))
    if bad.any():
        row = int(known[np.argmax(bad)])
        raise DataError(
            f"{table.where(row)}: the number of runs in column {name[:60]!r} is "
            f"{shown(table.columns[name][row])}, expected a whole number from 1 on; rename the "
            "column if it is something else, or say --trial-column if it tells trials apart"
        )
    count = np.bincount(cell[known], weights=runs, minlength=n_cells)
    if count.max(initial=0) > MOST_TRIALS:
        raise DataError(
            f"{table.path}: has {count.max():,.0f} trials of one item by one model; at most "
            f"{MOST_TRIALS:,} can be counted"
        )
    total = np.bincount(cell[known], weights=marks[known] * runs, minlength=n_cells)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means.astype(np.float32), count.astype(np.uint16)
