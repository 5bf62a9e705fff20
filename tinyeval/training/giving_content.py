"""Which way of giving a bank content, or of doing without, fits a bank that has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinyeval.errors import DataError, examples
from tinyeval.exporters.documents import split_ids
from tinyeval.training.items import Item

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank


def check_content(bank: ItemBank, items: Sequence[Item]) -> None:
    """Raise unless all of a bank's items that are asked have content.

    Args:
        bank: the bank.
        items: items that must be asked.

    Raises:
        DataError: names the way that fits: to build again from a harness's logs, a file of content,
            a function, or the harness itself.
    """
    lacking = [one.id for one in items if not one.content]
    if not lacking:
        return
    which = "the bank has no content, so it does not know what to ask"
    if len(lacking) < len(items):
        which = f"{len(lacking)} of {len(items)} anchors have no content: {examples(lacking)}"
    raise DataError(f"{which}; {_ways(bank, lacking)}")


def _ways(bank: ItemBank, lacking: Sequence[str]) -> str:
    file = "`tinyeval content BANK FILE` (or `build --content FILE`) with a table of their prompts"
    own = "--answer MODULE:FUNCTION with a function that knows them"
    if not _are_documents(bank, lacking):
        return f"give it with {file}, or answer the items by {own}"
    return (
        'its items are documents of lm-evaluation-harness: ask them with --lm-eval "", or build '
        f"the bank again from sample files, which hold the prompts; else {file}, or {own}"
    )


def _are_documents(bank: ItemBank, items: Sequence[str]) -> bool:
    """Say whether the harness can be told which documents the items are; no data set is read."""
    if bank.settings["run"].get("dataset"):
        return True
    try:
        split_ids(items)
    except DataError:
        return False
    return True
