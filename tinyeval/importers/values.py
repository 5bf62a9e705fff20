"""Cells -> numbers: what people write for right, wrong, missing and failed.

A cell is a number, a bool, or text: a number (with a decimal comma or a percent sign, perhaps), a
word such as ``pass``, one of many blanks, or a word for an answer that was lost (``timeout``).
Whether a column holds anything else is said, not raised: a table's other columns decide what it is.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MISSING = frozenset(
    {"", ".", "*", "-", "--", "?", "na", "n/a", "#n/a", "nan", "<na>", "null", "none", "missing"}
)
"""What stands for a score that is missing."""

WORDS = {
    **dict.fromkeys(("true", "yes", "y", "pass", "passed", "correct", "right"), 1.0),
    **dict.fromkeys(("resolved", "solved", "success", "succeeded", "c"), 1.0),
    **dict.fromkeys(("false", "no", "n", "fail", "failed", "incorrect", "wrong"), 0.0),
    **dict.fromkeys(("unresolved", "unsolved", "failure", "i", "f"), 0.0),
    **dict.fromkeys(("wahr", "ja", "richtig", "vrai", "verdadero", "vero", "verdadeiro"), 1.0),
    **dict.fromkeys(("falsch", "nein", "faux", "falso"), 0.0),  # as spreadsheets write them abroad
    **dict.fromkeys(("partial", "p"), 0.5),
    **dict.fromkeys(("✓", "✔", "✔\ufe0f", "✅", "☑"), 1.0),
    **dict.fromkeys(("✗", "✘", "×", "❌", "✖", "✖\ufe0f"), 0.0),
}
"""What stands for a score; C, I, P and N are Inspect's, unless P stands beside F."""

LETTERS = {"c": "graded", "i": "graded", "f": "failed", "p": "partial"}
"""Letters that say what others of a table mean."""

ACCEPTED = (
    "a score is a number, a blank, or a word such as pass/fail, P/F, true/false, yes/no, "
    "correct/incorrect or ✓/✗"
)

LOST = frozenset({"timeout", "timed out", "timed_out", "error", "errored", "crash", "crashed"})
"""What stands for an answer that was lost on the way."""

COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
"""A number with a decimal comma."""

LONGEST = 60
"""Characters of a cell that a message shows."""


@dataclass(frozen=True)
class Marks:
    """A column as numbers.

    Attributes:
        numbers: float64, one per row; NaN where it is missing, lost, or no number.
        wrong: rows of cells that are neither numbers nor blank.
        kinds: how many cells were a ``number`` (not 0), ``zero``, ``percent``, with a decimal
            ``comma``, ``word``, ``blank``, ``lost``, or ``other``; empty where all were numbers.
        lost: rows of answers that were lost.
        partial: rows of a P, which is 0.5, Inspect's partial, unless other letters say otherwise.
        letters: values of ``LETTERS`` that are there.
    """

    numbers: NDArray[np.float64]
    wrong: Sequence[int] = ()
    kinds: Counter[str] = field(default_factory=Counter)
    lost: Sequence[int] = ()
    partial: Sequence[int] = ()
    letters: frozenset[str] = frozenset()


def read_marks(values: Sequence[object], comma: bool = False) -> Marks:
    """Return a column's cells as numbers; percentages are not divided yet.

    Args:
        values: the cells.
        comma: whether ``0,5`` is a number.
    """
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.empty(0)
    if numbers.shape == (len(values),):
        return Marks(numbers)
    # Something is empty, a word, or no number at all: one by one tells which.
    found = np.full(len(values), np.nan)
    rows: dict[str, list[int]] = {"other": [], "lost": [], "partial": []}
    kinds: Counter[str] = Counter()
    for row, value in enumerate(values):
        found[row], kind = _read_text(value, comma) if type(value) is str else _read(value)
        kinds[kind] += 1
        if kind in rows:
            rows[kind].append(row)
    letters = frozenset(kinds.keys() & set(LETTERS.values()))
    for kind in letters:
        kinds["word"] += kinds.pop(kind)
    return Marks(found, rows["other"], kinds, rows["lost"], rows["partial"], letters)


def parse_score(value: object) -> float:
    """Return a number, a bool or their text as a float; NaN for a missing value.

    Raises:
        ValueError: with the offending value as its text.
    """
    number, kind = _read_text(value, False) if isinstance(value, str) else _read(value)
    if kind in ("other", "lost"):
        raise ValueError(shown(value))
    return number / 100 if kind == "percent" else number


def shown(value: object) -> str:
    """Return a cell for a message, cut where it is long."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**LONGEST:
        return "a number that is far too large"
    text = repr(value[: LONGEST + 1] if isinstance(value, str) else value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _read(value: object) -> tuple[float, str]:
    if value is None:
        return math.nan, "blank"
    try:  # a decimal, a date, a list ...: only what has a number's own method
        number = float(value.__float__())  # type: ignore[attr-defined]
    except (AttributeError, TypeError, ValueError, OverflowError):
        return math.nan, "other"
    return number, _kind(number)


def _kind(number: float) -> str:
    return "blank" if math.isnan(number) else "number" if number else "zero"


@lru_cache(maxsize=65536)
def _read_text(text: str, comma: bool) -> tuple[float, str]:
    word = text.strip().lower()
    if word in MISSING:
        return math.nan, "blank"
    if word in WORDS:
        return WORDS[word], LETTERS.get(word, "word")
    if word in LOST:
        return math.nan, "lost"
    kind = "percent" if word.endswith("%") else ""
    word = word[:-1].rstrip() if kind else word
    if comma and COMMA.fullmatch(word):
        word, kind = word.replace(",", "."), kind or "comma"
    try:
        number = float(word)
    except ValueError:
        return math.nan, "other"
    return number, kind or _kind(number)
