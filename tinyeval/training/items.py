"""The items that a runner answers, with their prompts, choices and gold answers.

The content comes from the bank's ``content.parquet``.  The runners of this package use these
fields:

    prompt      text before the answer
    choices     list of answers to choose from; without it the answer is generated
    gold        index or text of the correct choice; without choices the correct text, or a list
    stop        text, or list of texts, at which a generated answer ends

Any other field is left to the answering function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinyeval.errors import DataError, examples

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank

STOP = ("\n\n",)
"""Default end of a generated answer, as in lm-evaluation-harness."""


@dataclass(frozen=True)
class Item:
    """One item to be answered.

    Attributes:
        id: id of the item.
        content: its content by field; empty if the bank has none.
        benchmark: benchmark that it belongs to.

    Example:
        >>> from tinyeval.training import Item
        >>> item = Item("q1", {"prompt": "1 + 1 =", "choices": ["1", "2"], "gold": "2"})
        >>> item.choices[item.gold]
        '2'
    """

    id: str
    content: Mapping[str, Any] = field(default_factory=dict)
    benchmark: str = ""

    @property
    def prompt(self) -> str:
        """Text before the answer."""
        return self._text(self._get("prompt"), "prompt")

    @property
    def choices(self) -> tuple[str, ...]:
        """The answers to choose from; empty if the answer is generated."""
        found = self.content.get("choices")
        if found is None:
            return ()
        if not isinstance(found, (list, tuple)) or len(found) < 2:
            raise self._wrong("choices", "a list of two or more texts", found)
        return tuple(self._text(one, "choices") for one in found)

    @property
    def gold(self) -> int:
        """Index of the correct choice."""
        found, choices = self._get("gold"), self.choices
        if isinstance(found, str) and choices.count(found) == 1:
            return choices.index(found)
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < len(choices):
            return found
        raise self._wrong("gold", f"the index or text of one of {len(choices)} choices", found)

    @property
    def answers(self) -> tuple[str, ...]:
        """The texts that count as correct if the answer is generated."""
        return self._texts("gold", self._get("gold"))

    @property
    def stop(self) -> tuple[str, ...]:
        """Texts at which a generated answer ends."""
        found = self.content.get("stop")
        return STOP if found is None else self._texts("stop", found)

    def _get(self, name: str) -> Any:
        if self.content.get(name) is None:
            raise DataError(
                f"item {self.id!r} has no {name!r}: the bank's content.parquet lacks it; add it "
                "with `tinyeval content BANK FILE`, or answer items with a function of your own"
            )
        return self.content[name]

    def _texts(self, name: str, found: Any) -> tuple[str, ...]:
        listed = found if isinstance(found, (list, tuple)) else [found]
        if not listed or "" in listed:
            raise self._wrong(name, "a text, or a list of texts, none of them empty", found)
        return tuple(self._text(one, name) for one in listed)

    def _text(self, found: Any, name: str) -> str:
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return str(found)
        if not isinstance(found, str):
            raise self._wrong(name, "text", found)
        return found

    def _wrong(self, name: str, expected: str, found: Any) -> DataError:
        return DataError(f"item {self.id!r}: expected {name!r} to be {expected}, found {found!r}")


def bank_items(bank: ItemBank, *, anchors_only: bool = True) -> tuple[Item, ...]:
    """Return the bank's anchors, best first, or all of its items, in the form that runners take.

    Example:
        >>> from tinyeval.training import bank_items
        >>> len(bank_items(bank)), len(bank_items(bank, anchors_only=False))
        (8, 30)
    """
    ids = bank.anchors.items if anchors_only else bank.items.ids
    content = bank.content or {}
    benchmark = dict(zip(bank.items.ids, bank.items.column("benchmark", ""), strict=True))
    return tuple(Item(one, content.get(one, {}), benchmark[one]) for one in ids)


def collect_scores(
    items: Sequence[Item], given: Sequence[float] | Mapping[str, float]
) -> dict[str, float]:
    """Return item -> score from the result of an answering function.

    Args:
        items: the items that were asked.
        given: one score per item, in order, or item -> score, which may omit items.

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
        return {one: given[one] for one in asked if one in given}
    # numpy arrays and tensors of scores become plain numbers
    listed = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(listed, (str, bytes)) or not isinstance(listed, Sequence):
        raise DataError(
            "expected one score per item, or {item: score}, from the answering function; found "
            f"{type(given).__name__}"
        )
    if len(listed) != len(asked):
        raise DataError(f"{len(asked)} items were asked, but {len(listed)} scores came back")
    return dict(zip(asked, listed, strict=True))
