"""What to ask next of each model: the rest of its first block, of its form, or of the anchors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyeval.display.records import shortened
from tinyeval.errors import ConfigError
from tinyeval.errors.arguments import wrong_type
from tinyeval.estimators.answered import Answered
from tinyeval.prediction import Predictor
from tinyeval.stages.continuation import Continuation
from tinyeval.stages.policy import FORMS, UNDECIDED

FIRST_PART = "first"
"""Name of the first block among the parts that are asked."""

ANCHORS, FIRST = "anchors", "first block"
"""Stages that are no form: the fixed set of a bank without a continuation, and its first block."""


@dataclass(frozen=True, repr=False)
class Next:
    """What to ask next of a model.

    Attributes:
        model: id of the model.
        stage: ``anchors`` in a bank without a continuation; else ``first block``, and then the form
            that it chose: ``within``, ``below``, ``above`` or ``undecided``.
        items: ids to ask next, best first; none if the model has answered enough.
        n_answered: number of items answered, of those that the model is asked.
        n_due: number of items that it is asked in all.
        width: width of its interval, in score units; None if no width was asked for, or it is not
            at a look.
        stopped: True if it is narrow enough, so that nothing more is asked.

    Example:
        >>> (one,) = bank.next({"mine": dict.fromkeys(bank.anchors.items[:6], 1)})
        >>> one.model, one.n_answered, one.n_due, len(one.items), one.stopped
        ('mine', 6, 8, 2, False)
    """

    model: str
    stage: str
    items: tuple[str, ...]
    n_answered: int
    n_due: int
    width: float | None = None
    stopped: bool = False

    @property
    def done(self) -> bool:
        """True if nothing is to be asked any more."""
        return not self.items

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists, as ``--json`` prints them."""
        return {**asdict(self), "items": list(self.items), "done": self.done}

    def cells(self) -> dict[str, str]:
        """Return the cells of its line in a table, by their headings."""
        what = f"ask {len(self.items)}"
        if self.done:
            what = "stop: narrow enough" if self.stopped else "done"
        return {
            "model": shortened(self.model),
            "stage": self.stage,
            "answered": f"{self.n_answered} of {self.n_due}",
            "width": "" if self.width is None else f"{100 * self.width:.1f}",
            "next": what,
        }

    def __repr__(self) -> str:
        model, stage, answered, _, what = self.cells().values()
        return f"Next({model!r}: {stage}, {answered} answered, {what})"


class Asked(NamedTuple):
    """How a bank asks.

    Attributes:
        base: predictor of the fixed set.
        continuation: None: the fixed set is all that is asked.
        level: level of the intervals whose width is looked at.
    """

    base: Predictor
    continuation: Continuation | None
    level: float

    def items(self) -> tuple[str, ...]:
        """Return all items that may be asked, the fixed set first."""
        return self.base.anchors.items if self.continuation is None else self.continuation.items

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Return the first block, and what each form asks after it; nothing for a single stage."""
        if self.continuation is None:
            return {}
        first = self.continuation.policy.first
        rest = {one: self.plan(one)[first:] for one in (*FORMS, UNDECIDED)}
        return {FIRST_PART: self.base.anchors.items[:first], **rest}

    def next(
        self,
        answers: Answered,
        models: tuple[str, ...],
        items: int | None = None,
        width: float | None = None,
    ) -> list[Next]:
        """Say what to ask next of each model.

        Args:
            answers: on :meth:`items`.
            models: ids of the models.
            items: most items to name for each; None: all that are due.
            width: width of the interval at which a model has answered enough; None: never.

        Raises:
            ConfigError: ``items`` below 1, or a width outside (0, 1].
        """
        _check(items, width)
        given, place = answers.given, {item: k for k, item in enumerate(self.items())}
        stages = self._stages(answers)
        found = []
        for k, model in enumerate(models):
            plan = self.plan(stages[k])
            asked = [bool(given[k, place[one]]) for one in plan]
            left = [one for one, done in zip(plan, asked, strict=True) if not done]
            n = sum(asked)
            due = self._due(stages[k])
            wide = None
            if width is not None and n in self.looks(stages[k]):
                wide = self._width(answers.take(np.array([k])), model)
            stopped = bool(left) and wide is not None and width is not None and wide <= width
            if width is not None:
                due = min(one for one in (*self.looks(stages[k]), due) if one > n or one == due)
            most = 0 if stopped else max(due - n, 0)
            some = tuple(left[: most if items is None else min(most, items)])
            found.append(Next(model, stages[k], some, n, self.n_due(stages[k]), wide, stopped))
        return found

    def plan(self, stage: str) -> tuple[str, ...]:
        """Return what models in a stage are asked in all, in order."""
        if self.continuation is None or stage == FIRST:
            return self.base.anchors.items
        return self.continuation.plan(self.base, stage)

    def n_due(self, stage: str) -> int:
        """Return the number of items that models in a stage are asked in all."""
        return len(self.plan(stage))

    def looks(self, stage: str) -> tuple[int, ...]:
        """Return the numbers of answers at which the width of an interval is looked at.

        There are none before half of the anchors is answered: a model beyond the range that looks
        like one within it has a narrow interval, which is wrong (paper_repro/stages_stopping.md).
        """
        n, one = len(self.base.anchors), self.continuation
        first = (n + 1) // 2 if one is None else one.policy.first
        sizes = self.base.calibration.sizes
        if one is not None and stage not in (FIRST, UNDECIDED):
            sizes = one.forms[stage].calibration.sizes
        return tuple(sorted({first, *(int(size) for size in sizes if first < size <= n)}))

    def _due(self, stage: str) -> int:
        """Return up to how many answers a model can be asked before the next decision."""
        if stage == FIRST and self.continuation is not None:
            return self.continuation.policy.first
        return self.n_due(stage)

    def _stages(self, answers: Answered) -> list[str]:
        if self.continuation is None:
            return [ANCHORS] * len(answers)
        complete = np.asarray(answers.given[:, : self.continuation.policy.first].all(axis=1))
        forms = self.continuation.forms_of(self.base, answers)
        return [form if complete[k] else FIRST for k, form in enumerate(forms)]

    def _width(self, answers: Answered, model: str) -> float:
        """Return the width of a model's interval."""
        if self.continuation is None:
            one = self.base.predict(answers, (model,), self.level)[0]
        else:
            one = self.continuation.predict(self.base, answers, (model,), self.level)[0]
        return one.upper - one.lower


def _check(items: int | None, width: float | None) -> None:
    if items is not None and (isinstance(items, bool) or not isinstance(items, (int, np.integer))):
        raise ConfigError(wrong_type("the number of items", "a whole number", items))
    if items is not None and items < 1:
        raise ConfigError(f"the number of items must be 1 or more, found {items}")
    if width is not None and not (isinstance(width, (int, float)) and 0 < width <= 1):
        raise ConfigError(
            f"the width must lie above 0 and up to 1 (0.04 is 4 points), found {width!r}"
        )
