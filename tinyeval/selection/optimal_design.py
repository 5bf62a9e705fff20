"""Optimal design under drift: the default selection.

A target is a linear functional of the answers, so with an item covariance C the answer to item j
removes c_j^2 / v_j of the target's variance (c = cov(item, target), v = the item's variance given
the items already chosen).  Take the best item, condition C on it, repeat: greedy A-optimal design
by pivoted Cholesky (Krause, Singh and Guestrin 2008 for the greedy), O(n * items * rank).

A single C is not enough: a design for models like the source models fails on stronger models.  So
the gain is summed over several hypotheses of how far a new model drifts from them.  Under each
hypothesis it is measured as a share of the variance still open, so that no hypothesis dominates and
the anchors are good under all.

Where a large share of the benchmark is asked, the design is held to its strata of difficulty
(:mod:`tinyeval.selection.large_share`).

If items have costs, gains are divided by costs.  If groups of items have quotas, the best item is
taken among those that leave every quota within reach.

If soft scores are known, models like the source models can be told apart, so no drift is one of the
hypotheses.  With ``blocks``, every item then counts with its answer and its soft score
(:mod:`tinyeval.selection.soft_design`), for models with soft scores and for models without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinyeval.compute.arrays import Array
from tinyeval.covariance.item_covariance import ItemCovariance, check_drift, item_covariance
from tinyeval.covariance.soft import SoftCovariance, soft_covariance
from tinyeval.history import History
from tinyeval.selection.base import Anchors, check_budget, equal_weights
from tinyeval.selection.budget import Allowance, Budget, item_costs
from tinyeval.selection.large_share import care, stratified
from tinyeval.selection.soft_design import SoftHypothesis
from tinyeval.tables import Table

PLACE_PRICES = (0.0, 0.5, 2.0, 8.0, 32.0)
"""Prices of a place among the anchors that are tried, in units of the median cost of an item."""


class _Hypothesis:
    """A drift hypothesis: covariances conditional on the anchors chosen so far."""

    def __init__(self, covariance: ItemCovariance, s: float, n: int) -> None:
        self.covariance = covariance
        self.s = s
        self.cross = covariance.with_targets(s)  # (items, targets)
        self.variance = covariance.variance(s)  # (items,)
        self.start = self.variance.copy()
        self.open = np.maximum(covariance.target_variance(s), 1e-12)  # (targets,)
        self.scale = _importance(len(self.open)) / self.open
        self.columns = np.zeros((n, len(self.variance)))
        self.used = 0

    def gains(self) -> Array:
        """Share of the targets' open variance that each item would remove.

        Each target counts in units of its initial variance, so that a benchmark that is nearly
        known does not take anchors from the others.
        """
        usable = self.variance > 1e-9 * np.maximum(self.start, 1e-9)
        removed = self.cross**2 @ self.scale / np.maximum(self.variance, 1e-12)
        return np.where(usable, removed / (self.open @ self.scale), 0.0)

    def condition(self, k: int, parts: tuple[Array, Array]) -> None:
        """Condition on the answer to item ``k``; ``parts`` are its ``row_parts``."""
        if self.variance[k] <= 1e-9 * max(self.start[k], 1e-9):
            return
        done = self.columns[: self.used]
        row = self.covariance.row(k, self.s, parts)
        column = (row - done[:, k] @ done) / np.sqrt(self.variance[k])
        gain = self.cross[k] / np.sqrt(self.variance[k])
        self.open = np.maximum(self.open - gain**2, 1e-12)
        self.cross = self.cross - column[:, None] * gain
        self.variance = np.maximum(self.variance - column**2, 0.0)
        self.columns[self.used] = column
        self.used += 1


def _importance(targets: int) -> Array:
    """Weights of the targets: half for the overall score, half for the benchmarks together."""
    if targets == 1:
        return np.ones(1)
    return np.concatenate([[0.5], np.full(targets - 1, 0.5 / (targets - 1))])


class Design(NamedTuple):
    """Chosen positions, best first, and the share of variance left, summed over hypotheses."""

    chosen: list[int]
    left_open: float


def _hypotheses(
    covariance: ItemCovariance | SoftCovariance, drift: Sequence[float], n: int
) -> list[_Hypothesis | SoftHypothesis]:
    """Return what the gain is summed over: models with soft scores count besides those without."""
    if not isinstance(covariance, SoftCovariance):
        return [_Hypothesis(covariance, s, n) for s in drift]
    hard = covariance.hard
    both = [SoftHypothesis(_Hypothesis(hard, s, 0), covariance, n) for s in drift]
    return [*(_Hypothesis(hard, s, n) for s in drift), *both]


def greedy_design(
    covariance: ItemCovariance | SoftCovariance,
    drift: Sequence[float],
    allowance: Allowance,
    price: Array | float = 1.0,
    known: Sequence[int] = (),
) -> Design:
    """Take the item with the largest gain per price, as long as any is allowed.

    Args:
        covariance: item covariance of the source models, with soft scores where they are known.
        drift: standard deviations of the drift hypotheses, in score units.
        allowance: allowance for the items of ``covariance``, in their order; it is used up.
        price: price of every item, shape (items,), positive.
        known: positions of items that are asked anyway; they use up the allowance and come first.
    """
    hypotheses = _hypotheses(covariance, drift, allowance.most)
    chosen: list[int] = []

    def take(k: int) -> None:
        allowance.spend(k)
        chosen.append(k)
        parts = covariance.row_parts(k)
        for one in hypotheses:
            one.condition(k, parts)

    for k in known:
        take(k)
    while (may := allowance.allowed()).any():
        gains = sum((one.gains() for one in hypotheses), np.zeros(len(allowance.free))) / price
        take(int(np.argmax(np.where(may, gains, -1.0))))
    return Design(chosen, sum(float(one.open @ one.scale) for one in hypotheses))


def thrifty_design(
    covariance: ItemCovariance | SoftCovariance,
    drift: Sequence[float],
    budget: Budget,
    items: Table,
) -> Design:
    """Return the best of several greedy designs within a cost.

    Greedy choice by gain per cost can be far from optimal (it may miss a dear item that is worth
    its cost), and so can greedy choice by gain; the better of the two is near the optimum (Leskovec
    et al. 2007).  If the number of anchors is limited too, and gain per cost reaches that limit
    before the budget, a place among the anchors gets a price as well.
    """
    best = greedy_design(covariance, drift, Allowance(budget, items))
    cost = item_costs(items, budget.cost_column)
    for place in PLACE_PRICES:
        price = cost + place * np.median(cost)
        design = greedy_design(covariance, drift, Allowance(budget, items), price)
        best = min(best, design, key=lambda one: one.left_open)
        if len(design.chosen) < budget.items:
            break
    return best


def select_optimal_design(
    history: History,
    n: int,
    *,
    rng: np.random.Generator,
    budget: Budget | None = None,
    drift: Sequence[float] = (0.03, 0.1, 0.3),
    irt_share: float = 0.5,
    shrinkage: float = 0.3,
    length: float = 1.0,
    unsolved: float | None = None,
    blocks: bool = False,
) -> Anchors:
    """Choose ``n`` items by greedy optimal design; ``rng`` is not used.

    Args:
        history: source models only.
        n: number of anchors; with costs, the largest number.
        rng: for the :class:`Selector` protocol; the design is deterministic.
        budget: limits on cost and numbers by group.
        drift: standard deviations of the drift hypotheses, in score units; 0 stands for models like
            the source models.
        irt_share, shrinkage, length: options of :func:`item_covariance`.
        unsolved: the same.  None: it grows with the share of the benchmark that is asked, and so
            do the quotas of strata (:mod:`tinyeval.selection.large_share`), unless the cost is
            limited, there is no drift, or a score is known from elsewhere; a number: it is this
            size, and there are no strata.
        blocks: if the history has soft scores, count every item with its answer and its soft score.

    Raises:
        ConfigError: ``n`` larger than the benchmark, or a drift that is negative or missing.
    """
    check_budget(history, n)
    check_drift(drift)
    budget = Budget(n) if budget is None else replace(budget, items=n)
    options = {"irt_share": irt_share, "shrinkage": shrinkage, "length": length}
    items, limited = history.responses.items, bool(np.isfinite(budget.cost))
    whole = not history.targets.external.any()  # else the benchmark has more items than these
    careful = unsolved is None and not limited and max(drift) > 0 and whole
    own = care(n, len(items)) if careful else unsolved or 0.0
    hard = item_covariance(history, **options, unsolved=own)
    if careful and not budget.quotas:
        budget, items = stratified(budget, hard.items, hard.mean)
    soft = soft_covariance(history, **options, unsolved=own)
    covariance = hard if soft is None or not blocks else soft
    if soft is not None:
        drift = sorted({0.0, *drift})
    if limited:
        chosen = thrifty_design(covariance, drift, budget, items).chosen
    else:
        chosen = greedy_design(covariance, drift, Allowance(budget, items)).chosen
    return equal_weights(tuple(covariance.items[k] for k in chosen))
