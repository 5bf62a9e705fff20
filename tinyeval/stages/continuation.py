"""A continuation: what a bank can ask after its first block, and how every mixture is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.intervals import Calibration
from tinyeval.errors import BankError
from tinyeval.estimators.answered import Answered
from tinyeval.estimators.stack import Stack
from tinyeval.irt.model import IRTModel
from tinyeval.prediction import Prediction, Predictor
from tinyeval.selection.base import equal_weights
from tinyeval.stages.policy import FORMS, UNDECIDED, Policy, Reading, read_with


@dataclass(frozen=True)
class Form:
    """A form: what it asks, and how its answers are read.

    Attributes:
        items: ids that are asked after the first block, in order.
        reading: changes to the estimator's priors.
        calibration: of models that were asked this form, by number of answers.
    """

    items: tuple[str, ...]
    reading: Reading
    calibration: Calibration


@dataclass(frozen=True, kw_only=True, eq=False)
class Continuation:
    """The forms of a bank, beside its fixed set.

    Attributes:
        policy: chooses the form from the answers to the first block.
        irt: parameters of the items of the fixed set, in order, then of all other items of forms.
        forms: name -> form, those of :data:`tinyeval.stages.policy.FORMS`.
        estimator: fitted on all these items.
        errors: form -> mean absolute error of the overall score of held-out models that were asked
            it to its end, with ``policy`` for all of them.
        shares: form -> share of the held-out models within the range that were asked it.
    """

    policy: Policy
    irt: IRTModel
    forms: Mapping[str, Form]
    estimator: Stack
    errors: Mapping[str, float]
    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        if set(self.forms) != set(FORMS):
            raise BankError(f"continuation: expected the forms {', '.join(FORMS)}")
        known = set(self.items)
        for name, form in self.forms.items():
            if not set(form.items) <= known or len(set(form.items)) < len(form.items):
                raise BankError(f"continuation: form {name!r} repeats items or has unknown ones")
        if len(self.estimator.kriging.mean) != len(self.items):
            raise BankError("continuation: its estimator is of another number of items")

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of all items that may be asked: the fixed set in order, then the others."""
        return self.irt.items

    def check(self, base: Predictor) -> None:
        """Raise :class:`BankError` unless it goes on from this fixed set."""
        n = len(base.anchors)
        if self.items[:n] != base.anchors.items or self.policy.first >= n:
            raise BankError("continuation: it does not go on from the bank's anchors")
        if not isinstance(base.estimator, Stack):
            raise BankError("continuation: the bank's estimator is not stack")

    def plan(self, base: Predictor, form: str) -> tuple[str, ...]:
        """Return all items that models of a form are asked, first block first."""
        if form == UNDECIDED:
            return base.anchors.items
        return (*base.anchors.items[: self.policy.first], *self.forms[form].items)

    def forms_of(self, base: Predictor, answers: Answered) -> list[str]:
        """Return the form that each model is to be asked, from its answers to the first block."""
        return self.policy.forms(base.estimator, answers.scores[:, : len(base.irt.items)])

    def read_as(self, base: Predictor, answers: Answered) -> list[str]:
        """Return the form as which each model's answers are read.

        Models that answered items of the fixed set alone are read by it.  Others are read as the
        form that the first block chose if they answered more than the fixed set of it, and else as
        the form of which they answered most.
        """
        given = answers.given
        beside = given.copy()
        beside[:, : len(base.anchors)] = False
        count = np.array([beside[:, self._columns[name]].sum(axis=1) for name in FORMS])
        chosen = self.forms_of(base, answers)
        found = []
        for k, name in enumerate(chosen):
            if not count[:, k].any():
                found.append(UNDECIDED)
            elif name in FORMS and count[FORMS.index(name), k]:
                found.append(name)
            else:
                found.append(FORMS[int(np.argmax(count[:, k]))])
        return found

    def predict(
        self, base: Predictor, answers: Answered, models: tuple[str, ...], level: float
    ) -> list[Prediction]:
        """Predict models from any mixture of answers.

        Args:
            base: predictor of the fixed set.
            answers: on ``items``.
            models: ids of the models.
            level: level of the intervals.
        """
        forms = np.array(self.read_as(base, answers), dtype=object)
        found: dict[int, Prediction] = {}
        for name in (UNDECIDED, *FORMS):
            rows = np.flatnonzero(forms == name)
            if not rows.size:
                continue
            some = answers.take(rows)
            if name == UNDECIDED:
                some = some.narrowed(len(base.anchors))
            ids = tuple(models[k] for k in rows)
            predicted = self.predictor(base, name).predict(some, ids, level)
            found.update(zip(rows.tolist(), predicted, strict=True))
        return [found[k] for k in range(len(models))]

    def predictor(self, base: Predictor, form: str) -> Predictor:
        """Return the predictor that reads answers to a form, or to more."""
        if form == UNDECIDED:
            return base
        own = self.forms[form]
        return replace(
            base,
            anchors=equal_weights(self.items),
            irt=self.irt,
            estimator=read_with(self.estimator, own.reading),
            calibration=own.calibration,
            due=len(self.plan(base, form)),
        )

    @cached_property
    def _columns(self) -> dict[str, NDArray[np.intp]]:
        place = {item: k for k, item in enumerate(self.items)}
        return {
            name: np.array([place[one] for one in form.items], dtype=np.intp)
            for name, form in self.forms.items()
        }
