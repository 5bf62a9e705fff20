"""The plan of a build: the settings, resolved against the results and checked once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyeval.certified import check_certifiable
from tinyeval.config import Settings, checked_options
from tinyeval.errors import DataError
from tinyeval.estimators import get_estimator
from tinyeval.estimators.base import FittedEstimator
from tinyeval.groups import AUTO, check_groups
from tinyeval.history import History
from tinyeval.responses import ResponseMatrix
from tinyeval.selection import get_selector
from tinyeval.selection.base import Anchors
from tinyeval.selection.budget import Budget, make_budget
from tinyeval.selection.choose import choose
from tinyeval.source_models import MIN_MODELS
from tinyeval.targets import MIN_KNOWN, OVERALL, Targets, make_targets


@dataclass(frozen=True)
class BuildPlan:
    """The settings of a build, resolved for some responses.

    Attributes:
        settings: the settings, checked against the responses.
        budget: number, cost and quotas of the anchors.
    """

    settings: Settings
    budget: Budget

    @classmethod
    def of(cls, settings: Settings, responses: ResponseMatrix) -> BuildPlan:
        """Resolve settings with known methods for the responses of all source models.

        Groups that are to be found must have been (:func:`tinyeval.families.find_families`);
        otherwise each model is a group of its own.

        Raises:
            ConfigError: unknown groups or target columns, more anchors than items, or a budget or
                quotas that cannot be met.
            DataError: a column of costs, groups or targets that is missing or unusable, or more
                items to be drawn for a model than there are.
        """
        if settings.interval.groups == AUTO:
            settings = settings.replace(interval={"groups": None})
        plan = cls(settings, make_budget(settings, responses.items))
        check_groups(responses.models, settings.interval.groups)
        targets = plan.targets(responses)
        if settings.certify is not None:
            draws = settings.certify.draws(responses.n_items)
            check_certifiable(targets, draws, settings.items or 0)
        return plan

    def within(self, part: ResponseMatrix, dimensions: int) -> BuildPlan:
        """Return the plan for some of the models, on the items that they answered.

        Args:
            part: responses of these models; it may lack single items or a whole benchmark.
            dimensions: number of dimensions of the IRT model, which is not chosen again.
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

    def check_known(self, responses: ResponseMatrix) -> None:
        """Raise unless enough models answered enough for a calibration.

        Args:
            responses: of the source models.

        Raises:
            DataError: the true score of fewer than MIN_MODELS models is known.
        """
        known = int(self.targets(responses).are_known(responses.scores).all(axis=1).sum())
        if known < MIN_MODELS:
            raise DataError(
                f"{known} of {responses.n_models} models answered {100 * MIN_KNOWN:g} % of every "
                f"benchmark or more, and {MIN_MODELS} are needed, because intervals are calibrated "
                "on models whose full scores are known: drop items or models with few answers, or "
                "name a column of known full scores (--target)"
            )

    def choose_anchors(self, history: History, rng: np.random.Generator) -> Anchors:
        """Choose anchors with the selector in the settings."""
        selection = self.settings.selection
        select = get_selector(selection.method)
        return choose(select, history, self.budget, rng=rng, options=selection.options)

    def fit_estimator(
        self, history: History, anchors: Anchors, rng: np.random.Generator
    ) -> FittedEstimator:
        """Fit the estimator in the settings."""
        estimator = self.settings.estimator
        options: dict[str, Any] = estimator.options
        return get_estimator(estimator.method)(history, anchors, rng=rng, **options)


def check_methods(settings: Settings) -> None:
    """Raise :class:`ConfigError` for unknown methods or options; needs no results."""
    for section, get in (("selection", get_selector), ("estimator", get_estimator)):
        chosen = getattr(settings, section)
        checked_options(get(chosen.method), chosen.options, section)
