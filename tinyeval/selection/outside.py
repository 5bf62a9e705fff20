"""Selectors from outside the package, ``MODULE:FUNCTION``; the anchors they return are checked.

docs/extending.md says how to write a selector.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import wraps
from typing import Any

import numpy as np

from tinyeval.errors import ConfigError, examples
from tinyeval.history import History
from tinyeval.registry import check_call, load_outside
from tinyeval.selection.base import Anchors, Selector


def outside_selector(name: str) -> Selector:
    """Import a selector and return it, wrapped so that invalid anchors are refused.

    Raises:
        ConfigError: a function that cannot be imported, or cannot be called as a selector.
    """
    select = load_outside(name, "my_package.my_module:my_selector")
    check_call(name, select, "history", "n")

    @wraps(select)
    def checked(history: History, n: int, *, rng: np.random.Generator, **options: Any) -> Anchors:
        anchors = select(history, n, rng=rng, **options)
        _check(name, anchors, history.responses.items.ids, n, exact=options.get("budget") is None)
        return anchors

    return checked


def _check(name: str, anchors: object, items: Collection[str], n: int, *, exact: bool) -> None:
    """Raise unless these are ``n`` anchors, or at most ``n`` within a budget, from the history."""
    if not isinstance(anchors, Anchors):
        raise ConfigError(
            f"selector {name}: expected it to return tinyeval.selection.Anchors, found "
            f"{type(anchors).__name__}"
        )
    if len(anchors) > n or (exact and len(anchors) < n):
        raise ConfigError(f"selector {name}: expected {n} anchors, found {len(anchors)}")
    unknown = set(anchors.items) - set(items)
    if unknown:
        raise ConfigError(
            f"selector {name}: expected anchors of the history's items, found {len(unknown)} that "
            f"are not in it: {examples(sorted(unknown))}"
        )
