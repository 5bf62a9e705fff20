"""The runs of the population: architecture, size, data mix, learning rate, each drawn by number.

Mixes say which families a run learns from, at which levels, and how many answers are wrong:

    even      every family and level alike
    skewed    families as often as a lognormal draw says
    few       some half of the families, nothing of the others
    easy      low levels most often
    hard      high levels most often
    turns     five families at a time, the others before or after: of held-out runs only
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from item_banks.language.benchmark import training_questions
from item_banks.language.families import FAMILIES, LEVELS, Question

ARCHITECTURES = ("llama", "gpt2", "neox")
MIXES = ("even", "even", "skewed", "skewed", "few", "easy", "hard")
SIZES = ((64, 2), (64, 3), (96, 2), (96, 3), (128, 2), (128, 4), (160, 3))
"""Width and depth: from about 0.1 to 1 million parameters."""

LARGER = ((192, 3),)
"""Of held-out runs only: about 1.4 million parameters."""

AT_A_TIME = 5
GROUPS = ("seed", "size", "mix")
"""What is new in a held-out run: nothing but the seed, or the size too, or the mix too."""


@dataclass(frozen=True)
class Mix:
    """What a run learns from.

    Attributes:
        kind: see the module's text.
        noise: share of the questions that come with a wrong answer.
        seed: of the draw of families.
    """

    kind: str
    noise: float
    seed: int

    def families(self, done: float) -> dict[str, float]:
        """Return how often each family comes when a share ``done`` of the training is over."""
        names, rng = sorted(FAMILIES), Random(f"mix {self.seed}")
        if self.kind == "skewed":
            return {one: rng.lognormvariate(0.0, 1.0) for one in names}
        rng.shuffle(names)
        if self.kind == "few":
            names = names[: len(names) // 2 + 1]
        elif self.kind == "turns":
            first = min(int(done * len(names)), len(names) - 1)
            names = [names[(first + k) % len(names)] for k in range(AT_A_TIME)]
        return dict.fromkeys(names, 1.0)

    @property
    def levels(self) -> tuple[float, ...]:
        """How often each level comes."""
        up = tuple(float(one) for one in LEVELS)
        return {"easy": up[::-1], "hard": up}.get(self.kind, (1.0,) * len(LEVELS))

    def questions(self, rng: Random, done: float) -> Iterator[Question]:
        """Yield questions without end, some with a wrong answer, none of the benchmark."""
        stream = training_questions(rng, self.families(done), self.levels)
        for one in stream:
            if rng.random() >= self.noise:
                yield one
            elif one.wrong:
                yield replace(one, answer=rng.choice(one.wrong), wrong=())
            else:
                family = one.prompt.split()[0]
                other = next(two for two in stream if two.prompt.split()[0] == family)
                yield replace(one, answer=other.answer)


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        name: its id; its checkpoints are ``<name>-step<n>``.
        architecture: one of ``ARCHITECTURES``.
        width, depth: size of the hidden states, number of layers.
        mix: what it learns from.
        learning_rate: the highest.
        seed: of the first weights and the text.
    """

    name: str
    architecture: str
    width: int
    depth: int
    mix: Mix
    learning_rate: float
    seed: int


def draw_run(number: int, group: str = "") -> Run:
    """Return a run.

    Args:
        number: of the run; the same number gives the same run.
        group: one of ``GROUPS`` for a held-out run, empty for one of the population.
    """
    name = f"{group or 'run'}-{number:03d}"
    rng = Random(name)
    width, depth = rng.choice(LARGER if group == "size" else SIZES)
    kind = "turns" if group == "mix" else rng.choice(MIXES)
    return Run(
        name=name,
        architecture=rng.choice(ARCHITECTURES),
        width=width,
        depth=depth,
        mix=Mix(kind, rng.choice((0.0, 0.0, 0.0, 0.1, 0.3)), rng.randrange(2**31)),
        learning_rate=round(10 ** rng.uniform(-3.0, -2.3), 5),
        seed=rng.randrange(2**31),
    )


def held_out_runs(each: int) -> tuple[Run, ...]:
    """Return ``each`` runs of every group of held-out runs, in turn."""
    return tuple(draw_run(number, group) for number in range(each) for group in GROUPS)
