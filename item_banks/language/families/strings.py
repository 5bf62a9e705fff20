"""Families of strings: copying, editing, spelling, brackets."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from item_banks.language.families.question import Question, choose
from item_banks.language.families.words import LETTERS, invented

EDITS: dict[str, Callable[[str], str]] = {
    "drop first": lambda one: one[1:],
    "drop last": lambda one: one[:-1],
    "swap ends": lambda one: one[-1] + one[1:-1] + one[0],
    "double": lambda one: "".join(2 * letter for letter in one),
    "reverse": lambda one: one[::-1],
}

PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def copying(rng: Random, level: int) -> Question:
    """The same letters again, written."""
    letters = "".join(rng.choices(LETTERS, k=1 + 2 * level))
    return Question(f"copy {letters} :", letters)


def editing(rng: Random, level: int) -> Question:
    """A word changed as told, written."""
    name = list(EDITS)[min(level, len(EDITS)) - 1]
    word = "".join(rng.choices(LETTERS, k=rng.choice((4, 5)) if level < 6 else 7))
    return Question(f"edit {name} {word} :", EDITS[name](word))


def spelling(rng: Random, level: int) -> Question:
    """A letter of a word by its place, from the front or from the end."""
    while True:
        word = invented(rng, 4 + level)
        letters = sorted(set(word))
        if len(letters) >= 4:
            break
    place = rng.randrange(len(word))
    if level in (1, 2, 4):
        return choose(rng, f"letter {place + 1} of {word} ?", word[place], letters)
    return choose(rng, f"letter {place + 1} from the end of {word} ?", word[-1 - place], letters)


def brackets(rng: Random, level: int) -> Question:
    """The brackets that close what is open, written."""
    while True:
        row, still_open = "", ""
        for _ in range(2 + 2 * level):
            if still_open and rng.random() < 0.35:
                row += PAIRS[still_open[-1]]
                still_open = still_open[:-1]
            else:
                still_open += rng.choice(list(PAIRS))
                row += still_open[-1]
        if 1 <= len(still_open) <= 2 + level:
            return Question(f"close {row} :", "".join(PAIRS[one] for one in reversed(still_open)))
