"""How many items, and which recipe: a bank planned on the user's own history.

Every model of the history is predicted by banks built without it, for several recipes and numbers
of items (:mod:`tinyeval.backtesting.study`).  The smallest number that reaches the goal is read off
a falling curve, and what is promised for it is the error on models that its banks had not seen.
Banks that are tried learn from four fifths of the models; one of all models errs a little less.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from tinyeval.backtesting.by_models import ByModels, by_models
from tinyeval.backtesting.choice import Choice, choose_recipe
from tinyeval.backtesting.planned import ModelsRow, PlanRow
from tinyeval.backtesting.planned import Plan as Plan
from tinyeval.backtesting.studies import make_studies, other_recipes
from tinyeval.backtesting.study import Goal, Study
from tinyeval.compute.progress import Progress, shown
from tinyeval.config import Settings, as_settings
from tinyeval.config.expect import for_models, names_methods
from tinyeval.errors import ConfigError, ThinHistoryWarning
from tinyeval.errors.arguments import wrong_type
from tinyeval.importers import as_responses
from tinyeval.importers.audit.thin import warn_if_thin
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import usable

LIKELY = 0.9
"""Probability of the ranges stated for errors."""

OWN = "recipe"
"""Name of settings that name their own methods."""


def plan(
    responses: object,
    *,
    error: float | None = None,
    width: float | None = None,
    tell_apart: float | None = None,
    items: int | None = None,
    expect: str | None = None,
    settings: Settings | Mapping[str, Any] | str | Path | None = None,
    repeats: int | None = None,
    progress: Progress | bool | None = None,
) -> Plan:
    """Find the smallest bank that reaches a goal, by building banks and testing them.

    Args:
        responses: the whole history: a :class:`ResponseMatrix`, or what
            :func:`tinyeval.read_results` reads; exact duplicates are dropped.
        error: mean absolute error of the overall score to reach, in score units: 0.015 is 1.5
            percentage points.
        width: mean width of the intervals to reach, in score units.
        tell_apart: difference of two predicted scores that shall be beyond chance, in score units.
        items: number of items that can be afforded; says what they buy.
        expect: models that the bank will be asked about: ``similar`` to the source models, ``any``
            (default) or ``beyond`` their range.
        settings: all other settings; if they name methods, these are planned for.
        repeats: repeats of the folds; by default as many as give enough held-out models.
        progress: called with (done, total, what); True shows a bar on standard error.

    Warns:
        ThinHistoryWarning: as :func:`tinyeval.build` does.

    Raises:
        ConfigError: not exactly one goal, a goal outside its range, or settings with a cost budget
            or quotas.
        DataError: fewer than five models, or none whose full score is known.

    Example:
        >>> from tinyeval import plan
        >>> found = plan(responses, error=0.08, settings=settings)
        >>> found.items, found.recipe
        (10, 'any')
        >>> 0.06 < found.promise.error <= 0.08
        True
    """
    goal = make_goal(error=error, width=width, tell_apart=tell_apart, items=items)
    base = as_settings(settings)
    own = _own(base, expect)
    recipes = {own: for_models(base, expect)} | other_recipes(base, own)
    history = usable(as_responses(responses)).responses
    for line in warn_if_thin(history):
        warnings.warn(line, ThinHistoryWarning, stacklevel=2)
    with shown(progress) as report:
        within, beyond = make_studies(history, recipes, own, repeats, report)
        study, other = (beyond, within) if expect == "beyond" else (within, beyond)
        choice = choose_recipe(study, other, own, goal)
        return _summary(study, other, choice, goal=goal, expect=expect or "any")


def enough_items(
    responses: ResponseMatrix,
    error: float,
    *,
    settings: Settings,
    beyond: bool = False,
    progress: Progress | None = None,
) -> int:
    """Return the smallest number of items with which these settings reach an error.

    Args:
        responses: usable models (:func:`tinyeval.source_models.usable`).
        error: mean absolute error of the overall score to reach, in score units.
        settings: all other settings, methods included.
        beyond: reach it on models beyond the range of those learned from.
        progress: called with (done, total, what).

    Raises:
        ConfigError: no number of items reaches it, or a goal or settings that :func:`plan` refuses.
        DataError: fewer than five models, or none whose full score is known.
    """
    goal = make_goal(error=error)
    study = make_studies(responses, {OWN: settings}, OWN, None, progress)[1 if beyond else 0]
    items = study.smallest(OWN, goal)
    if items is None:
        most = max(study.found(OWN))
        least = study.at(OWN, most).error
        raise ConfigError(
            f"no bank of up to {most} of {study.total} items reaches an error of {error:.4g} "
            f"({100 * error:.3g} points) here: {most} items err by {least:.4f}; allow a larger "
            "error, or name a number of items"
        )
    return items


def _own(settings: Settings, expect: str | None) -> str:
    """Return the name of the recipe that is expected to suit."""
    return OWN if expect is None and names_methods(settings) else expect or "any"


def make_goal(**goals: float | None) -> Goal:
    """Return the one goal that is given.

    Raises:
        ConfigError: none or several, or a number outside its range.
    """
    given = [Goal(name, value) for name, value in goals.items() if value is not None]
    if len(given) != 1:
        raise ConfigError(
            f"a plan needs one goal of {', '.join(goals)}, found "
            f"{' and '.join(one.name for one in given) or 'none'}"
        )
    (goal,) = given
    if isinstance(goal.value, bool) or not isinstance(goal.value, (int, float)):
        raise ConfigError(wrong_type(goal.name, "a number", goal.value))
    if goal.name == "items":
        if goal.value < 1 or goal.value != int(goal.value):
            raise ConfigError(f"items must be a whole number of 1 or more, found {goal.value}")
    elif not 0 < goal.value < 1:
        raise ConfigError(
            f"{goal.name} must lie between 0 and 1, in score units (1.5 percentage points are "
            f"0.015), found {goal.value}"
        )
    return goal


def _summary(study: Study, other: Study, choice: Choice, *, goal: Goal, expect: str) -> Plan:
    """Return the plan, and what is promised for a bank of all models."""
    n, recipe = choice.shown, choice.recipe
    rows = tuple(_row(study, other, name, size) for size, name in study.done())
    found = study.at(recipe, n)
    error = study.curve(recipe, "error").at(n)
    few = by_models(study, recipe, n)
    spread = np.hypot(found.standard_error, found.bank_spread) / max(found.error, 1e-12)
    relative = NormalDist().inv_cdf(0.5 + LIKELY / 2) * spread
    mine = next(one for one in rows if (one.recipe, one.items) == (recipe, n))
    return Plan(
        goal=goal.name,
        value=goal.value,
        expect=expect,
        recipe=recipe,
        items=choice.items,
        most=max(study.found(recipe)),
        promise=replace(mine, error=error),
        low=max(error * (1 - relative), 0.0),
        high=error * (1 + relative),
        rows=rows,
        models=_models_rows(few, error),
        level=study.level,
        history_error=_history_error(study),
        better=tuple(choice.better),
    )


def _row(study: Study, other: Study, recipe: str, n: int) -> PlanRow:
    found = study.at(recipe, n)
    return PlanRow(
        recipe=recipe,
        items=n,
        error=found.error,
        standard_error=found.standard_error,
        width=found.width,
        tell_apart=found.tell_apart,
        other_error=other.at(recipe, n).error if other.has(recipe, n) else float("nan"),
    )


def _models_rows(few: ByModels, error: float) -> tuple[ModelsRow, ...]:
    """Return the error by number of models, and what it may be with twice as many.

    Fewer folds were tried with fewer models, so only the ratios of their errors are used.
    """
    if len(few.errors) < 2:
        return ()
    most = max(few.errors)
    measured = [ModelsRow(m, error * one / few.errors[most], True) for m, one in few.errors.items()]
    return (*measured, ModelsRow(2 * most, error * few.factor(most, 2 * most), False))


def _history_error(study: Study) -> float:
    """Error of predicting the mean of the other models for every model."""
    scores = study.rehearsal.score
    return float(np.abs(scores - scores.mean()).mean() * len(scores) / (len(scores) - 1))
