"""Families of everyday language: agreement and dates."""

from __future__ import annotations

from random import Random

from item_banks.language.families.question import Question, choose
from item_banks.language.families.words import NAMES

NOUNS = (
    *("dog", "cat", "bird", "cow", "boy", "girl", "king", "cook", "pilot", "friend", "guest"),
    *("tree", "boat", "car", "lamp", "book", "door", "cup", "chair", "letter", "song"),
)
ADJECTIVES = ("old", "new", "big", "small", "good", "bad", "red", "green", "loud", "quiet")
BEFORE = ("near", "behind", "with", "without", "beside", "under")
VERBS = ("sees", "likes", "finds", "needs")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
TIMES = {"now": 0, "today": 0, "yesterday": 1, "then": 1}


def agreement(rng: Random, level: int) -> Question:
    """The verb that fits its subject and the time, past nouns that are not its subject."""
    time, many = rng.choice(list(TIMES)), rng.random() < 0.5
    one, *others = rng.sample(NOUNS, 3)
    subject = f"the {rng.choice(ADJECTIVES)} {_noun(one, many)}"
    near = [f"{rng.choice(BEFORE)} the {_noun(noun, not many)}" for noun in others]
    if level == 1:
        subject = f"the {_noun(one, many)}"
    elif level == 3:
        subject += f" {rng.choice(BEFORE)} the {_noun(others[0], many)}"
    elif level == 4:
        subject += f" {near[0]}"
    elif level == 5:
        subject += f" {near[0]} {near[1]}"
    elif level == 6 and many:
        subject = f"the {one} and the {others[0]}"
    elif level == 6:
        subject = f"the {one} that {rng.choice(VERBS)} the {_noun(others[0], True)}"
    verbs = ("is", "are", "was", "were")
    return choose(rng, f"verb {time} {subject} :", verbs[2 * TIMES[time] + many], verbs)


def _noun(noun: str, many: bool) -> str:
    return noun + "s" * many


def dates(rng: Random, level: int) -> Question:
    """A day or month some time before or after another."""
    one, two = rng.sample(NAMES, 2)
    if level == 6:
        return _across_months(rng, one, two)
    cycle, unit = (MONTHS, "month") if level == 4 else (DAYS, "day")
    least, most = {1: (1, 2), 2: (3, 6), 3: (1, 4), 4: (2, 11), 5: (8, 30)}[level]
    start, gap = rng.randrange(len(cycle)), rng.randint(least, most)
    late = level != 3
    answer = cycle[(start + (gap if late else -gap)) % len(cycle)]
    prompt = f"when {one} came in {cycle[start]}. {two} came {gap} {unit}{'s' * (gap > 1)} "
    prompt += f"{'later' if late else 'earlier'}. {two} came in"
    return choose(rng, prompt, answer, cycle)


def _across_months(rng: Random, one: str, two: str) -> Question:
    month, gap = rng.randrange(12), rng.randint(2, 9)
    day = rng.randint(LENGTHS[month] - gap + 1, LENGTHS[month])
    right = day + gap - LENGTHS[month]
    after = MONTHS[(month + 1) % 12]
    prompt = f"when {one} came on {MONTHS[month]} {day}. {two} came {gap} days later. {two} came on"
    return choose(rng, prompt, f"{after} {right}", (f"{after} {k}" for k in range(1, 10)))
