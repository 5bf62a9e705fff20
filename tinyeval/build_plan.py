"""The plan of a build: the settings, resolved against the results and checked once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyeval.config import Settings, checked_options
from tinyeval.estimators import get_estimator
from tinyeval.estimators.base import FittedEstimator
from tinyeval.groups import check_groups
from tinyeval.history import History
from tinyeval.responses import ResponseMatrix
from tinyeval.selection import get_selector
from tinyeval.selection.base import Anchors
from tinyeval.selection.budget import Budget, make_budget
from tinyeval.selection.choose import choose
from tinyeval.targets import OVERALL, Targets, make_targets


@dataclass(frozen=True)
class BuildPlan:
    """What a build does with some responses.

    Attributes:
        settings: every choice, known to be possible.
        budget: number, cost and quotas of the anchors.
    """

    settings: Settings
    budget: Budget

    @classmethod
    def of(cls, settings: Settings, responses: ResponseMatrix) -> BuildPlan:
        """Resolve settings, whose methods are known, for the responses of all source models.

        Raises:
            ConfigError: unknown groups or target columns, more anchors than there are items, a
                budget or quotas that cannot be met.
            DataError: a column of costs, groups or targets that is missing or cannot be used.
        """
        plan = cls(settings, make_budget(settings, responses.items))
        check_groups(responses.models, settings.interval.groups)
        plan.targets(responses)
        return plan

    def within(self, part: ResponseMatrix, dimensions: int) -> BuildPlan:
        """Return the plan for a part of the models, on the items that these answered.

        Args:
            part: it may lack an item that one model alone answered, or all of a benchmark's.
            dimensions: of the IRT model, which are not chosen again.
        """
        columns = self.settings.target.columns
        there = {name: columns[name] for name in columns if name in (OVERALL, *part.benchmarks)}
        settings = self.settings.replace(
            irt={"dimensions": [dimensions]}, target={"columns": there}
        )
        return replace(self, settings=settings, budget=self.budget.within(part.items))

    def targets(self, responses: ResponseMatrix) -> Targets:
        """Make the targets of these responses."""
        target = self.settings.target
        return make_targets(
            responses,
            target.column,
            target.benchmark_weights,
            columns=target.columns,
            average=target.average,
        )

    def choose_anchors(self, history: History, rng: np.random.Generator) -> Anchors:
        """Choose the anchors by the selector of the settings."""
        selection = self.settings.selection
        select = get_selector(selection.method)
        return choose(select, history, self.budget, rng=rng, options=selection.options)

    def fit_estimator(
        self, history: History, anchors: Anchors, rng: np.random.Generator
    ) -> FittedEstimator:
        """Fit the estimator of the settings."""
        estimator = self.settings.estimator
        options: dict[str, Any] = estimator.options
        return get_estimator(estimator.method)(history, anchors, rng=rng, **options)


def check_methods(settings: Settings) -> None:
    """Raise :class:`ConfigError` for unknown methods or options; no results are needed for it."""
    for section, get in (("selection", get_selector), ("estimator", get_estimator)):
        chosen = getattr(settings, section)
        checked_options(get(chosen.method), chosen.options, section)
