"""The forms of a continuation: what is asked after the first block, learned from source models.

The first block is the first half of the fixed set, so that every prefix of the fixed set is a first
block too, and the fixed set itself is the form of undecided models.  The other forms go on from the
first block by greedy optimal design (:mod:`tinyeval.selection.optimal_design`), conditional on it:

    within   under no drift: what tells source models apart
    below    under large drift, with the covariance of the weakest third of the source models
    above    the same, of the strongest third

The constants below were chosen on source models alone (paper_repro/stages.md).

One estimator, fitted on the union of all forms, reads every form and every mixture of them: kriging
conditions on exactly what was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyeval.build_plan import BuildPlan
from tinyeval.compute.row_blocks import column_means
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ConfigError
from tinyeval.estimators.stack import Stack, fit_stack
from tinyeval.history import History
from tinyeval.learning import Learned
from tinyeval.selection.base import equal_weights
from tinyeval.selection.budget import Allowance, item_costs
from tinyeval.selection.large_share import care, stratified
from tinyeval.selection.optimal_design import greedy_design
from tinyeval.stages.policy import FORMS, Policy, Reading

FIRST = 0.5
"""Share of the anchors in the first block."""

DRIFT = {"within": (0.0,), "below": (1.0,), "above": (1.0,)}
"""Drift sizes under which each form is designed, in score units."""

LOW, HIGH = 0.2, 0.4
"""Gates below and above which a model counts as within the range, and as beyond it."""

MANY, SURE = 40, 0.1
"""From a first block of MANY items on, which places a model more surely, LOW is SURE."""

CALM = 25.0
"""Drift is less probable by this factor for a model that the first block found within the range."""

FEW, ODDS = 10, 4.0
"""A prior density beyond the range is ODDS times as high for a model that the first block found
beyond it, if that block had FEW items or more."""

THIRD, LEAST = 1 / 3, 8
"""Share of the source models, and their least number, whose covariance designs a form beyond."""

FEWEST = 4
"""Fewest anchors that can be asked in two stages."""

COVARIANCE = ("irt_share", "shrinkage", "length", "unsolved")
"""Options of the design that are the covariance's."""


@dataclass(frozen=True, eq=False)
class Forms:
    """What was learned beside the fixed set.

    Attributes:
        policy: chooses the form.
        items: ids of the fixed set, in order, then of all other items of the forms.
        asked: form -> ids that it asks after the first block, in order.
        readings: form -> how it is read.
        estimator: fitted on ``items``.
    """

    policy: Policy
    items: tuple[str, ...]
    asked: Mapping[str, tuple[str, ...]]
    readings: Mapping[str, Reading]
    estimator: Stack


def check_stages(plan: BuildPlan, learned: Learned) -> None:
    """Raise :class:`ConfigError` unless what was learned can be asked in two stages."""
    settings = plan.settings
    if settings.selection.method != "optimal_design" or not isinstance(learned.estimator, Stack):
        raise ConfigError(
            "stages: 2 needs the default methods, selection optimal_design and estimator stack; "
            f"found {settings.selection.method} and {settings.estimator.method}: change them, "
            "leave out --expect similar, which chooses others, or leave stages at 1"
        )
    if learned.estimator.repeats is not None:
        raise ConfigError(
            "stages: 2 cannot be calibrated yet for a history of repeated runs; leave stages at 1"
        )
    if settings.certify is not None:
        raise ConfigError(
            "certify draws items once all anchors are answered, and stages: 2 does not ask them "
            "all: leave one of the two out"
        )
    if len(learned.anchors) < FEWEST:
        raise ConfigError(
            f"stages: 2 needs at least {FEWEST} anchors, found {len(learned.anchors)}; ask for "
            "more items, or leave stages at 1"
        )


def learn_forms(learned: Learned, plan: BuildPlan) -> Forms:
    """Choose the items of every form, and fit the estimator of their union.

    Args:
        learned: fixed set and history of the source models.
        plan: under which it was learned.
    """
    history, anchors = learned.history, learned.anchors.items
    first = max(round(FIRST * len(anchors)), 2)
    block = history.positions(anchors[:first])
    scores = history.target_values[:, 0]
    parts = {"within": history, "below": _third(history, -scores), "above": _third(history, scores)}
    ids = history.responses.items.ids
    asked = {
        name: tuple(
            ids[k] for k in _form(history, parts[name], plan, block.tolist(), DRIFT[name])[first:]
        )
        for name in FORMS
    }
    items = tuple(dict.fromkeys([*anchors, *(one for name in FORMS for one in asked[name])]))
    options: dict[str, Any] = plan.settings.estimator.options
    rng = np.random.default_rng([plan.settings.seed, 2])
    estimator = fit_stack(history, equal_weights(items), rng=rng, **options)
    low, far = SURE if first >= MANY else LOW, Reading(ODDS if first >= FEW else 1.0, 1.0)
    policy = Policy(first, low, HIGH, float(np.median(scores)))
    readings = {"within": Reading(1.0, CALM), "below": far, "above": far}
    return Forms(policy, items, asked, readings, estimator)


def _third(history: History, scores: np.ndarray[Any, Any]) -> History:
    """Return the history of the models with the highest ``scores``."""
    n = min(max(round(THIRD * len(scores)), LEAST), len(scores))
    # scores that tie but for rounding keep the models' order
    order = np.argsort(np.round(-scores, 9), kind="stable")
    return history.take(np.sort(order[:n]))


def _form(
    history: History, part: History, plan: BuildPlan, block: list[int], drift: tuple[float, ...]
) -> list[int]:
    """Return the positions of the first block and of what a form asks after it.

    Args:
        history: of all source models.
        part: of those whose covariance designs the form.
        plan: of the fixed set.
        block: positions of the first block.
        drift: sizes for which the form is designed.
    """
    options = plan.settings.selection.options
    budget, items = plan.budget, part.responses.items
    priced = bool(np.isfinite(budget.cost))
    price = item_costs(items, budget.cost_column) if priced else 1.0
    known = {k: v for k, v in options.items() if k in COVARIANCE and v is not None}
    if "unsolved" not in known and not priced and max(drift) > 0:  # as in the fixed set
        known["unsolved"] = care(budget.items, len(items))
        if not budget.quotas:
            budget, items = stratified(budget, items.ids, column_means(history.filled))
    covariance = item_covariance(part, **known)
    return greedy_design(covariance, drift, Allowance(budget, items), price, known=block).chosen
