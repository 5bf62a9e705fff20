"""The studies that a plan makes: held-out models within the range of the history, and beyond it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyeval.backtesting.backtest import method_settings
from tinyeval.backtesting.choice import MEAN, RIDGE
from tinyeval.backtesting.rehearsal import Rehearsal, beyond_folds, random_folds
from tinyeval.backtesting.study import Study
from tinyeval.build_plan import BuildPlan, check_methods
from tinyeval.calibration.folds import Fold
from tinyeval.compute.arrays import Array
from tinyeval.compute.progress import Progress
from tinyeval.config import Settings
from tinyeval.config.expect import for_models
from tinyeval.errors import ConfigError
from tinyeval.families import find_families
from tinyeval.groups import number_groups
from tinyeval.learning import make_history
from tinyeval.responses import ResponseMatrix

ENOUGH_CASES = 600
"""Held-out predictions after which no further repeat of the folds is made."""

MOST_REPEATS = 3


def other_recipes(base: Settings, own: str) -> dict[str, Settings]:
    """Return the recipes that are measured beside the one expected to suit."""
    words = {"any": ("similar",), "similar": ("any",), "beyond": ("any",), "recipe": ()}[own]
    found = {word: for_models(base, word) for word in words}
    return found | {name: method_settings(name, base) for name in (RIDGE, MEAN)}


class _Known(NamedTuple):
    """What is fitted once, on all models of the history; near copies are groups."""

    responses: ResponseMatrix
    settings: Settings
    dimensions: int
    score: Array  # (models,)


def _fit(responses: ResponseMatrix, settings: Settings, progress: Progress | None) -> _Known:
    """Choose the dimensions, and compute the score of every model."""
    responses, settings, _ = find_families(responses, settings)
    plan = BuildPlan.of(settings.replace(items=1), responses)
    plan.check_known(responses)
    history = make_history(responses, plan, progress)
    return _Known(responses, settings, history.fit.model.dimensions, history.target_values[:, 0])


def make_studies(
    responses: ResponseMatrix,
    recipes: dict[str, Settings],
    own: str,
    repeats: int | None,
    progress: Progress | None,
) -> tuple[Study, Study]:
    """Return the studies of held-out models within the range, and of those beyond it.

    ``responses`` are those of usable models (:func:`tinyeval.source_models.usable`).
    """
    settings = recipes[own]
    check_methods(settings)
    if settings.budget is not None or settings.quotas.anchors is not None:
        raise ConfigError(
            "a plan varies the number of items and knows no cost budget and no quotas; leave them "
            "out, and give them to build"
        )
    known = _fit(responses, settings, progress)
    settings = known.settings
    if repeats is None:
        repeats = min(max(ENOUGH_CASES // known.responses.n_models, 1), MOST_REPEATS)
    cluster = number_groups(
        known.responses.models, settings.interval.groups, np.random.default_rng(settings.seed)
    )

    def study(folds: tuple[Fold, ...], first: int, what: str) -> Study:
        rehearsal = Rehearsal(known.responses, settings, known.dimensions, known.score, folds)
        return Study(rehearsal, recipes, cluster, settings.interval.level, first, what, progress)

    inside = random_folds(known.responses, known.score, settings, repeats)
    beyond = beyond_folds(known.responses, known.score, settings)
    return (
        study(inside, len(inside) // repeats, "held-out models"),
        study(beyond, len(beyond), "models beyond the range"),
    )
