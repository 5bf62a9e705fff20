"""Items on which all models have the same mark: they tell no model from another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyeval.importers.audit.tally import Tally
from tinyeval.importers.block import SHOWN
from tinyeval.tables import Table


class Constant(NamedTuple):
    """Numbers of items that two models or more answered, all of them with one mark.

    Attributes:
        right, wrong: number of items of which every mark is 1, and 0.
        other: every mark is the same, and neither.
        right_ids, wrong_ids, other_ids: the first few of each.
    """

    right: int
    wrong: int
    other: int
    right_ids: tuple[str, ...]
    wrong_ids: tuple[str, ...]
    other_ids: tuple[str, ...]

    def __str__(self) -> str:
        words = (
            (self.right, "right"),
            (self.wrong, "wrong"),
            (self.other, "alike, in part right,"),
        )
        said = [f"{n:,} {what}" for n, what in words if n]
        if not said:
            return ""
        *most, last = said
        return f"items {', '.join(most)}{' and ' if most else ''}{last} for every model"


def constant_items(items: Table, counts: Tally) -> Constant:
    """Return the items whose marks do not vary; ``counts`` are of the matrix with these items."""
    same = (counts.item_answered > 1) & (counts.lowest == counts.highest)
    right, wrong = same & (counts.lowest == 1), same & (counts.lowest == 0)
    masks = (right, wrong, same & ~right & ~wrong)
    ids = [tuple(items.ids[k] for k in np.flatnonzero(mask)[:SHOWN]) for mask in masks]
    numbers = [int(mask.sum()) for mask in masks]
    return Constant(numbers[0], numbers[1], numbers[2], ids[0], ids[1], ids[2])
