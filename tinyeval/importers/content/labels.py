"""What a harness does not log of choices: which are right, and what tells their contexts apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

DEPTH = 3
"""How deep in a document labels are looked for."""


def find_labels(doc: object, n: int) -> list[list[int]]:
    """Return the different lists of n labels, 0 or 1 each, that a document has.

    >>> find_labels({"question": "?", "mc2_targets": {"choices": ["a", "b"], "labels": [1, 0]}}, 2)
    [[1, 0]]
    """
    found = _labels(doc, n, DEPTH)
    return [one for k, one in enumerate(found) if one not in found[:k]]


def _labels(doc: object, n: int, depth: int) -> list[list[int]]:
    if isinstance(doc, Mapping) and depth:
        return [one for value in doc.values() for one in _labels(value, n, depth - 1)]
    if not isinstance(doc, list) or len(doc) != n:
        return []
    return [doc] if all(type(one) is int and one in (0, 1) for one in doc) else []


def differing(contexts: Sequence[str]) -> list[str]:
    """Return the words in which contexts differ; all of them, where these are none or alike.

    >>> differing(["Ann helps Bob. Ann", "Ann helps Bob. Bob"])
    ['Ann', 'Bob']
    """
    words = [re.findall(r"\S+\s*", one) for one in contexts]
    before = _shared(words)
    after = _shared([one[before:][::-1] for one in words])
    found = ["".join(one[before : len(one) - after]).strip() for one in words]
    return found if all(found) and len(set(found)) == len(found) else list(contexts)


def _shared(lists: Sequence[Sequence[str]]) -> int:
    """Return how many elements all lists begin with."""
    alike = (len({one.strip() for one in column}) == 1 for column in zip(*lists, strict=False))
    return next((k for k, one in enumerate(alike) if not one), min(map(len, lists)))
