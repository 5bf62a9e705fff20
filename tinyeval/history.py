"""The history: source responses with their IRT fit and targets, as selectors and estimators see it.

Held-out and test models are never in a history: what is learned is learned from this alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.irt.model import IRTFit
from tinyeval.responses import ResponseMatrix, by_id
from tinyeval.slabs import slabs
from tinyeval.targets import Targets


@dataclass(frozen=True, eq=False)
class History:
    """Everything known of the source models.

    Attributes:
        responses: scores of the source models on all items of the benchmark.
        targets: what is to be reconstructed.
        fit: the IRT fit on ``responses``.
        groups: column of the models table that names groups of models alike, if it does.
    """

    responses: ResponseMatrix
    targets: Targets
    fit: IRTFit
    groups: str | None = None

    @cached_property
    def fitted(self) -> NDArray[np.float32]:
        """Fitted probabilities of the source models, shape (models, items)."""
        fitted = np.empty(self.responses.scores.shape, dtype=np.float32)
        for cut in slabs(fitted.shape):
            fitted[cut] = self.fit.model.probability(self.fit.ability[cut])
        return fitted

    @cached_property
    def filled(self) -> NDArray[np.float32]:
        """Scores with missing cells replaced by fitted probabilities, shape (models, items)."""
        scores = self.responses.scores
        if not any(np.isnan(scores[cut]).any() for cut in slabs(scores.shape)):
            return scores
        filled = scores.copy()
        for cut in slabs(scores.shape):
            np.copyto(filled[cut], self.fitted[cut], where=np.isnan(scores[cut]))
        return filled

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
        )

    def columns(self, items: tuple[str, ...]) -> NDArray[np.intp]:
        """Positions of the named items in ``responses``."""
        return self.responses.items.index(items, "item")
