"""Marks of answers: what the history's metric makes of likelihoods, or of a written text.

Choices are marked by the log-likelihood l_k of each of them after the prompt, with n_k characters
and b_k bytes of text (Gao et al. 2024; Lin et al. 2022 for mc1 and mc2):

    acc, mc1          is argmax l_k right?
    acc_norm          is argmax l_k / n_k right?
    acc_bytes         is argmax l_k / b_k right?
    mc2, probability  sum of exp l_k over the right ones / sum of exp l_k over all

Beside its mark an answer has a soft score, the sum of exp l_k over the right choices divided by
that over all (:class:`tinyeval.asking.mark.Mark`).

Written answers are marked by :mod:`tinyeval.asking.texts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.asking.filters import why_not
from tinyeval.asking.item import Item
from tinyeval.asking.mark import Mark
from tinyeval.asking.texts import TEXT_METRICS, why_not_compared
from tinyeval.asking.texts import mark_text as mark_text
from tinyeval.errors import DataError, examples

CHOICE_METRICS = ("acc", "acc_norm", "acc_bytes", "mc1", "mc2", "probability")


def mark_choices(item: Item, values: NDArray[np.float64], metric: str = "") -> Mark:
    """Return the mark of an item, with its soft score, from the log-likelihoods of its choices.

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
    share = np.exp(values - values.max())
    soft = float(share[list(item.golds)].sum() / share.sum())
    if metric in ("mc2", "probability"):
        return Mark(soft, soft)
    if metric == "acc_norm":
        values = values / [max(1, len(one)) for one in item.choices]
    elif metric == "acc_bytes":
        values = values / [max(1, len(one.encode("utf-8", "replace"))) for one in item.choices]
    return Mark(float(np.argmax(values) in item.golds), soft)


def why_not_marked(item: Item, metric: str = "") -> str:
    """Say why answers to an item cannot be marked as its history was; empty if they can.

    Args:
        item: any.
        metric: of items with choices, in place of their own.

    Example:
        >>> from tinyeval.asking import Item
        >>> from tinyeval.asking.marks import why_not_marked
        >>> why_not_marked(Item("q", {"prompt": "?", "gold": "!", "metric": "bleu"}))
        "there is no metric 'bleu' of written answers here (known: exact_match, match, includes)"
    """
    if item.choices:
        metric = metric or item.metric or "acc"
        return _unknown(metric, CHOICE_METRICS, "choices")
    if item.metric and item.metric not in TEXT_METRICS:
        return _unknown(item.metric, list(TEXT_METRICS), "written answers")
    if item.content.get("sampling"):
        return (
            f"answers were drawn at random ({_told(item.content['sampling'])}), not the likeliest"
        )
    return why_not(item.filters) or why_not_compared(item)


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


def _told(options: object) -> str:
    if not isinstance(options, Mapping):
        return str(options)[:80]
    return ", ".join(f"{name}={value}" for name, value in sorted(options.items()))[:80]
