"""What is found of items' content, whatever harness asked them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.asking.filters import apply_filters
from tinyeval.asking.item import Item
from tinyeval.asking.marks import mark_choices, why_not_marked
from tinyeval.asking.texts import mark_text
from tinyeval.errors import DataError
from tinyeval.importers.block import Finding

RUNS = 5
"""Runs of a task that are looked at, spread over all: where they agree, others are taken to."""

CLOSE = 1e-6
"""How much two marks of one answer may differ."""


@dataclass(frozen=True)
class Contents:
    """Content of items, and what its owner must know of it.

    Attributes:
        content: item -> field -> JSON value.
        findings: where runs differ, what is missing, what the runners cannot ask.
    """

    content: Mapping[str, Mapping[str, Any]]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer that a run logged, by which content is checked.

    Attributes:
        said: log-likelihoods of the choices, or the text that was written.
        mark: what the harness made of it, by the history's metric.
        filtered: what its filter made of the text, where it is known.
    """

    said: NDArray[np.float64] | str
    mark: float
    filtered: str | None = None

    def fits(self, item: Item) -> bool:
        """Say whether the runners would give it the same mark."""
        try:
            if isinstance(self.said, str):
                mark = mark_text(item, self.said)
                if self.filtered not in (None, apply_filters(item.filters, self.said)):
                    return False
            else:
                mark = mark_choices(item, self.said)
        except (DataError, KeyError):
            return False
        return abs(mark - self.mark) <= CLOSE


def first_fitting(
    candidates: Sequence[Mapping[str, Any]], answers: Sequence[Answer], own: str
) -> dict[str, Any]:
    """Return the first content by which all logged answers get the marks that they had.

    Args:
        candidates: one or more, the likeliest first.
        answers: of several runs.
        own: name of the metric for content by which they do not: no runner knows it.

    Raises:
        DataError: what was logged makes no content.
    """
    for fields in candidates:
        item = Item("item", fields)
        item.check()
        if why_not_marked(item):
            return dict(fields)
        if all(one.fits(item) for one in answers):
            return dict(fields)
    return {**candidates[0], "metric": own}


def spread(n: int, most: int) -> list[int]:
    """Return up to ``most`` positions among ``n``, the first and the last among them.

    >>> spread(9, 3), spread(2, 5)
    ([0, 4, 8], [0, 1])
    """
    return sorted({round(k) for k in np.linspace(0, n - 1, min(n, most))})
