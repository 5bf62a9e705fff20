"""A study of a history: recipes by number of items, each rehearsed once.

The numbers of items double from 10 on, up to half of the benchmark, as far as the goal needs them.
Between them the error is read off a curve (:mod:`tinyeval.backtesting.curve`), and what it finds is
measured as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.backtesting.curve import Curve
from tinyeval.backtesting.measured import Gain, Measured, gain, measure
from tinyeval.backtesting.rehearsal import Cases, Rehearsal
from tinyeval.compute.progress import Progress
from tinyeval.config import Settings

FIRST = (10, 20, 40, 80, 160)
"""Numbers of items that are tried first; more are tried if none of them is enough."""

FEWEST = 5
"""Number of items tried if ten are enough."""

TRIES = 4
"""Numbers of items that the curve may propose; then the smallest measured one that is enough."""

STEP = 1.06
"""Smallest ratio of a number that is tried to the one before it."""

MOST = 2560
"""Largest number of items tried."""


class Goal(NamedTuple):
    """What a bank is to reach.

    Attributes:
        name: ``error``, ``width`` or ``tell_apart``, of :class:`Measured`.
        value: in score units.
    """

    name: str
    value: float

    def of(self, found: Measured) -> float:
        """Return the figure that the goal is about."""
        return float(getattr(found, self.name))


@dataclass(frozen=True)
class Study:
    """Recipes rehearsed on the same folds.

    Attributes:
        rehearsal: folds and what was fitted on them.
        recipes: name -> settings of a recipe; its number of items is set here.
        cluster: number of each model's group, or of the model itself, shape (models,).
        level: level of intervals and differences.
        first_repeat: number of folds that predict every model once.
        what: what the folds predict, for the progress.
        progress: called with (done, total, what).
    """

    rehearsal: Rehearsal
    recipes: Mapping[str, Settings]
    cluster: NDArray[np.intp]
    level: float
    first_repeat: int
    what: str
    progress: Progress | None = None
    _cases: dict[tuple[str, int], Cases] = field(default_factory=dict, repr=False)

    @property
    def total(self) -> int:
        """Number of items of the benchmark."""
        return self.rehearsal.responses.n_items

    def measure(self, recipes: Sequence[str], sizes: Sequence[int]) -> None:
        """Rehearse some recipes with some numbers of items, those not yet done."""
        todo = [(name, n) for n in sizes for name in recipes if (name, n) not in self._cases]
        if todo:
            settings = [self.recipes[name].replace(items=n) for name, n in todo]
            shown = ", ".join(map(str, sorted({n for _, n in todo})))
            found = self.rehearsal.cases(settings, self.progress, f"{self.what}: {shown} items")
            self._cases.update(zip(todo, found, strict=True))

    def done(self) -> list[tuple[int, str]]:
        """Return what was measured: numbers of items and recipes, in this order."""
        names = list(self.recipes)
        return sorted(((n, one) for one, n in self._cases), key=lambda x: (x[0], names.index(x[1])))

    def has(self, recipe: str, n: int) -> bool:
        """Say whether a recipe was measured with this number of items."""
        return (recipe, n) in self._cases

    def found(self, recipe: str) -> dict[int, Measured]:
        """Return what was measured of a recipe, by number of items."""
        return {n: self.at(name, n) for name, n in sorted(self._cases) if name == recipe}

    def at(self, recipe: str, n: int) -> Measured:
        """Return what was measured of a recipe with this number of items."""
        return measure(self._cases[recipe, n], self.cluster, self.level)

    def gain(self, recipe: str, over: str, n: int) -> Gain:
        """Return by how much less one recipe errs than another with this number of items."""
        return gain(self._cases[recipe, n], self._cases[over, n], self.cluster)

    def curve(self, recipe: str, name: str) -> Curve:
        """Return the curve of a figure of :class:`Measured`, by number of items."""
        values = {n: float(getattr(one, name)) for n, one in self.found(recipe).items()}
        return Curve(values, self.total)

    def smallest(self, recipe: str, goal: Goal, with_it: Sequence[str] = ()) -> int | None:
        """Return the smallest number of items that reaches the goal, measured; None if none does.

        Args:
            recipe: name of the recipe.
            goal: what to reach.
            with_it: recipes that are measured with the same numbers of items.
        """
        both = (recipe, *with_it)
        sizes, most = first_sizes(self.total), largest(self.total)
        self.measure(both, sizes)
        while not self._reaches(recipe, goal, sizes[-1]) and sizes[-1] < most:
            sizes = (*sizes, min(sizes[-1] * 2, most))
            self.measure(both, sizes)
        if self._reaches(recipe, goal, sizes[0]) and sizes[0] > FEWEST:
            self.measure(both, (FEWEST,))
        tried = 0
        for _ in range(TRIES):
            n = self.curve(recipe, goal.name).smallest(goal.value)
            if n is None or self.has(recipe, n):
                return n
            tried = max(n, ceil(STEP * tried))
            self.measure(both, (tried,))  # which moves the curve a little
        curve = self.curve(recipe, goal.name)
        enough = (n for n in sorted(self.found(recipe)) if curve.at(n) <= goal.value)
        return next(enough, None)

    def _reaches(self, recipe: str, goal: Goal, n: int) -> bool:
        return goal.of(self.at(recipe, n)) <= goal.value


def largest(total: int) -> int:
    """Return the largest number of items that is tried: half of the benchmark, up to MOST."""
    return min(max(total // 2, 1), MOST)


def first_sizes(total: int) -> tuple[int, ...]:
    """Return the numbers of items that are tried first."""
    most = largest(total)
    sizes = [n for n in FIRST if n <= most] or [most]
    if most < FIRST[-1] and most >= 1.25 * sizes[-1]:
        sizes.append(most)
    return tuple(sizes)
