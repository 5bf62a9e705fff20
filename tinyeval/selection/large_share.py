"""What a design adds where much of the benchmark is asked.

A few anchors serve best where they tell most of the other items.  A design that asks for half of
the benchmark in that way leaves out what it believes to know: items that no source model solved,
or that all but a few solved.  For models beyond the source models this belief is wrong, and what is
never asked is never learned.  So, with n of N items asked, the design grows more careful by

    a = (n / N - FROM) / (TO - FROM), cut to [0, 1]

in two ways: the items that no source model solved get a shift of their own of size ``a``
(``unsolved`` of :func:`tinyeval.covariance.item_covariance.item_covariance`), and each stratum of
difficulty gets at least

    floor(a * n / N * number of its items)

anchors.  From TO on the anchors are spread over the strata in proportion (Neyman 1934), and only
within them does the design choose freely.  Up to FROM nothing changes.
"""

from __future__ import annotations

import numpy as np

from tinyeval.compute.arrays import Array
from tinyeval.selection.budget import Bounds, Budget
from tinyeval.tables import Table

FROM = 0.2
"""Share of the benchmark up to which the design is left alone."""

TO = 0.4
"""Share from which the strata are asked in proportion."""

STRATA = (1e-9, 0.1, 0.3, 0.7, 0.9, 1 - 1e-9)
"""Borders of the strata, in mean scores of the source models; the outer two are 0 and 1 alone."""

COLUMN = "stratum"


def care(asked: int, items: int) -> float:
    """Return a, from 0 to 1: how careful a design of ``asked`` of ``items`` items is.

    Example:
        >>> [care(n, 500) for n in (100, 150, 250)]
        [0.0, 0.5, 1.0]
    """
    return round(float(np.clip((asked / items - FROM) / (TO - FROM), 0.0, 1.0)), 6)


def stratified(budget: Budget, ids: tuple[str, ...], mean: Array) -> tuple[Budget, Table]:
    """Return a budget with a quota for each stratum, and the table that its quotas refer to.

    Args:
        budget: without quotas and without a limit on cost.
        ids: of the items.
        mean: mean score of the source models on each, shape (items,).
    """
    stratum = np.digitize(mean, STRATA)
    part = care(budget.items, len(ids)) * budget.items / len(ids)
    quotas = {
        str(one): Bounds(int(part * size), int(size))
        for one, size in zip(*np.unique(stratum, return_counts=True), strict=True)
    }
    names = np.array([str(one) for one in stratum])
    return Budget(budget.items, quotas=quotas, by=COLUMN), Table(ids, {COLUMN: names})
