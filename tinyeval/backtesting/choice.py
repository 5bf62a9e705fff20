"""Which recipe a plan advises, and with how many items.

A recipe other than the one expected to suit is advised only if it errs less by MARGIN standard
errors of the paired difference, so that luck does not choose.  If it is not known which models will
come, it must not err more on models beyond the range either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tinyeval.backtesting.measured import Gain
from tinyeval.backtesting.study import Goal, Study
from tinyeval.errors import ConfigError

MARGIN = 2.0
"""Standard errors by which another recipe must be better to be advised."""

RIDGE, MEAN = "random+ridge", "random+mean"

RIVALS = {
    "any": (RIDGE,),
    "recipe": (RIDGE,),
    "similar": ("any", RIDGE),
    "beyond": ("any",),
}
"""Recipe that is expected to suit -> recipes that may be advised instead of it."""


@dataclass(frozen=True)
class Choice:
    """The advised recipe.

    Attributes:
        recipe: its name.
        items: smallest number of items that reaches the goal; None if none does.
        shown: number of items at which the recipes are compared, and for which an error is stated.
        better: recipes that err clearly less, but are not advised, and their gain there.
    """

    recipe: str
    items: int | None
    shown: int
    better: Mapping[str, Gain] = field(default_factory=dict)


def choose_recipe(study: Study, other: Study, own: str, goal: Goal) -> Choice:
    """Find the smallest bank of the recipe ``own``, and say whether another recipe is better.

    Args:
        study: rehearsal on the models expected.
        other: rehearsal on the other models.
        own: name of the recipe that is expected to suit.
        goal: what to reach.
    """
    everyone = tuple(study.recipes)
    items = smallest(study, own, goal, everyone)
    shown = items or max(study.found(own))
    study.measure(everyone, (shown,))
    other.measure(everyone, (shown,))
    gains = {name: study.gain(name, own, shown) for name in everyone if name not in (own, MEAN)}
    clear = {name: one for name, one in gains.items() if one.is_clear(MARGIN)}
    able = [name for name in clear if name in RIVALS[own] and _is_safe(other, name, own, shown)]
    if not able:
        return Choice(own, items, shown, clear)
    best = max(able, key=lambda name: clear[name].mean)
    items = smallest(study, best, goal, everyone)
    shown = items or shown
    study.measure(everyone, (shown,))
    other.measure(everyone, (shown,))
    rest = {name: one for name, one in clear.items() if one.mean > clear[best].mean}
    return Choice(best, items, shown, rest)


def smallest(study: Study, recipe: str, goal: Goal, with_it: tuple[str, ...] = ()) -> int | None:
    """Return the smallest number of items of a recipe that reaches the goal; None if none does."""
    if goal.name != "items":
        return study.smallest(recipe, goal, with_it)
    n = int(goal.value)
    if n > study.total:
        raise ConfigError(
            f"{n} items were asked for, but the benchmark has {study.total} with answers; ask for "
            "at most that many"
        )
    around = {max(n // 4, 1), max(n // 2, 1), n, min(2 * n, study.total)}
    study.measure((recipe, *with_it), sorted(around))
    return n


def _is_safe(other: Study, name: str, own: str, n: int) -> bool:
    """Say whether a recipe errs no more than ``own`` on the other models, as far as is known."""
    if own in ("similar", "beyond"):  # the user has said that no others will come
        return True
    return not other.gain(own, name, n).is_clear(1.0)
