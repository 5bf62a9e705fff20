"""The items: 2,520 questions of 15 families at six levels, and an endless stream to learn from.

Which side a question is on is a matter of its prompt alone (a hash of it), so that no prompt that
is asked was ever learned from, whatever the seeds.  Everything is drawn from the seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any
from zlib import crc32

from item_banks.language.families import FAMILIES, LEVELS, Question

SEED = 0
PER_LEVEL = 28
"""Items of a family at a level; a multiple of the number of choices, so that golds balance."""

HELD_OUT = 4
"""One prompt of so many is kept for the benchmark."""

STOP = "\n"


@dataclass(frozen=True)
class TextItem:
    """An item.

    Attributes:
        id: ``<family>-<level>-<number>``.
        family: key of ``FAMILIES``.
        level: of ``LEVELS``.
        prompt: text before the answer, without white space at its end.
        answer: the right one.
        choices: that it is to be chosen from, in the order shown; empty: it is to be written.
    """

    id: str
    family: str
    level: int
    prompt: str
    answer: str
    choices: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """What a runner needs, as :class:`tinyeval.training.Item` takes it."""
        asked = {"choices": list(self.choices)} if self.choices else {"stop": STOP}
        return {"prompt": self.prompt, "gold": self.answer, **asked}


def is_held_out(prompt: str) -> bool:
    """Say whether a prompt belongs to the benchmark; all others may be learned from."""
    return crc32(prompt.encode()) % HELD_OUT == 0


def make_items(
    seed: int = SEED, per_level: int = PER_LEVEL, families: Sequence[str] = tuple(FAMILIES)
) -> tuple[TextItem, ...]:
    """Return the benchmark.

    Args:
        seed: of all draws; another seed gives another benchmark of the same kind.
        per_level: items of a family at a level.
        families: keys of ``FAMILIES``.
    """
    return tuple(item for family in families for item in _items_of(family, seed, per_level))


def _items_of(family: str, seed: int, per_level: int) -> Iterator[TextItem]:
    known: set[str] = set()
    for level in LEVELS:
        rng = Random(f"{family} {level} items {seed}")
        places: list[int] = []
        for number in range(per_level):
            one = next(one for one in _drawn(family, level, rng) if one.prompt not in known)
            known.add(one.prompt)
            # the right choice is at each place equally often, in no order
            places = places or rng.sample(range(len(one.wrong) + 1), len(one.wrong) + 1)
            choices = list(one.wrong)
            choices.insert(places.pop(), one.answer)
            asked = tuple(choices) if one.wrong else ()
            name = f"{family}-{level}-{number:02d}"
            yield TextItem(name, family, level, one.prompt, one.answer, asked)


def _drawn(family: str, level: int, rng: Random) -> Iterator[Question]:
    """Yield questions that are kept for the benchmark."""
    while True:
        one = FAMILIES[family](rng, level)
        if is_held_out(one.prompt):
            yield one


def training_questions(
    rng: Random, families: Mapping[str, float], levels: Sequence[float]
) -> Iterator[Question]:
    """Yield questions that are not of the benchmark, without end.

    Args:
        rng: draws them.
        families: how often each family comes, in any unit.
        levels: how often each level comes.
    """
    names, weights = list(families), list(families.values())
    while True:
        family = rng.choices(names, weights)[0]
        level = rng.choices(LEVELS, levels)[0]
        one = FAMILIES[family](rng, level)
        if not is_held_out(one.prompt):
            yield one


def digest(items: Sequence[TextItem]) -> str:
    """Return what identifies these items, whatever their order."""
    listed = sorted(json.dumps([one.id, one.content], sort_keys=True) for one in items)
    return sha256("\n".join(listed).encode()).hexdigest()
