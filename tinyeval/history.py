"""The history: the source models' responses, IRT fit and targets; selectors and estimators see it.

Held-out and test models are never part of a history, and all learning uses a history alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.lazy_rows import LazyRows
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.row_blocks import Matrix, pick_columns, slabs
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import by_id
from tinyeval.targets import Targets

T = TypeVar("T")

KEPT_CELLS = 2**24
"""Largest number of cells for which fitted probabilities are kept: 64 MB."""

CACHED = 2**18
"""Number of fitted probabilities computed at a time."""


@dataclass(frozen=True, eq=False)
class History:
    """Everything known of the source models.

    Models and items are sorted by id, so that sums, draws and ties are the same whatever order the
    results had.

    Attributes:
        responses: scores of the source models on all items of the benchmark.
        targets: definitions of the targets.
        fit: the IRT fit on ``responses``.
        groups: column of the models table that names groups of models, if there is one.
        processes: processes that hold the same history and make the same calls.
    """

    responses: ResponseMatrix
    targets: Targets
    fit: IRTFit
    groups: str | None = None
    processes: Processes = ALONE

    def __post_init__(self) -> None:
        rows, order = by_id(self.responses.models.ids), by_id(self.responses.items.ids)
        if (np.diff(rows) > 0).all() and (np.diff(order) > 0).all():
            return
        fit = replace(self.fit, model=self.fit.model.take(order), ability=self.fit.ability[rows])
        for name, value in {
            "responses": self.responses.take(rows, order),
            "targets": replace(self.targets, weights=self.targets.weights[:, order]),
            "fit": fit,
        }.items():
            object.__setattr__(self, name, value)

    @cached_property
    def _kept(self) -> dict[object, Any]:
        return {}

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return the result of ``make``, which is called only the first time for each ``key``."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def release(self) -> None:
        """Drop the results kept by :meth:`once` if the history is large; they can be made again.

        The factors of a covariance may be as large as the scores.
        """
        if self.responses.scores.size > KEPT_CELLS:
            self._kept.clear()

    @property
    def sharing(self) -> Processes:
        """Processes that share sums over models; a small history is not shared.

        Sums of parts round differently, and for few models they are not worth the exchange.
        """
        return self.processes if self.responses.scores.size > KEPT_CELLS else ALONE

    @cached_property
    def fitted(self) -> Matrix:
        """Fitted probabilities of the source models, shape (models, items).

        A small history keeps them in an array; a large one computes them when they are read.
        """
        if self.responses.scores.size > KEPT_CELLS:
            return probabilities(self.fit.model, self.fit.ability)
        return self.fit.model.probability(self.fit.ability).astype(np.float32)

    @cached_property
    def filled(self) -> Matrix:
        """Scores with missing cells replaced by fitted probabilities, shape (models, items)."""
        scores, fitted = self.responses.scores, self.fitted
        if not any(np.isnan(scores[cut]).any() for cut in slabs(scores.shape)):
            return scores
        if isinstance(fitted, LazyRows):
            return filled_in(scores, fitted)
        return np.where(np.isnan(scores), fitted[:], scores)

    def answers(self, items: NDArray[np.intp]) -> NDArray[np.float64]:
        """Filled scores of some items, shape (models, items).

        Args:
            items: positions of the items.
        """
        return pick_columns(self.filled, items)

    @cached_property
    def target_values(self) -> NDArray[np.float64]:
        """Targets of the source models, shape (models, targets)."""
        return self.targets.values(self.responses, self.filled)

    def take(self, models: NDArray) -> History:
        """Return the history of some of the models, with the same item parameters.

        Args:
            models: positions or a mask.
        """
        return History(
            self.responses.take(models),
            self.targets,
            replace(self.fit, ability=self.fit.ability[models]),
            self.groups,
            self.processes,
        )

    def within(self, items: NDArray[np.intp], benchmark: str | None = None) -> History:
        """Return the history of some of the items, with their mean as the only target.

        Args:
            items: positions of the items.
            benchmark: name of the benchmark that they make up, if they do; its target is then kept.
        """
        return History(
            self.responses.take(None, items),
            self.targets.within(items, benchmark),
            replace(self.fit, model=self.fit.model.take(items)),
            self.groups,
            self.processes,
        )

    def positions(self, items: tuple[str, ...]) -> NDArray[np.intp]:
        """Positions of the named items in ``responses``."""
        return self.responses.items.index(items, "item")


def probabilities(model: IRTModel, ability: NDArray) -> LazyRows:
    """Return the probability of a right answer for every model and item.

    Args:
        model: IRT model of the items.
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

    return LazyRows((len(left), right.shape[1]), rows)


def filled_in(scores: NDArray[np.float32], fitted: LazyRows) -> LazyRows:
    """Return scores with every missing cell replaced by a fitted probability.

    The replacements are kept, at four bytes per missing cell, so that reading costs no more than a
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

    return LazyRows(scores.shape, rows)
