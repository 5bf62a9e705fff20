"""Marks of answers: what the history's metric makes of likelihoods, or of a written text.

Choices are marked by the log-likelihood l_k of each of them after the prompt, with n_k characters
and b_k bytes of text (Gao et al. 2024; Lin et al. 2022 for mc1 and mc2):

    acc, mc1          is argmax l_k right?
    acc_norm          is argmax l_k / n_k right?
    acc_bytes         is argmax l_k / b_k right?
    mc2, probability  sum of exp l_k over the right ones / sum of exp l_k over all

Written answers are marked by ``exact_match`` with a right one, after the item's filters.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.asking.filters import apply_filters, check_pattern, compiled, why_not
from tinyeval.asking.item import Item
from tinyeval.errors import DataError, examples

CHOICE_METRICS = ("acc", "acc_norm", "acc_bytes", "mc1", "mc2", "probability")
TEXT_METRICS = ("exact_match",)
MATCH_OPTIONS = ("ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore")


def mark_choices(item: Item, values: NDArray[np.float64], metric: str = "") -> float:
    """Return the mark of an item from the log-likelihoods of its choices.

    Args:
        item: with choices.
        values: log-likelihoods in nats, shape (choices,).
        metric: in place of the item's own; by default that, or ``acc``.

    Raises:
        DataError: log-likelihoods that are not finite.

    Example:
        >>> import numpy as np
        >>> from tinyeval.asking import Item
        >>> from tinyeval.asking.marks import mark_choices
        >>> item = Item("q", {"prompt": "?", "choices": ["no", "certainly"], "gold": 1})
        >>> values = np.array([-2.0, -4.0])
        >>> [mark_choices(item, values, one) for one in ("acc", "acc_norm")]
        [0.0, 1.0]
    """
    if not np.isfinite(values).all():
        raise DataError(
            f"item {item.id!r}: the model gives log-likelihoods {values.tolist()}; its weights "
            "or its precision are broken"
        )
    metric = metric or item.metric or "acc"
    if metric in ("mc2", "probability"):
        share = np.exp(values - values.max())
        return float(share[list(item.golds)].sum() / share.sum())
    if metric == "acc_norm":
        values = values / [max(1, len(one)) for one in item.choices]
    elif metric == "acc_bytes":
        values = values / [max(1, len(one.encode("utf-8", "replace"))) for one in item.choices]
    return float(np.argmax(values) in item.golds)


def mark_text(item: Item, text: str) -> float:
    """Return the mark of an item from the text that a model wrote, cut at a stop.

    Where the history's metric is known, the text must be a right answer as the harness compares
    them; else white space around them does not count.

    Example:
        >>> from tinyeval.asking import Item
        >>> from tinyeval.asking.marks import mark_text
        >>> digits = {"function": "regex", "regex_pattern": "[0-9]+"}
        >>> item = Item("q", {"prompt": "2 + 3 =", "gold": "5", "filters": [digits]})
        >>> mark_text(item, " It is 5.")
        1.0
    """
    found = apply_filters(item.filters, text)
    if item.metric:
        options = item.match
        found = _compared(found, options)
        return float(any(found == _compared(one, options) for one in item.answers))
    return float(found.strip() in {one.strip() for one in item.answers})


def _compared(text: str, options: Mapping[str, Any]) -> str:
    for pattern in options.get("regexes_to_ignore") or ():
        text = compiled(pattern).sub("", text)
    if options.get("ignore_case"):
        text = text.lower()
    if options.get("ignore_punctuation"):
        text = text.translate(str.maketrans("", "", string.punctuation))
    if options.get("ignore_numbers"):
        text = text.translate(str.maketrans("", "", string.digits))
    return text


def why_not_marked(item: Item, metric: str = "") -> str:
    """Say why answers to an item cannot be marked as its history was; empty if they can.

    Args:
        item: any.
        metric: of items with choices, in place of their own.

    Example:
        >>> from tinyeval.asking import Item
        >>> from tinyeval.asking.marks import why_not_marked
        >>> why_not_marked(Item("q", {"prompt": "?", "gold": "!", "metric": "bleu"}))
        "there is no metric 'bleu' of written answers here (known: exact_match)"
    """
    if item.choices:
        metric = metric or item.metric or "acc"
        return _unknown(metric, CHOICE_METRICS, "choices")
    if item.metric and item.metric not in TEXT_METRICS:
        return _unknown(item.metric, TEXT_METRICS, "written answers")
    if item.content.get("sampling"):
        return (
            f"answers were drawn at random ({_told(item.content['sampling'])}), not the likeliest"
        )
    return why_not(item.filters) or _why_no_match(item.match)


def check_askable(items: Sequence[Item], metric: str = "") -> None:
    """Raise if some items cannot be asked and marked as their history was, before any is asked.

    Args:
        items: any.
        metric: of items with choices, in place of their own.

    Raises:
        DataError: names the first reason, and how many items have it.
    """
    found: dict[str, list[str]] = {}
    for one in items:
        reason = why_not_marked(one, metric)
        if reason:
            found.setdefault(reason, []).append(one.id)
    if not found:
        return
    reason, ids = max(found.items(), key=lambda one: len(one[1]))
    more = f", and {sum(map(len, found.values())) - len(ids)} for other reasons" * (len(found) > 1)
    raise DataError(
        f"{len(ids)} of {len(items)} items cannot be answered as their history was: {reason} "
        f"({examples(ids)}{more}); run them in the harness they come from, or answer them with a "
        "function of your own"
    )


def _unknown(metric: str, known: Sequence[str], what: str) -> str:
    if metric in known:
        return ""
    return f"there is no metric {metric[:80]!r} of {what} here (known: {', '.join(known)})"


def _why_no_match(options: Mapping[str, Any]) -> str:
    unknown = sorted(options.keys() - set(MATCH_OPTIONS))
    if unknown:
        return f"exact_match has no option {str(unknown[0])[:80]!r} here"
    patterns = options.get("regexes_to_ignore") or ()
    if not isinstance(patterns, (list, tuple)):
        return "regexes_to_ignore is no list of regular expressions"
    return next(filter(None, map(check_pattern, patterns)), "")


def _told(options: object) -> str:
    if not isinstance(options, Mapping):
        return str(options)[:80]
    return ", ".join(f"{name}={value}" for name, value in sorted(options.items()))[:80]
