"""Targets: the full-benchmark scores to be reconstructed.

Per benchmark, the weighted mean over its items; ``overall``, the weighted mean over benchmarks;
or, instead of ``overall``, an external column of the models table (a full score known from
elsewhere, where the history covers only part of the benchmark's items).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, DataError, examples
from tinyeval.responses import ResponseMatrix

OVERALL = "overall"


@dataclass(frozen=True)
class Targets:
    """What is to be reconstructed: ``overall`` first, then the benchmarks where there are several.

    Attributes:
        names: the targets' names, ``overall`` first.
        weights: float64, shape (targets, items); each row sums to 1, a score is ``weights @ y``.
        column: name of the models' column that holds the overall score instead, or None.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float64]
    column: str | None = None

    def values(self, responses: ResponseMatrix, filled: NDArray) -> NDArray[np.float64]:
        """Return the targets of every model, shape (models, targets).

        Args:
            responses: the matrix the targets were made for.
            filled: its scores, shape (models, items), with every missing cell replaced by a
                fitted probability.
        """
        values = np.asarray(filled, dtype=np.float64) @ self.weights.T
        if self.column is not None:
            values[:, 0] = external_scores(responses, self.column)
        return values


def item_weights(responses: ResponseMatrix) -> NDArray[np.float64]:
    """Return the items' weights (1 where the items table has no ``weight``), shape (items,)."""
    weights = np.asarray(responses.items.column("weight", 1.0), dtype=np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise DataError(
            "item weights must be finite, not negative and not all 0; check the column 'weight'"
        )
    return weights


def make_targets(
    responses: ResponseMatrix, column: str | None = None, benchmark_weights: str = "items"
) -> Targets:
    """Make the targets of a response matrix.

    Args:
        responses: whose items' columns ``benchmark`` and ``weight`` define the targets.
        column: a column of the models table to be predicted instead of the weighted mean.
        benchmark_weights: ``items`` (a benchmark counts by the weight of its items) or ``equal``.

    Raises:
        DataError: weights that are negative or not finite, or a column that is missing or not
            in [0, 1].
    """
    weights = item_weights(responses)
    benchmark = responses.items.column("benchmark", "benchmark")
    if benchmark_weights not in ("items", "equal"):
        raise ConfigError(f"benchmark_weights must be items or equal, found {benchmark_weights!r}")
    if benchmark.dtype.kind == "f":
        raise DataError("the items' column 'benchmark' holds numbers; it must hold names")
    if "" in set(benchmark):
        unknown = [responses.items.ids[k] for k in np.flatnonzero(benchmark == "")]
        raise DataError(
            f"{len(unknown)} items have no benchmark while others have: {examples(unknown)}; name "
            "it for all of them in the items table, or for none"
        )
    names = responses.benchmarks
    if OVERALL in names and len(names) > 1:
        raise DataError(
            f"a benchmark is named {OVERALL!r}, which is the name of the score over all of them; "
            "rename it in the items table"
        )
    rows = np.stack([np.where(benchmark == name, weights, 0.0) for name in names])
    totals = rows.sum(axis=1)
    if (totals <= 0).any():
        empty = [name for name, total in zip(names, totals, strict=True) if total <= 0]
        raise DataError(f"every item of these benchmarks has weight 0: {examples(empty)}")
    rows /= totals[:, None]
    share = (
        totals / totals.sum()
        if benchmark_weights == "items"
        else np.full(len(names), 1 / len(names))
    )
    overall = share @ rows
    if column is not None:
        external_scores(responses, column)
    if len(names) == 1:
        return Targets((OVERALL,), overall[None], column)
    return Targets((OVERALL, *names), np.vstack([overall, rows]), column)


def external_scores(responses: ResponseMatrix, column: str) -> NDArray[np.float64]:
    """Return a full score known from elsewhere, shape (models,); it must lie in [0, 1]."""
    values = responses.models.column(column)
    if values.dtype.kind != "f":
        raise DataError(f"the target column {column!r} of the models table is not a number")
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        names = [responses.models.ids[k] for k in np.flatnonzero(bad)]
        raise DataError(
            f"the target column {column!r} must lie in [0, 1] for every model, but "
            f"{len(names)} do not or are missing: {examples(names)}"
        )
    return values.astype(np.float64)
