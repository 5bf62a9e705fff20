"""The history: source responses with their IRT fit and targets, as selectors and estimators see it.

Held-out and test models are never in a history: what is learned is learned from this alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.computed import Computed, filled_in, probabilities
from tinyeval.irt.model import IRTFit
from tinyeval.ranks import ALONE, Ranks
from tinyeval.responses import ResponseMatrix, by_id
from tinyeval.slabs import Matrix, columns, slabs
from tinyeval.targets import Targets

KEPT_CELLS = 2**24
"""Cells up to which fitted probabilities are kept: 64 MB."""


@dataclass(frozen=True, eq=False)
class History:
    """Everything known of the source models.

    Attributes:
        responses: scores of the source models on all items of the benchmark.
        targets: what is to be reconstructed.
        fit: the IRT fit on ``responses``.
        groups: column of the models table that names groups of models alike, if it does.
        ranks: processes that hold the same history and do the same with it.
    """

    responses: ResponseMatrix
    targets: Targets
    fit: IRTFit
    groups: str | None = None
    ranks: Ranks = ALONE

    @property
    def sharing(self) -> Ranks:
        """Processes that share sums over models: those that hold it if it is large.

        Sums of parts round differently, and of few models they are not worth the exchange.
        """
        return self.ranks if self.responses.scores.size > KEPT_CELLS else ALONE

    @cached_property
    def fitted(self) -> Matrix:
        """Fitted probabilities of the source models, shape (models, items).

        An array where that is small; computed when it is read where it is not.
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
        if isinstance(fitted, Computed):
            return filled_in(scores, fitted)
        return np.where(np.isnan(scores), fitted[:], scores)

    def answers(self, items: NDArray[np.intp]) -> NDArray[np.float64]:
        """Filled scores of some items, shape (models, items).

        Args:
            items: their positions.
        """
        return columns(self.filled, items)

    @cached_property
    def target_values(self) -> NDArray[np.float64]:
        """Targets of the source models, shape (models, targets)."""
        return self.targets.values(self.responses, self.filled)

    def sorted(self) -> History:
        """Return this history with models and items in the order of their ids.

        Sums and ties then come out the same whatever order the results were in.
        """
        rows = by_id(self.responses.models.ids)
        order = by_id(self.responses.items.ids)
        if (np.diff(rows) > 0).all() and (np.diff(order) > 0).all():
            return self
        return History(
            self.responses.take(rows, order),
            replace(self.targets, weights=self.targets.weights[:, order]),
            replace(self.fit, model=self.fit.model.take(order), ability=self.fit.ability[rows]),
            self.groups,
            self.ranks,
        )

    def take(self, models: NDArray) -> History:
        """Return the history of some models, under the same item parameters.

        Args:
            models: positions or a mask.
        """
        return History(
            self.responses.take(models),
            self.targets,
            replace(self.fit, ability=self.fit.ability[models]),
            self.groups,
            self.ranks,
        )

    def within(self, items: NDArray[np.intp], benchmark: str | None = None) -> History:
        """Return what is known of some of the items alone, with their mean as the only target.

        Args:
            items: their positions.
            benchmark: that they make up, if they do: its own target then.
        """
        return History(
            self.responses.take(None, items),
            self.targets.within(items, benchmark),
            replace(self.fit, model=self.fit.model.take(items)),
            self.groups,
            self.ranks,
        )

    def columns(self, items: tuple[str, ...]) -> NDArray[np.intp]:
        """Positions of the named items in ``responses``."""
        return self.responses.items.index(items, "item")
