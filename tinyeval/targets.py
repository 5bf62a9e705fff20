"""Targets: the full scores to be predicted.

The target of a benchmark is the weighted mean over its items, or the mean over its subjects'
weighted means.  The target ``overall`` is the weighted mean over benchmarks.  A target may instead
be a column of the models table: a full score known from elsewhere, if the history covers only part
of the benchmark's items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.lazy_rows import LazyRows
from tinyeval.compute.row_blocks import Matrix, times
from tinyeval.errors import ConfigError, DataError, examples
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table

OVERALL = "overall"

MIN_KNOWN = 0.6
"""Share of a target's weight that a model must have answered for its true value to be known."""


@dataclass(frozen=True)
class Targets:
    """The targets: ``overall`` first, then the benchmarks if there are several.

    Attributes:
        names: names of the targets, ``overall`` first.
        weights: float64, shape (targets, items); rows sum to 1, and scores are ``weights @ y``.
        share: share of each benchmark in ``overall``, shape (targets - 1,); empty if there is only
            one benchmark.
        columns: target -> column of the models table that holds its score instead; ``overall`` is
            then the mean of the benchmarks' scores by ``share``, unless it has its own column.
    """

    names: tuple[str, ...]
    weights: Array
    share: Array = field(default_factory=lambda: np.empty(0))
    columns: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def own(self) -> Array:
        """Weights with which the answers enter the targets, shape (targets, items).

        They differ from ``weights`` for a target that is, wholly or in part, given by a column.
        """
        from_elsewhere = np.array([name in self.columns for name in self.names])
        own = np.where(from_elsewhere[:, None], 0.0, self.weights)
        if OVERALL not in self.columns and len(self.names) > 1:
            own[0] = self.share @ own[1:]
        return own

    @property
    def external(self) -> NDArray[np.bool_]:
        """Mask of the targets that are, wholly or in part, given by a column."""
        return np.array(
            [
                name in self.columns or (name == OVERALL and bool(self.columns))
                for name in self.names
            ]
        )

    def values(self, responses: ResponseMatrix, filled: Matrix) -> Array:
        """Return the targets of every model, shape (models, targets).

        Args:
            responses: the responses that the targets were made for.
            filled: their scores, shape (models, items), with every missing cell replaced by a
                fitted probability.
        """
        values = times(filled, self.weights.T)
        for k, name in enumerate(self.names):
            if name in self.columns:
                values[:, k] = external_scores(responses, self.columns[name])
        if self.columns and OVERALL not in self.columns:
            values[:, 0] = values[:, 1:] @ self.share
        return values

    def are_known(self, scores: NDArray) -> NDArray[np.bool_]:
        """Return which targets of each model are known, shape (models, targets).

        Args:
            scores: shape (models, items), NaN where a model did not answer.
        """
        observed = LazyRows(scores.shape, lambda cut: ~np.isnan(scores[cut]))
        share = times(observed, self.own.T) + (1.0 - self.own.sum(axis=1))
        return share >= MIN_KNOWN

    def within(self, items: NDArray[np.intp], benchmark: str | None = None) -> Targets:
        """Return the mean over some of the items as the only target.

        Args:
            items: positions of the items.
            benchmark: name of the benchmark that they make up, if they do; its target is then kept.
        """
        row = self.names.index(benchmark) if benchmark in self.names[1:] else 0
        weights = self.weights[row, items]
        total = weights.sum()
        weights = weights / total if total > 0 else np.full(len(items), 1.0 / len(items))
        column = self.columns.get(self.names[row]) if row else None
        return Targets(
            (OVERALL,), weights[None], columns={} if column is None else {OVERALL: column}
        )


def item_weights(responses: ResponseMatrix) -> Array:
    """Return the items' weights, shape (items,); 1 if the items table has no ``weight``."""
    weights = np.asarray(responses.items.column("weight", 1.0), dtype=np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
        raise DataError(
            "item weights must be finite, not negative and not all 0; check the column 'weight'"
        )
    return weights


def make_targets(
    responses: ResponseMatrix,
    column: str | None = None,
    benchmark_weights: str = "items",
    *,
    columns: Mapping[str, str] | None = None,
    average: str = "items",
) -> Targets:
    """Make the targets of a response matrix.

    Args:
        responses: responses whose item columns ``benchmark``, ``subject`` and ``weight`` define the
            targets.
        column: column of the models table to predict instead of the overall weighted mean.
        benchmark_weights: ``items`` (a benchmark counts by the weight of its items) or ``equal``.
        columns: benchmark, or ``overall`` -> column of the models table that holds its score.
        average: ``items`` averages a benchmark over its items, ``subjects`` over its subjects with
            equal weight (as MMLU's macro average).

    Raises:
        DataError: weights that are negative or not finite, items without a benchmark or subject, or
            a column that is missing or not in [0, 1].
        ConfigError: unknown choices, or columns for unknown benchmarks.
    """
    for name, choice, known in (
        ("benchmark_weights", benchmark_weights, ("items", "equal")),
        ("average", average, ("items", "subjects")),
    ):
        if choice not in known:
            raise ConfigError(f"{name} must be {known[0]} or {known[1]}, found {choice!r}")
    rows, names = _benchmark_rows(responses, item_weights(responses)), responses.benchmarks
    _check_names(names, columns or {})
    totals = rows.sum(axis=1)
    share = totals / totals.sum() if benchmark_weights == "items" else np.full(len(names), 1.0)
    share = share / share.sum()
    if average == "subjects":
        rows = _subjects_alike(responses.items, rows)
    rows /= rows.sum(axis=1, keepdims=True)
    held = {OVERALL if len(names) == 1 else name: one for name, one in (columns or {}).items()}
    if column is not None:
        held[OVERALL] = column
    for one in held.values():
        external_scores(responses, one)
    if len(names) == 1:
        return Targets((OVERALL,), rows, columns=held)
    return Targets((OVERALL, *names), np.vstack([share @ rows, rows]), share, held)


def named_groups(items: Table, column: str) -> NDArray:
    """Return the name of every item's group, shape (items,).

    Args:
        items: the items table; it needs no column ``benchmark`` if there is only one benchmark.
        column: column of group names.

    Raises:
        DataError: no such column, numbers in place of names, or items without a name.
    """
    groups = items.column(column, "benchmark" if column == "benchmark" else None)
    if groups.dtype.kind == "f":
        raise DataError(f"the items' column {column!r} holds numbers; it must hold names")
    unknown = [items.ids[k] for k in np.flatnonzero(groups == "")]
    if unknown:
        raise DataError(
            f"{len(unknown)} items have no {column} while others have: {examples(unknown)}; name "
            "it for all of them in the items table, or for none"
        )
    return groups.astype(str)


def _check_names(names: tuple[str, ...], columns: Mapping[str, str]) -> None:
    if OVERALL in names and len(names) > 1:
        raise DataError(
            f"a benchmark is named {OVERALL!r}, which is the name of the score over all of them; "
            "rename it in the items table"
        )
    unknown = sorted(set(columns) - {OVERALL, *names})
    if unknown:
        raise ConfigError(
            f"target columns are given for {examples(unknown)}, but the benchmarks are "
            f"{examples(names, 8)}"
        )


def _benchmark_rows(responses: ResponseMatrix, weights: Array) -> Array:
    """Return the weights of each benchmark's own items, shape (benchmarks, items)."""
    benchmark, names = named_groups(responses.items, "benchmark"), responses.benchmarks
    rows = np.stack([np.where(benchmark == name, weights, 0.0) for name in names])
    empty = [name for name, total in zip(names, rows.sum(axis=1), strict=True) if total <= 0]
    if empty:
        raise DataError(f"every item of these benchmarks has weight 0: {examples(empty)}")
    return rows


def _subjects_alike(items: Table, rows: Array) -> Array:
    """Scale weights so that all subjects of a benchmark with weight above 0 weigh the same."""
    names, subject = np.unique(named_groups(items, "subject"), return_inverse=True)
    totals = np.stack([np.bincount(subject, row, len(names)) for row in rows])[:, subject]
    return np.divide(rows, totals, out=np.zeros_like(rows), where=totals > 0)


def external_scores(responses: ResponseMatrix, column: str) -> Array:
    """Return a full score known from elsewhere, shape (models,); it must lie in [0, 1]."""
    values = responses.models.column(column)
    if values.dtype.kind != "f":
        raise DataError(f"the target column {column!r} of the models table is not a number")
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        names = [responses.models.ids[k] for k in np.flatnonzero(bad)]
        raise DataError(
            f"the target column {column!r} must lie in [0, 1] for every model, but "
            f"{len(names)} do not or are missing: {examples(names)}; give their scores, or leave "
            "these models out"
        )
    return values.astype(np.float64)
