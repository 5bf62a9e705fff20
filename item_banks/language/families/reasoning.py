"""Families of reasoning: syllogisms, ordering, logic, tables."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from item_banks.language.families.question import Question, choose
from item_banks.language.families.words import COLOURS, KINDS, NAMES


def syllogisms(rng: Random, level: int) -> Question:
    """What follows from a chain of statements, beside another chain that does not apply."""
    hops, others = ((1, 2), (1, 3), (2, 2), (2, 2), (3, 2), (3, 2))[level - 1]
    nouns = rng.sample(KINDS, hops + others + 2)
    chain, beside = nouns[: hops + 1], nouns[hops + 1 :]
    chains = rng.sample([_statements(chain), _statements(beside)], 2)
    said = chains[0] + chains[1]
    if level in (2, 4, 6):
        rng.shuffle(said)
    name = rng.choice(NAMES)
    prompt = f"say {' '.join(said)} {name} is {chain[0]}. {name} is"
    return choose(rng, prompt, chain[-1], beside)


def _statements(nouns: list[str]) -> list[str]:
    return [f"{one} are {two}." for one, two in pairwise(nouns)]


def ordering(rng: Random, level: int) -> Question:
    """Who is first, last or in between, from who beats whom."""
    names = rng.sample(NAMES, 5 if level in (3, 4) else 4)  # the best first
    said = [
        f"{two} loses to {one}." if level == 6 and rng.random() < 0.5 else f"{one} beats {two}."
        for one, two in pairwise(names)
    ]
    if level not in (1, 3):
        rng.shuffle(said)
    asked = [("best", names[0]), ("worst", names[-1])]
    if level >= 5:
        asked += [("second", names[1])]
    what, answer = rng.choice(asked)
    return choose(rng, f"games {' '.join(said)} who is {what} ?", answer, names)


def logic(rng: Random, level: int) -> Question:
    """Whether a statement is true, given whether its parts are."""
    n_parts = 2 if level <= 2 else 3
    wanted = rng.random() < 0.5
    while True:
        parts = rng.sample("abcdeghkmnpqrs", n_parts)
        values = {one: rng.random() < 0.5 for one in parts}
        text, value = _statement(rng, parts, values, negated=level in (2, 4, 6))
        if level >= 5:
            text, value = f"not ({text})", not value
        if value == wanted:
            break
    given = " ".join(f"{one} is {_said(value)}." for one, value in values.items())
    return choose(rng, f"logic {given} {text} is", _said(value), ("true", "false"), n=2)


def _statement(
    rng: Random, parts: list[str], values: dict[str, bool], negated: bool
) -> tuple[str, bool]:
    first, *rest = rng.sample(parts, len(parts))
    text, value = first, values[first]
    for one in rest:
        not_one = negated and rng.random() < 0.7
        other = values[one] != not_one
        word = rng.choice(("and", "or"))
        value = (value and other) if word == "and" else (value or other)
        text = f"({text})" if " " in text else text
        text = f"{text} {word} {'not ' * not_one}{one}"
    return text, value


def _said(value: bool) -> str:
    return "true" if value else "false"


def tables(rng: Random, level: int) -> Question:
    """A cell of a small table, looked up from either side or over two steps."""
    n_rows = 5 if level == 3 else 4
    names, colours = rng.sample(NAMES, n_rows), rng.sample(COLOURS, n_rows)
    rooms = [str(one) for one in rng.sample(range(10), n_rows)]
    columns = [names, colours] if level <= 3 else [names, colours, rooms]
    table = ", ".join(" ".join(row) for row in zip(*columns, strict=True))
    k = rng.randrange(n_rows)
    ask, found = {
        1: (f"colour of {names[k]}", colours),
        2: (f"who has {colours[k]}", names),
        3: (f"who has {colours[k]}", names),
        4: (f"room of {names[k]}", rooms),
        5: (f"room with {colours[k]}", rooms),
        6: (f"who follows room {rooms[k]}", names),
    }[level]
    answer = found[(k + 1) % n_rows] if level == 6 else found[k]
    return choose(rng, f"table {table}. {ask} ?", answer, found)
