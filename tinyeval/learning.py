"""Learning from some source models: history -> anchors -> fitted estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinyeval.build_plan import BuildPlan
from tinyeval.compute.arrays import Array
from tinyeval.compute.lazy_rows import LazyRows
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.compute.row_blocks import column_means, column_squares
from tinyeval.compute.threads import one_thread
from tinyeval.config import Settings
from tinyeval.covariance.run_noise import run_noise
from tinyeval.estimators.answered import Answered
from tinyeval.estimators.base import FittedEstimator
from tinyeval.history import History
from tinyeval.irt.ability import estimate_ability
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import Anchors
from tinyeval.tables import Table

HistoryOf = Callable[[ResponseMatrix, BuildPlan, Progress | None], History]
AnchorsOf = Callable[[BuildPlan, History, np.random.Generator], Anchors]

ENOUGH_ITEMS = 5000
"""Number of items that estimate the ability of a held-out model with missing answers."""


@dataclass(frozen=True)
class Learned:
    """History, anchors and fitted estimator."""

    history: History
    anchors: Anchors
    estimator: FittedEstimator

    @property
    def irt(self) -> IRTModel:
        """The item parameters of all items."""
        return self.history.fit.model

    def anchor_model(self) -> IRTModel:
        """The item parameters of the anchors, in their order."""
        return self.irt.take(self.history.positions(self.anchors.items))

    def item_table(self) -> Table:
        """Return the items table with ``mean_score`` and ``weight``."""
        items = self.history.responses.items
        mean = column_means(self.history.filled)
        return items.with_columns(mean_score=mean, weight=items.column("weight", 1.0))

    def anchor_mean(self) -> Array:
        """Return the source models' mean score on each anchor."""
        anchors = self.history.positions(self.anchors.items)
        return np.asarray(self.history.answers(anchors).mean(0))

    def noise(self) -> Array:
        """Standard deviation of each target due to the scatter of the unasked items' answers.

        The scatter of an item is its mean squared residual from the IRT fit, without run noise
        where that is known.
        """
        history, repeated = self.history, run_noise(self.history)
        scatter = column_squares(history.filled, history.fitted) / history.responses.n_models
        if repeated is not None:
            scatter = np.maximum(scatter - repeated.single * repeated.inverse, 0.0)
        scatter[self.history.positions(self.anchors.items)] = 0.0
        return np.asarray(np.sqrt(self.history.targets.own**2 @ scatter))


def anchor_answers(learned: Learned, models: ResponseMatrix) -> Answered:
    """Return the models' answers on the anchors."""
    return Answered.on(learned.anchors.items, models)


def true_targets(learned: Learned, models: ResponseMatrix) -> Array:
    """Return full scores of models that answered (nearly) everything, NaN for other models.

    The few missing answers are replaced by fitted probabilities at the model's own ability.
    """
    scores, targets = models.align(learned.irt.items), learned.history.targets
    # a few thousand answers determine the ability; more would only take time
    some = np.arange(0, scores.shape[1], -(-scores.shape[1] // ENOUGH_ITEMS))
    irt = learned.irt.take(some)

    def filled(cut: slice) -> Array:
        slab = scores[cut].astype(np.float64)
        missing = np.isnan(slab)
        if missing.any():
            ability = estimate_ability(irt, slab[:, some])
            slab = np.where(missing, learned.irt.probability(ability.mean), slab)
        return slab

    values = targets.values(models, LazyRows(scores.shape, filled))
    return np.where(targets.are_known(scores), values, np.nan)


def learn(
    responses: ResponseMatrix,
    plan: BuildPlan,
    progress: Progress | None = None,
    *,
    history_of: HistoryOf | None = None,
    anchors_of: AnchorsOf | None = None,
    processes: Processes = ALONE,
) -> Learned:
    """Learn from these models alone: history -> anchors -> fitted estimator.

    Args:
        responses: responses of the source models; every model and item has an answer.
        plan: plan for these responses.
        progress: called with (done, total, what).
        history_of, anchors_of: the two costly steps; a caller that learns several methods from the
            same models passes functions that remember (:mod:`tinyeval.backtesting.trial`).
        processes: processes that make the same call; they share the fit unless ``history_of`` is
            given.
    """
    history_of = history_of or partial(make_history, processes=processes)
    rng = np.random.default_rng(plan.settings.seed)
    with one_thread(responses.scores.size):
        history = history_of(responses, plan, progress)
        anchors = (anchors_of or BuildPlan.choose_anchors)(plan, history, rng)
        estimator = plan.fit_estimator(history, anchors, rng)
        history.release()
    return Learned(history, anchors, estimator)


def make_history(
    responses: ResponseMatrix,
    plan: BuildPlan,
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> History:
    """Make the targets of these models, and fit the IRT model to them alone.

    Args:
        responses: responses of the source models.
        plan: plan for these responses.
        progress: called with (done, total, what).
        processes: processes that make the same call; they share the fit.
    """
    responses = responses.sorted()
    if plan.settings.soft == "off":
        responses = responses.without_soft()
    fit = fit_model(responses, plan.settings, progress, processes)
    return History(
        responses, plan.targets(responses), fit, plan.settings.interval.groups, processes
    )


def fit_model(
    responses: ResponseMatrix,
    settings: Settings,
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> IRTFit:
    """Fit the IRT model that the settings ask for."""
    irt = settings.irt
    options: dict[str, Any] = {
        "guessing": irt.guessing,
        "seed": settings.seed,
        "device": settings.device,
        "progress": progress,
    }
    if irt.method == "pyro":
        from tinyeval.irt.posterior import fit_posterior

        return fit_posterior(responses, dimensions=min(irt.dimensions), **options)
    from tinyeval.irt.fit import fit_irt

    return fit_irt(
        responses,
        dimensions=irt.dimensions,
        block_size=irt.block_size,
        processes=processes,
        **options,
    )
