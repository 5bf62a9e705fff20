"""Ids that look alike: '001' and '1', 'gpt-4' and 'gpt-4 ', composed and decomposed letters.

They are never joined, as they may be two things, and never apart without a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from tinyeval.importers.block import Finding


def key(one: str) -> str:
    """Return what ids that look alike have in common.

    >>> key("GPT-4 ") == key("gpt-4"), key("007") == key("7"), key("a7") == key("a07")
    (True, True, False)
    """
    text = one if one.isascii() else unicodedata.normalize("NFKC", one)
    text = " ".join(text.casefold().split())
    if not text.isascii():  # folding may take letters apart that were one
        text = unicodedata.normalize("NFKC", text)
    return (text.lstrip("0") or "0") if text.isdecimal() else text


def look_alikes(ids: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the groups of two or more distinct ids that look alike, in order of appearance."""
    groups: dict[str, dict[str, None]] = {}
    for one in ids:
        groups.setdefault(key(one), {})[one] = None
    return [tuple(group) for group in groups.values() if len(group) > 1]


def doubts(ids: Iterable[str], what: str) -> tuple[Finding, ...]:
    """Return a finding of ids that look alike, if there are any; ``what`` they are ids of."""
    groups = look_alikes(ids)
    if not groups:
        return ()
    words = (
        f"groups of {what} ids differ only in case, space, zeros or Unicode form; they are kept "
        "apart"
    )
    return (Finding("doubt", words, len(groups), tuple(" / ".join(map(repr, g)) for g in groups)),)


def suggest(unknown: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the known id that the first recognisable of the unknown ones most likely means.

    It is one that looks like it, or one of which it is the last part (``27``, ``arc/27``).

    >>> suggest(["x", "27"], ["026", "027"])
    '027'
    """
    whole = {key(one): one for one in reversed(known)}
    last = {key(one.rpartition("/")[2]): one for one in reversed(known)}
    for one in unknown:
        for table, text in ((whole, one), (last, one), (last, one.rpartition("/")[2])):
            if key(text) in table:
                return table[key(text)]
    return None
