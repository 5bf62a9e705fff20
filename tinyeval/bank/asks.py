"""What a bank asks: which items, and what next of each model."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyeval.bank.answers import MODEL, read_answers, unanswered
from tinyeval.display.records import Records
from tinyeval.errors import BankError
from tinyeval.estimators.answered import Answered
from tinyeval.prediction import Prediction, Predictor
from tinyeval.responses import ResponseMatrix
from tinyeval.stages.continuation import Continuation
from tinyeval.stages.next_items import Asked, Next
from tinyeval.tables import Table


class Asks:
    """What follows from a bank's anchors and its continuation, if it has one."""

    items: Table
    predictor: Predictor
    continuation: Continuation | None
    anchors: Any
    level: Any
    item_key: Any
    _aligned: Any

    @property
    def asking(self) -> Asked:
        """How the bank asks."""
        return Asked(self.predictor, self.continuation, self.level)

    @property
    def asked_items(self) -> tuple[str, ...]:
        """Ids of all items that may be asked: the anchors, then those of a continuation.

        Example:
            >>> bank.asked_items == bank.anchors.items  # it has no continuation
            True
        """
        return self.asking.items()

    def next(
        self, answers: object = None, items: int | None = None, *, width: float | None = None
    ) -> Records[Next]:
        """Say what to ask next of each model.

        Without a continuation these are the unanswered anchors, best first.  With one (setting
        ``stages: 2``) it is the first block and, once that is answered, the form that it chooses.

        Args:
            answers: given so far, as :meth:`predict` takes them; None: a model without any.
            items: most items to name for each model; None: all that are due.
            width: width of the interval, in score units, at which a model has answered enough.  It
                is looked at only when a model has answered half of the anchors or more, and one of
                the numbers of items that the bank is calibrated for; items are named up to the
                next of these.

        Returns:
            What each model is to be asked, in the order given, with ``to_frame``.

        Raises:
            DataError: as :meth:`predict`.
            ConfigError: ``items`` below 1, or a width outside (0, 1].

        Example:
            >>> (one,) = bank.next({"mine": dict.fromkeys(bank.anchors.items[:6], 1)})
            >>> one.stage, one.items == bank.anchors.items[6:]
            ('anchors', True)
        """
        models: tuple[str, ...] = (MODEL,)
        if answers is None:
            aligned = Answered(np.full((1, len(self.asked_items)), np.nan))
        else:
            matrix, _ = read_answers(answers, self.items.ids, self.item_key)
            aligned, models = self._aligned(matrix, self.asked_items), matrix.models.ids
        return Records("items to ask", self.asking.next(aligned, models, items, width))

    def missing(self, answers: ResponseMatrix) -> dict[str, tuple[str, ...]]:
        """Return model -> the items that it is asked and did not answer, for models with any."""
        if self.continuation is None:
            return unanswered(answers, self.anchors.items)
        found = self.asking.next(Answered.on(self.asked_items, answers), answers.models.ids)
        return {one.model: one.items for one in found if one.items}

    def _predicted(
        self, answers: Answered, models: tuple[str, ...], level: float
    ) -> list[Prediction]:
        """Predict from answers on :attr:`asked_items`."""
        if self.continuation is None:
            return self.predictor.predict(answers, models, level)
        return self.continuation.predict(self.predictor, answers, models, level)

    def check(self) -> None:
        """Predict once with every part, so that parts that do not fit each other fail now."""
        self.predictor.check(self.level)
        if self.continuation is None:
            return
        for name in self.continuation.forms:
            one = self.continuation.predictor(self.predictor, name)
            if one.targets != self.predictor.targets:
                raise BankError("continuation: its estimator is of other targets")
            one.check(self.level)
