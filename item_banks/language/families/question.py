"""What every family makes: a question with one right answer, and wrong ones to choose from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

LEVELS = (1, 2, 3, 4, 5, 6)
"""Difficulties, as a person would grade them."""

N_CHOICES = 4


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        prompt: begins with a word of its family that no other text has, and ends where no other
            prompt goes on, so that no prompt is a part of another question.
        answer: the right one.
        wrong: the other choices; empty where the answer is to be written.
    """

    prompt: str
    answer: str
    wrong: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len({self.answer, *self.wrong}) != 1 + len(self.wrong) or not self.answer:
            raise ValueError(f"choices that are equal or empty: {self}")


Make = Callable[[Random, int], Question]
"""``make(rng, level)``: a question of a family."""


def choose(
    rng: Random, prompt: str, answer: object, others: Iterable[object], n: int = N_CHOICES
) -> Question:
    """Return a question of ``n`` choices: the answer and some of ``others``, which may hold it."""
    pool = sorted({str(one) for one in others} - {str(answer)})
    return Question(prompt, str(answer), tuple(rng.sample(pool, n - 1)))
