"""Scores of generated answers."""

from __future__ import annotations

import re
from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTER = re.compile(r"(?<![^\W_])[A-Z](?![^\W_])")


def cut(text: str, stop: Sequence[str]) -> str:
    """Return what comes before the first stop text."""
    return text[: min((at for one in stop if (at := text.find(one)) >= 0), default=len(text))]


def exact_match(text: str, gold: Sequence[str]) -> float:
    """Return 1 if the text equals a gold answer up to surrounding white space, else 0."""
    return float(text.strip() in {one.strip() for one in gold})


def lettered(prompt: str, choices: Sequence[str]) -> str:
    """Return a question that asks for the letter of a choice."""
    lines = [f"{letter}. {one}" for letter, one in zip(LETTERS, choices, strict=False)]
    return "\n".join([prompt, *lines, "Answer with the letter of the right choice only."])


def chosen_letter(text: str, n_choices: int) -> int | None:
    """Return the index of the first letter of a choice that stands alone, or None."""
    found = (LETTERS.index(match[0]) for match in _LETTER.finditer(text))
    return next((one for one in found if one < n_choices), None)
