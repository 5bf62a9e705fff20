"""The items that a runner answers, with their prompts, choices and gold answers.

The content comes from the bank's ``content.parquet``; :mod:`tinyeval.asking.item` lists the fields
that the runners of this package use.  Any other field is left to the answering function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinyeval.asking.item import Item as Item
from tinyeval.asking.mark import Mark
from tinyeval.errors import DataError, examples

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank


def bank_items(bank: ItemBank, *, anchors_only: bool = True) -> tuple[Item, ...]:
    """Return the bank's anchors, best first, or all of its items, in the form that runners take.

    The items that only a continuation asks are no anchors (:mod:`tinyeval.training.stages`).

    Example:
        >>> from tinyeval.training import bank_items
        >>> len(bank_items(bank)), len(bank_items(bank, anchors_only=False))
        (8, 30)
    """
    return items_of(bank, bank.anchors.items if anchors_only else bank.items.ids)


def items_of(bank: ItemBank, ids: Sequence[str]) -> tuple[Item, ...]:
    """Return some of the bank's items in the form that runners take."""
    content = bank.content or {}
    benchmark = dict(zip(bank.items.ids, bank.items.column("benchmark", ""), strict=True))
    return tuple(Item(one, content.get(one, {}), benchmark[one]) for one in ids)


def collect_scores(
    items: Sequence[Item], given: Sequence[float] | Mapping[str, float]
) -> dict[str, float]:
    """Return item -> score from the result of an answering function.

    Args:
        items: the items that were asked.
        given: one score per item, in order, or item -> score, which may omit items; a pair is a
            score and its soft score.

    Raises:
        DataError: a wrong number of scores, or scores of items that were not asked.
    """
    asked = [one.id for one in items]
    if isinstance(given, Mapping):
        foreign = sorted(set(map(str, given)) - set(asked))
        if foreign:
            raise DataError(
                f"the answers name {len(foreign)} items that were not asked: {examples(foreign)}"
            )
        return {one: _marked(given[one]) for one in asked if one in given}
    # numpy arrays and tensors of scores become plain numbers
    listed = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(listed, (str, bytes)) or not isinstance(listed, Sequence):
        raise DataError(
            "expected one score per item, or {item: score}, from the answering function; found "
            f"{type(given).__name__}"
        )
    if len(listed) != len(asked):
        raise DataError(f"{len(asked)} items were asked, but {len(listed)} scores came back")
    return dict(zip(asked, map(_marked, listed), strict=True))


def _marked(one: Any) -> Any:
    """Return a pair of mark and soft score as one number."""
    if isinstance(one, (tuple, list)) and len(one) == 2:
        return Mark(*one)
    return one
