"""Marks of written answers: whether a text is a right answer, as the history's metric compares.

``exact_match`` is that of lm-evaluation-harness (Gao et al. 2024): equal letter by letter, but for
what its options ignore.  ``match`` and ``includes`` are scorers of Inspect AI (UK AI Security
Institute): the answer ends (begins ...) with a right one, but for punctuation around it; or has one
anywhere.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from typing import Any

from tinyeval.asking.filters import apply_filters, check_pattern
from tinyeval.asking.item import Item

Options = Mapping[str, Any]

LOCATIONS = ("begin", "end", "any", "exact")


def mark_text(item: Item, text: str) -> float:
    """Return the mark of an item from the text that a model wrote, cut at a stop.

    Where the history's metric is not known, the text must equal a right answer but for white space
    around them.

    Example:
        >>> from tinyeval.asking import Item
        >>> from tinyeval.asking.texts import mark_text
        >>> digits = {"function": "regex", "regex_pattern": "[0-9]+"}
        >>> item = Item("q", {"prompt": "2 + 3 =", "gold": "5", "filters": [digits]})
        >>> mark_text(item, " It is 5.")
        1.0
    """
    found = apply_filters(item.filters, text)
    if not item.metric:
        return float(found.strip() in {one.strip() for one in item.answers})
    right = TEXT_METRICS[item.metric]
    return float(any(right(found, one, item.match) for one in item.answers))


def _exact_match(text: str, gold: str, options: Options) -> bool:
    return _without(text, options) == _without(gold, options)


def _without(text: str, options: Options) -> str:
    """Return a text without what options ignore."""
    for pattern in options.get("regexes_to_ignore") or ():
        text = re.sub(pattern, "", text)
    if options.get("ignore_case"):
        text = text.lower()
    if options.get("ignore_punctuation"):
        text = text.translate(str.maketrans("", "", string.punctuation))
    if options.get("ignore_numbers"):
        text = text.translate(str.maketrans("", "", string.digits))
    return text


def _match(text: str, gold: str, options: Options) -> bool:
    around = string.whitespace + string.punctuation
    if options.get("ignore_case", True):
        text, gold = text.casefold(), gold.casefold()
    text, gold = text.strip(around), gold.strip(around)
    where = options.get("location", "end")
    if where == "begin":
        return text.startswith(gold)
    if where == "end":
        return text.endswith(gold)
    return text == gold if where == "exact" else gold in text


def _includes(text: str, gold: str, options: Options) -> bool:
    if options.get("ignore_case", True):
        text, gold = text.lower(), gold.lower()
    return gold in text


TEXT_METRICS: dict[str, Callable[[str, str, Options], bool]] = {
    "exact_match": _exact_match,
    "match": _match,
    "includes": _includes,
}
"""Metrics of written answers."""

OPTIONS = {
    "exact_match": ("ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore"),
    "match": ("ignore_case", "location", "numeric"),
    "includes": ("ignore_case",),
}
"""Metric -> its options."""


def why_not_compared(item: Item) -> str:
    """Say why written answers cannot be compared by an item's options; empty if they can."""
    metric, options = item.metric or "exact_match", item.match
    unknown = sorted(options.keys() - set(OPTIONS[metric]))
    if unknown:
        return f"{metric} has no option {str(unknown[0])[:80]!r} here"
    if options.get("numeric") or options.get("location", "end") not in LOCATIONS:
        return "match compares texts here, not numbers, at one of: " + ", ".join(LOCATIONS)
    patterns = options.get("regexes_to_ignore") or ()
    if not isinstance(patterns, (list, tuple)):
        return "regexes_to_ignore is no list of regular expressions"
    return next(filter(None, map(check_pattern, patterns)), "")
