"""Opens a bank by its folder, or by its name if it ships with tinyeval."""

from __future__ import annotations

from pathlib import Path

from tinyeval.bank.item_bank import ItemBank


def load(bank: str | Path) -> ItemBank:
    """Return a bank: one that was saved, by its folder, or one that ships, by its name.

    A folder of that name comes first.  ``tinyeval banks`` lists those that ship.

    Raises:
        BankError: neither is there, or the bank is damaged or of another format version.

    Example:
        >>> import tinyeval
        >>> bank = tinyeval.load("mmlu_pro")
        >>> len(bank.anchors), len(bank.items)
        (100, 12032)
    """
    return ItemBank.load(bank)
