"""Filters: what makes the answer to be compared out of a text that a model wrote.

The steps are those of lm-evaluation-harness (Gao et al. 2024), by its names: ``regex`` takes what
a regular expression finds, ``remove_whitespace``, ``lowercase``, ``uppercase`` and ``map`` change
the text, and ``take_first`` and ``majority_vote`` pick one of several answers, where there is one
here.  Steps that are not known are named by :func:`why_not`, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Step = Mapping[str, Any]

INVALID = "[invalid]"
"""What the harness has in place of an answer that a regular expression does not find."""

LONGEST_PATTERN = 5000
"""Characters of a regular expression: banks come from anybody."""


def apply_filters(steps: Sequence[Step], text: str) -> str:
    """Return what steps make of a text.

    Example:
        >>> from tinyeval.asking.filters import apply_filters
        >>> step = {"function": "regex", "regex_pattern": "(-?[0-9]+)", "group_select": -1}
        >>> apply_filters([step, {"function": "take_first"}], "2 and 3 make 5.")
        '5'
    """
    for step in steps:
        text = STEPS[step["function"]].run(text, step)
    return text


def why_not(steps: Sequence[Step]) -> str:
    """Say why steps cannot be done as the harness does them; empty if they can.

    >>> why_not([{"function": "regex", "regex_pattern": "(", "group_select": 0}])
    "the regular expression '(' is not valid"
    """
    for step in steps:
        name = str(step.get("function"))
        if name not in STEPS:
            return f"there is no filter {name[:80]!r} here"
        unknown = sorted(step.keys() - {"function"} - STEPS[name].options)
        if unknown:
            return f"the filter {name!r} has no option {str(unknown[0])[:80]!r} here"
        reason = STEPS[name].check(step)
        if reason:
            return reason
    return ""


def check_pattern(pattern: object) -> str:
    """Say why a regular expression cannot be used; empty if it can."""
    if not isinstance(pattern, str) or len(pattern) > LONGEST_PATTERN:
        return f"the regular expression {str(pattern)[:80]!r} is no text, or too long"
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return f"the regular expression {pattern[:80]!r} is not valid"
    return ""


def _regex(text: str, step: Step) -> str:
    fallback = step.get("fallback", INVALID)
    found = re.findall(step.get("regex_pattern", r"#### (\-?[0-9\.\,]+)"), text)
    at = step.get("group_select", 0)
    if not -len(found) <= at < len(found):
        return fallback
    groups = found[at] if isinstance(found[at], tuple) else (found[at],)
    if len(groups) > 1:
        return next(filter(None, groups), fallback).strip()
    return groups[0].strip()


def _check_regex(step: Step) -> str:
    if type(step.get("group_select", 0)) is not int or not isinstance(
        step.get("fallback", INVALID), str
    ):
        return "the filter 'regex' needs a number as group_select and a text as fallback"
    return check_pattern(step.get("regex_pattern", ""))


def _map(text: str, step: Step) -> str:
    return step.get("mapping_dict", {}).get(text, step.get("default_value"))


def _check_map(step: Step) -> str:
    texts = step.get("mapping_dict")
    known = isinstance(texts, Mapping) and all(isinstance(one, str) for one in texts.values())
    if known and isinstance(step.get("default_value"), str):
        return ""
    return "the filter 'map' needs texts, and a text for all others"


class _Known:
    """A step that is known: its options, what it does, and what its options must be."""

    def __init__(
        self,
        run: Callable[[str, Step], str],
        options: Sequence[str] = (),
        check: Callable[[Step], str] = lambda step: "",
    ) -> None:
        self.run, self.options, self.check = run, frozenset(options), check


STEPS = {
    "regex": _Known(_regex, ("regex_pattern", "group_select", "fallback"), _check_regex),
    "remove_whitespace": _Known(lambda text, _: text.strip()),
    "lowercase": _Known(lambda text, _: text.lower()),
    "uppercase": _Known(lambda text, _: text.upper()),
    "map": _Known(_map, ("mapping_dict", "default_value"), _check_map),
    "take_first": _Known(lambda text, _: text),
    "majority_vote": _Known(lambda text, _: text),
}
"""The filters that are known, by the harness's names."""
