"""What one pass of the method learns from some source models: history -> anchors -> estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.lazy_rows import LazyRows
from tinyeval.compute.processes import ALONE, Ranks
from tinyeval.compute.row_blocks import column_squares
from tinyeval.compute.threads import one_thread
from tinyeval.config import Settings, checked_options
from tinyeval.covariance.item_covariance import forget_large
from tinyeval.estimators import get_estimator
from tinyeval.estimators.base import FittedEstimator
from tinyeval.history import History
from tinyeval.irt.ability import estimate_ability
from tinyeval.irt.model import Array, IRTFit, IRTModel
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix
from tinyeval.selection import get_selector
from tinyeval.selection.base import Anchors
from tinyeval.selection.budget import Budget, make_budget
from tinyeval.selection.choose import choose
from tinyeval.targets import make_targets

HistoryOf = Callable[[ResponseMatrix, Settings, Progress | None], History]
AnchorsOf = Callable[[History, Settings, Budget, np.random.Generator], Anchors]

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
        return self.irt.take(self.history.columns(self.anchors.items))

    def anchor_mean(self) -> Array:
        """Mean score of the source models on each anchor."""
        anchors = self.history.columns(self.anchors.items)
        return np.asarray(self.history.answers(anchors).mean(0))

    def noise(self) -> Array:
        """Standard deviation of each target due to the scatter of unasked items' answers alone.

        The scatter of an item is its mean squared residual against the IRT fit.
        """
        history = self.history
        scatter = column_squares(history.filled, history.fitted) / history.responses.n_models
        scatter[self.history.columns(self.anchors.items)] = 0.0
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


def check_settings(settings: Settings) -> None:
    """Raise :class:`ConfigError` for unknown methods or options before any work is done."""
    for section, get in (("selection", get_selector), ("estimator", get_estimator)):
        chosen = getattr(settings, section)
        checked_options(get(chosen.method), chosen.options, section)


def make_history(
    responses: ResponseMatrix,
    settings: Settings,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
) -> History:
    """Fit the IRT model and make the targets on these models alone."""
    target = settings.target
    targets = make_targets(
        responses,
        target.column,
        target.benchmark_weights,
        columns=target.columns,
        average=target.average,
    )
    fit = fit_model(responses, settings, progress, ranks)
    return History(responses, targets, fit, settings.interval.groups, ranks)


def choose_anchors(
    history: History, settings: Settings, budget: Budget, rng: np.random.Generator
) -> Anchors:
    """Choose the anchors as the settings say."""
    select = get_selector(settings.selection.method)
    return choose(select, history, budget, rng=rng, options=settings.selection.options)


def learn(
    responses: ResponseMatrix,
    settings: Settings,
    progress: Progress | None = None,
    history_of: HistoryOf = make_history,
    anchors_of: AnchorsOf | None = None,
    budget: Budget | None = None,
) -> Learned:
    """Fit, select and fit the estimator on these models alone, within a budget of their own.

    ``history_of`` and ``anchors_of`` take the two costly steps; a caller that learns several
    methods from the same models passes ones that remember (:mod:`tinyeval.backtesting.trial`).
    """
    check_settings(settings)
    rng, fit = np.random.default_rng(settings.seed), get_estimator(settings.estimator.method)
    budget = budget or make_budget(settings, responses.items)
    _load_fit(settings)
    with one_thread(responses.scores.size):
        history = history_of(responses, settings, progress)
        anchors = (anchors_of or choose_anchors)(history, settings, budget, rng)
        estimator = fit(history, anchors, rng=rng, **settings.estimator.options)
        forget_large(history)
        return Learned(history, anchors, estimator)


def fit_model(
    responses: ResponseMatrix,
    settings: Settings,
    progress: Progress | None,
    ranks: Ranks = ALONE,
) -> IRTFit:
    """Fit the IRT model that the settings ask for."""
    fit = _load_fit(settings)
    options: dict[str, Any] = {"dimensions": min(settings.irt.dimensions)}
    if settings.irt.method == "map":
        options = {"dimensions": settings.irt.dimensions, "block_size": settings.irt.block_size}
        options["ranks"] = ranks
    return fit(
        responses,
        guessing=settings.irt.guessing,
        seed=settings.seed,
        device=settings.device,
        progress=progress,
        **options,
    )


def _load_fit(settings: Settings) -> Callable[..., IRTFit]:
    """Return the function that fits; torch is imported here and not before."""
    if settings.irt.method == "pyro":
        from tinyeval.irt.posterior import fit_posterior

        return fit_posterior
    from tinyeval.irt.fit import fit_irt

    return fit_irt
