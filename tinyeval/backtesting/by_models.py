"""How the error of a bank falls with more source models.

Banks are built from a quarter and from half of the models of every fold, and from all of them.  A
power of their number, E(m) = c m^-b, is fitted to the errors by least squares of the logarithms,
with 0 <= b <= 1/2: more models do not harm, and errors of means fall no faster than 1 / sqrt(m).
It leads to twice as many models.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinyeval.backtesting.measured import measure
from tinyeval.backtesting.study import Study

SHARES = (0.25, 0.5)
"""Shares of the source models of a fold that are tried beside all of them."""

FEWEST_MODELS = 10
"""Number of models below which a share is not tried."""

STEEPEST = 0.5


class ByModels(NamedTuple):
    """Error by number of source models.

    Attributes:
        errors: number of source models -> error measured, in score units.
        power: b in E(m) = c m^-b; 0 if too few numbers of models could be tried.
    """

    errors: dict[int, float]
    power: float

    def factor(self, of: float, to: float) -> float:
        """Return the error with ``to`` models as a share of that with ``of`` models."""
        return float((to / of) ** -self.power)


def by_models(study: Study, recipe: str, n: int) -> ByModels:
    """Measure the error of a recipe with ``n`` items by number of source models.

    Args:
        study: rehearsal on the models expected; its first repeat is used.
        recipe: name of the recipe.
        n: number of items.
    """
    whole = study.rehearsal
    sizes = [int(fold.source.sum()) for fold in whole.folds]
    folds = whole.folds[: max(study.first_repeat, 1)]
    settings = [study.recipes[recipe].replace(items=n)]
    errors = {}
    for share in (*SHARES, 1.0):
        models = share * float(np.mean(sizes))
        if share < 1 and models < FEWEST_MODELS:
            continue
        part = replace(whole, folds=folds, share=share, _kept=whole._kept if share == 1 else {})
        shown = f"{study.what}: banks of {round(models)} models"
        found = measure(part.cases(settings, study.progress, shown)[0], study.cluster, study.level)
        errors[round(found.sources)] = found.error
    return ByModels(errors, _power(errors))


def _power(errors: dict[int, float]) -> float:
    """Return b of the power law; 0 for fewer than two numbers of models."""
    if len(errors) < 2 or min(errors.values()) <= 0:
        return 0.0
    slope = np.polyfit(np.log(list(errors)), np.log(list(errors.values())), 1)[0]
    return float(np.clip(-slope, 0.0, STEEPEST))
