"""What one pass of the method learns from some source models: history -> anchors -> estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.build_plan import BuildPlan
from tinyeval.compute.lazy_rows import LazyRows
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.compute.row_blocks import column_means, column_squares
from tinyeval.compute.threads import one_thread
from tinyeval.config import Settings
from tinyeval.estimators.base import FittedEstimator
from tinyeval.history import History
from tinyeval.irt.ability import estimate_ability
from tinyeval.irt.model import Array, IRTFit, IRTModel
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import Anchors
from tinyeval.tables import Table

HistoryOf = Callable[[ResponseMatrix, BuildPlan, Progress | None], History]
AnchorsOf = Callable[[BuildPlan, History, np.random.Generator], Anchors]

MIN_KNOWN = 0.6
"""Share of a target's weight that a held-out model must have answered to be calibrated on."""

ENOUGH_ITEMS = 5000
"""Answers from which a held-out model's ability is estimated where some are missing."""


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
        """What is known of every item, and its mean score."""
        items = self.history.responses.items
        mean = column_means(self.history.filled)
        return items.with_columns(mean_score=mean, weight=items.column("weight", 1.0))

    def anchor_mean(self) -> Array:
        """Mean score of the source models on each anchor."""
        anchors = self.history.positions(self.anchors.items)
        return np.asarray(self.history.answers(anchors).mean(0))

    def noise(self) -> Array:
        """Standard deviation of each target due to the scatter of unasked items' answers alone.

        The scatter of an item is its mean squared residual against the IRT fit.
        """
        history = self.history
        scatter = column_squares(history.filled, history.fitted) / history.responses.n_models
        scatter[self.history.positions(self.anchors.items)] = 0.0
        return np.asarray(np.sqrt(self.history.targets.own**2 @ scatter))


def anchor_answers(learned: Learned, models: ResponseMatrix) -> NDArray[np.float64]:
    """Answers of some models on the anchors, shape (models, anchors), NaN where unanswered."""
    return models.align(learned.anchors.items).astype(np.float64)


def true_targets(learned: Learned, models: ResponseMatrix) -> Array:
    """Full-benchmark scores of models that answered (nearly) everything, NaN for the others.

    The few missing answers are replaced by the probabilities that the model's own answers imply.
    """
    scores, targets = models.align(learned.irt.items), learned.history.targets
    # a few thousand answers tell the ability; the others would add time and nothing else
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
    known = targets.known(LazyRows(scores.shape, lambda cut: ~np.isnan(scores[cut])))
    return np.where(known >= MIN_KNOWN, values, np.nan)


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
        responses: of the source models; every model and item has an answer.
        plan: made for these responses.
        progress: called with (done, total, what).
        history_of, anchors_of: take the two costly steps; a caller that learns several methods
            from the same models passes ones that remember (:mod:`tinyeval.backtesting.trial`).
        processes: that were given the same, and share the fit unless ``history_of`` makes it.
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
        responses: of the source models.
        plan: made for these responses.
        progress: called with (done, total, what).
        processes: that were given the same; they share the fit.
    """
    responses = responses.sorted()
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
