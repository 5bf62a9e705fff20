"""Soft scores out of the log-likelihoods that lm-evaluation-harness logs with every answer.

Of choices, p is the softmax over the raw log-likelihoods at the right choice.  Where a single
continuation was scored, the right one, p is the exponential of its summed log-likelihood.  Which
choice is right, the log says by position (``target``), or by the text that was sent as the choice.
A task whose log-likelihoods disagree with its own marks is read without soft scores: its ``target``
then means something else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_WRONG = 0.05
"""Share of a file's answers whose mark may differ from the likeliest choice (ties, rounding)."""

NOT_READ = ("acc_mutual_info",)
"""Metrics whose requests hold every choice twice, with and without its context."""


class Logged(NamedTuple):
    """What the log-likelihoods of one answer say.

    Attributes:
        soft: probability of the right choice, NaN where the log does not say it.
        right: whether the likeliest choice is the right one, None where it does not say.
    """

    soft: float = math.nan
    right: bool | None = None


def logged_soft(row: Mapping[str, object]) -> Logged:
    """Return the soft score of a logged row.

    Example:
        >>> pairs = [["-1.0", "False"], ["-3.0", "False"]]
        >>> found = logged_soft({"target": "0", "filtered_resps": pairs})
        >>> round(found.soft, 3), found.right
        (0.881, True)
        >>> logged_soft({"target": "four", "filtered_resps": ["four"]}).right is None
        True
    """
    pairs = _pairs(row.get("filtered_resps"))
    if not pairs or any(name in row for name in NOT_READ):
        return Logged()
    values = np.array([one for one, _ in pairs])
    if len(pairs) == 1:
        return Logged(math.exp(min(values[0], 0.0)), pairs[0][1])
    gold = _gold(row, len(pairs))
    if gold is None:
        return Logged()
    likely = np.exp(values - values.max())
    return Logged(float(likely[gold] / likely.sum()), int(values.argmax()) == gold)


def soft_of(
    found: Sequence[Logged], marks: Sequence[float]
) -> tuple[NDArray[np.float64] | None, bool]:
    """Return the soft scores of a file's answers, and whether they were left out as doubtful.

    Args:
        found: of every answer.
        marks: its mark by the metric ``acc``, NaN where there is none.

    Returns:
        Array of shape (answers,), None where none is known.
    """
    soft = np.array([one.soft for one in found])
    if np.isnan(soft).all():
        return None, False
    said = [
        (one.right, mark == 1)
        for one, mark in zip(found, marks, strict=True)
        if one.right is not None and mark in (0, 1)
    ]
    wrong = sum(right != marked for right, marked in said)
    if said and wrong > MOST_WRONG * len(said) + 1:
        return None, True
    return soft, False


def _pairs(responses: object) -> list[tuple[float, bool]]:
    """Return (log-likelihood, greedy) of every choice, or nothing if these are no such pairs."""
    found = []
    for one in responses if isinstance(responses, list) else ():
        if not isinstance(one, (list, tuple)) or len(one) != 2 or str(one[1]) not in TRUTH:
            return []
        try:
            value = float(one[0])
        except (TypeError, ValueError):
            return []
        if not math.isfinite(value):
            return []
        found.append((value, TRUTH[str(one[1])]))
    return found


TRUTH = {"True": True, "False": False}


def _gold(row: Mapping[str, object], n: int) -> int | None:
    """Return the position of the right choice, None where the log does not say it."""
    target = row.get("target")
    if isinstance(target, bool):
        return None
    text = str(target).strip()
    if text.isascii() and text.isdecimal() and int(text) < n:
        return int(text)
    sent = row.get("arguments")
    if not isinstance(sent, Mapping) or len(sent) != n:
        return None
    choices = [one.get("arg_1") for one in sent.values() if isinstance(one, Mapping)]
    same = [k for k, one in enumerate(choices) if str(one).strip() == text]
    return same[0] if len(same) == 1 and len(choices) == n else None
