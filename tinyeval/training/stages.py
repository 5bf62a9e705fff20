"""Asking in two stages: the first block, and then the form that its answers choose.

A bank without a continuation has one stage, its anchors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tinyeval.estimators.answered import Answered
from tinyeval.responses import ResponseMatrix
from tinyeval.stages.policy import UNDECIDED
from tinyeval.training.items import Item, items_of

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank


class Ask(Protocol):
    """Returns item -> score of some items."""

    def __call__(self, items: Sequence[Item]) -> dict[str, float]: ...


def first_items(bank: ItemBank) -> tuple[Item, ...]:
    """Return the items of the first stage: the first block of a continuation, or the anchors.

    Example:
        >>> from tinyeval.training.stages import first_items
        >>> len(first_items(bank)) == len(bank.anchors)  # it has no continuation
        True
    """
    first = None if bank.continuation is None else bank.continuation.policy.first
    return items_of(bank, bank.anchors.items[:first])


def rest_items(bank: ItemBank, scores: Mapping[str, float]) -> tuple[Item, ...]:
    """Return the items of the second stage; none without a continuation.

    Args:
        bank: the bank.
        scores: item -> score of the first stage; without any, nothing more is asked.
    """
    if bank.continuation is None or not scores:
        return ()
    values = np.array([list(scores.values())], dtype=np.float64)
    given = ResponseMatrix.from_arrays(values, ["model"], list(scores))
    answers = Answered.on(bank.asked_items, given)
    (form,) = bank.continuation.forms_of(bank.predictor, answers)
    if form == UNDECIDED:
        return items_of(bank, bank.anchors.items[bank.continuation.policy.first :])
    return items_of(bank, bank.continuation.forms[form].items)


def ask_stages(bank: ItemBank, ask: Ask) -> dict[str, float]:
    """Return item -> score of all stages."""
    scores = ask(first_items(bank))
    rest = rest_items(bank, scores)
    return scores | ask(rest) if rest else scores
