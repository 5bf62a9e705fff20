"""How an item is asked and how an answer to it is marked, as lm-evaluation-harness does it."""

from __future__ import annotations

from tinyeval.asking.item import Item

__all__ = ["Item"]
