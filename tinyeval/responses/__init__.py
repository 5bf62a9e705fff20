"""The response matrix: scores of models (rows) on items (columns), identified by id.

A score is the mark of an answer, in [0, 1]; NaN means that the item was not asked.  Import, fit,
selection and prediction all take this type, and refer to models and items by id, never by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs
from tinyeval.display.frames import frame
from tinyeval.display.html import MOST_ROWS, html_table
from tinyeval.display.records import shortened
from tinyeval.errors import DataError, one_line
from tinyeval.responses.cells import Scores, Trials, check_range, checked_trials
from tinyeval.responses.soft import Soft, checked_soft
from tinyeval.tables import Table, as_ids, by_id

MOST_COLUMNS = 8
"""Items that a notebook shows."""

LOOKED_AT = 10**7
"""Cells of a matrix beyond which its line does not say how many are missing."""

Index = Any
"""Positions or a mask; numpy's types of comparisons are too loose to say so."""


@dataclass(frozen=True, repr=False)
class ResponseMatrix:
    """Scores of models on items, with tables of models and items.

    Attributes:
        scores: float32, shape (models, items), in [0, 1]; NaN = not asked.
        models: a row per model; columns such as ``org``, ``family``, ``release_date``, or a full
            score known from elsewhere.
        items: a row per item; columns ``benchmark``, ``subject``, ``weight``, ``cost``, ``hash``,
            if known.
        trials: uint16, shape (models, items): number of trials averaged in each score, 0 where it
            is missing; None: one trial each.
        soft: float16, shape (models, items): soft scores, the probability that the model gave to
            the right answer, in [0, 1]; NaN where it is not known, or there is no score.  None:
            none is known.

    Raises:
        DataError: a shape that does not match, a score outside [0, 1], an infinite score, a score
            without trials, trials without a score, or a soft score outside [0, 1].

    Example:
        >>> from tinyeval import ResponseMatrix
        >>> scores = [[1, 0, 1], [0, float("nan"), 1], [1, 0, 1]]
        >>> matrix = ResponseMatrix.from_arrays(scores, ["a", "b", "c"], ["q1", "q2", "q3"])
        >>> matrix.n_models, matrix.n_items
        (3, 3)
        >>> int(matrix.observed.sum())
        8
    """

    scores: Scores
    models: Table
    items: Table
    trials: Trials | None = None
    soft: Soft | None = None

    def __post_init__(self) -> None:
        scores = np.ascontiguousarray(self.scores, dtype=np.float32)
        expected = (len(self.models), len(self.items))
        if scores.shape != expected:
            raise DataError(
                f"scores have shape {scores.shape}, expected (models, items) = {expected}"
            )
        if 0 in expected:
            raise DataError(f"expected at least one model and one item, found {expected}")
        check_range(scores, self.models.ids, self.items.ids)
        if scores is self.scores or np.shares_memory(scores, self.scores):
            scores = scores.view()
        scores.setflags(write=False)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "trials", checked_trials(self.trials, scores))
        soft = checked_soft(self.soft, scores, self.models.ids, self.items.ids)
        object.__setattr__(self, "soft", soft)

    @classmethod
    def from_arrays(
        cls,
        scores: NDArray,
        models: Iterable[object],
        items: Iterable[object],
        soft: NDArray | None = None,
    ) -> ResponseMatrix:
        """Build a matrix from an array and the ids of its rows and columns.

        Args:
            scores: shape (models, items), NaN where not asked.
            models, items: ids.
            soft: soft scores of the same cells, NaN where not known.

        Example:
            >>> ResponseMatrix.from_arrays([[1, 0.5]], ["a"], ["q1", "q2"]).scores.tolist()
            [[1.0, 0.5]]
        """
        try:
            array = np.array(scores, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(
                "the scores: expected an array of numbers, a row per model and a column per item, "
                f"found {type(scores).__name__} ({one_line(error, 120)})"
            ) from error
        tables = Table(as_ids(models, "model")), Table(as_ids(items, "item"))
        return cls(array, *tables, soft=None if soft is None else np.array(soft))

    def __len__(self) -> int:
        """Return the number of models."""
        return self.n_models

    def __repr__(self) -> str:
        return f"ResponseMatrix({self._size()})"

    def _repr_html_(self) -> str:
        """Return the first scores as a table for a notebook."""
        head = ["model", *map(shortened, self.items.ids[:MOST_COLUMNS])]
        if self.n_items > MOST_COLUMNS:
            head.append(f"... {self.n_items - MOST_COLUMNS} more")
        rows = (
            [shortened(model), *("" if np.isnan(one) else f"{one:.3g}" for one in row)]
            for model, row in zip(
                self.models.ids[:MOST_ROWS], self.scores[:MOST_ROWS, :MOST_COLUMNS], strict=True
            )
        )
        return html_table(head, rows, self._size(), self.n_models)

    def _size(self) -> str:
        missing = np.isnan(self.scores).mean() if self.scores.size <= LOOKED_AT else 0.0
        told = f", {100 * missing:.3g} % missing" if missing else ""
        return f"{self.n_models:,} models x {self.n_items:,} items{told}"

    def to_frame(self) -> Any:
        """Return a pandas frame: a row per model, a column per item, NaN where not asked.

        Raises:
            DependencyError: pandas is not installed.

        Example:
            >>> responses.to_frame().shape
            (40, 30)
        """
        index = {"index": list(self.models.ids), "columns": list(self.items.ids)}
        return frame(self.scores, **index).rename_axis(index="model", columns="item")

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of models and of items.

        Example:
            >>> responses.shape
            (40, 30)
        """
        return self.n_models, self.n_items

    @property
    def n_models(self) -> int:
        """Number of rows."""
        return len(self.models)

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return len(self.items)

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Mask of the cells that hold a score, shape (models, items)."""
        return ~np.isnan(self.scores)

    def answered(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which models, and which items, have an answer, (models,) and (items,).

        Example:
            >>> nan = float("nan")
            >>> one = ResponseMatrix.from_arrays([[1, nan], [nan, nan]], ["a", "b"], ["q1", "q2"])
            >>> [mask.tolist() for mask in one.answered()]
            [[True, False], [True, False]]
        """
        models, items = np.zeros(self.n_models, dtype=bool), np.zeros(self.n_items, dtype=bool)
        for cut in slabs(self.scores.shape):  # a mask of every cell may be too much
            observed = ~np.isnan(self.scores[cut])
            models[cut] = observed.any(axis=1)
            items |= observed.any(axis=0)
        return models, items

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Names of the benchmarks, sorted; ``("benchmark",)`` if the items name none.

        Example:
            >>> responses.benchmarks
            ('benchmark',)
        """
        return tuple(sorted(set(self.items.column("benchmark", "benchmark"))))

    def take(self, models: Index | None = None, items: Index | None = None) -> ResponseMatrix:
        """Return the rows and columns at these positions (integers or masks).

        Example:
            >>> responses.take(models=[2, 0]).models.ids
            ('model-2', 'model-0')
        """
        rows = _positions(models, self.n_models)
        columns = _positions(items, self.n_items)
        all_rows, all_columns = _are_all(rows, self.n_models), _are_all(columns, self.n_items)

        def cut(cells: NDArray | None) -> Any:
            if cells is None:
                return None
            cells = cells if all_rows else cells[rows]  # shared, not copied, if all are taken
            return cells if all_columns else cells[:, columns]

        tables = self.models.take(rows), self.items.take(columns)
        return ResponseMatrix(cut(self.scores), *tables, cut(self.trials), cut(self.soft))

    def sorted(self) -> ResponseMatrix:
        """Return the matrix with models and items sorted by id.

        Draws, sums and ties are then the same whatever order the results had.
        """
        rows, columns = by_id(self.models.ids), by_id(self.items.ids)
        if _are_all(rows, self.n_models) and _are_all(columns, self.n_items):
            return self
        return self.take(rows, columns)

    def select(
        self, models: Sequence[str] | None = None, items: Sequence[str] | None = None
    ) -> ResponseMatrix:
        """Return the named models and items, in the given order; unknown names raise.

        Example:
            >>> responses.select(["model-7"], ["item-3", "item-1"]).items.ids
            ('item-3', 'item-1')
        """
        rows = None if models is None else self.models.index(models, "model")
        columns = None if items is None else self.items.index(items, "item")
        return self.take(rows, columns)

    def align(self, items: Sequence[str]) -> Scores:
        """Return scores on ``items`` in that order, NaN where this matrix lacks the item.

        Returns:
            float32 array, shape (models, len(items)).

        Example:
            >>> one = ResponseMatrix.from_arrays([[1, 0]], ["a"], ["q1", "q2"])
            >>> one.align(["q2", "q9", "q1"]).tolist()
            [[0.0, nan, 1.0]]
        """
        aligned = np.full((self.n_models, len(items)), np.nan, dtype=np.float32)
        known, index = self._columns(items)
        aligned[:, known] = self.scores[:, index]
        return aligned

    def trials_on(self, items: Sequence[str]) -> Trials:
        """Return numbers of trials on ``items``, uint16; 0 where there is no score."""
        aligned = np.zeros((self.n_models, len(items)), dtype=np.uint16)
        known, index = self._columns(items)
        found = ~np.isnan(self.scores[:, index]) if self.trials is None else self.trials[:, index]
        aligned[:, known] = found
        return aligned

    @property
    def usual_trials(self) -> int:
        """Median number of trials of the scores, rounded down; 1 if none was repeated.

        Example:
            >>> responses.usual_trials
            1
        """
        if self.trials is None:
            return 1
        return int(np.median(self.trials[self.trials > 0]))

    def soft_on(self, items: Sequence[str]) -> Scores:
        """Return soft scores on ``items``, float32; NaN where they are not known.

        Example:
            >>> one = ResponseMatrix.from_arrays([[1, 0]], ["a"], ["q1", "q2"], soft=[[0.75, 0.5]])
            >>> one.soft_on(["q2", "q9", "q1"]).tolist()
            [[0.5, nan, 0.75]]
        """
        aligned = np.full((self.n_models, len(items)), np.nan, dtype=np.float32)
        if self.soft is not None:
            known, index = self._columns(items)
            aligned[:, known] = self.soft[:, index]
        return aligned

    def without_soft(self) -> ResponseMatrix:
        """Return the same scores without soft scores.

        Example:
            >>> responses.without_soft().soft is None
            True
        """
        return self if self.soft is None else replace(self, soft=None)

    def _columns(self, items: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Return a mask of the known ``items``, and the positions of these."""
        position = {one: k for k, one in enumerate(self.items.ids)}
        index = np.array([position.get(one, -1) for one in items], dtype=np.intp)
        return index >= 0, index[index >= 0]

    def drop_duplicates(self) -> tuple[ResponseMatrix, tuple[str, ...]]:
        """Drop models whose answers equal another model's in every cell, missing cells included.

        The model with the alphabetically first id is kept.

        Returns:
            The matrix without the duplicates, and the ids dropped.

        Example:
            >>> three = ResponseMatrix.from_arrays([[1], [0], [1]], ["b", "c", "a"], ["q1"])
            >>> kept, dropped = three.drop_duplicates()
            >>> kept.models.ids, dropped
            (('c', 'a'), ('b',))
        """
        dropped = self.duplicates()
        if not dropped:
            return self, ()
        gone = set(dropped)
        return self.take(np.array([one not in gone for one in self.models.ids])), dropped

    def duplicates(self) -> tuple[str, ...]:
        """Return the ids of the models that :meth:`drop_duplicates` drops.

        Example:
            >>> ResponseMatrix.from_arrays([[1], [0], [1]], ["b", "c", "a"], ["q1"]).duplicates()
            ('b',)
        """
        keeper: dict[bytes, str] = {}
        for k in by_id(self.models.ids):
            answers = np.where(np.isnan(self.scores[k]), np.float32(np.nan), self.scores[k] + 0)
            keeper.setdefault(sha256(answers.tobytes()).digest(), self.models.ids[k])
        kept = set(keeper.values())
        return tuple(one for one in self.models.ids if one not in kept)


def _are_all(index: NDArray[np.intp], n: int) -> bool:
    return len(index) == n and bool((index == np.arange(n)).all())


def _positions(index: Index | None, n: int) -> NDArray[np.intp]:
    if index is None:
        return np.arange(n)
    array = np.asarray(index)
    return np.flatnonzero(array) if array.dtype == bool else array.astype(np.intp)
