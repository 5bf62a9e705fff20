"""What one pass of the method learns from some source models, before any calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.computed import Computed
from tinyeval.estimators.base import FittedEstimator
from tinyeval.history import History
from tinyeval.irt.ability import Ability, estimate_ability
from tinyeval.irt.model import Array, IRTModel
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import Anchors
from tinyeval.slabs import column_squares

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

    values = targets.values(models, Computed(scores.shape, filled))
    known = targets.known(Computed(scores.shape, lambda cut: ~np.isnan(scores[cut])))
    return np.where(known >= MIN_KNOWN, values, np.nan)


def surprise(answers: NDArray, ability: Ability) -> Array:
    """How much worse the IRT model predicts some answers than a constant does, per answer.

        (log p(y | mean of y) - log p(y | IRT model)) / answers

    with the evidence of the IRT model, its prior over abilities included, on the right.  Answers
    that fit are predicted better than by their mean, so it is below 0; where they belong to other
    items, or are given at random, the items' parameters mislead and it rises.

    Args:
        answers: shape (models, anchors), NaN where unanswered, at least one answer per model.
        ability: estimated from them.

    Returns:
        shape (models,), in nats.
    """
    n = (~np.isnan(answers)).sum(1)
    mean = np.clip(np.nanmean(answers, axis=1), 0.5 / n, 1 - 0.5 / n)  # finite if all are alike
    right = np.nansum(answers, axis=1)
    constant = right * np.log(mean) + (n - right) * np.log1p(-mean)
    return np.asarray((constant - ability.log_evidence) / n)
