"""Choosing anchors within a budget, with any selector.

A selector that takes a ``budget`` keeps to it itself.  Any other selector only chooses a number of
items.

* With quotas, it runs inside each group by itself.  The group gets a number of items in proportion
  to its weight, within its bounds, and the groups' orders are merged evenly.
* With costs, it runs for about as many items as the budget pays for.  Its order is followed, items
  that no longer fit are left out, and it runs again for more items while money is left.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.history import History
from tinyeval.selection.base import Anchors, Selector, scaled
from tinyeval.selection.budget import Allowance, Budget
from tinyeval.selection.random import allocate
from tinyeval.tables import Table
from tinyeval.targets import named_groups

SPENT = 0.9
"""Share of the budget that a choice should use, if items that still fit can use it."""


def choose(
    select: Selector,
    history: History,
    budget: Budget,
    *,
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> Anchors:
    """Choose anchors that keep to a budget.

    Args:
        select: the selector.
        history: source models only.
        budget: number, cost and quotas of the anchors.
        rng: random generator of the selector.
        options: options of the selector.

    Raises:
        ConfigError: a budget that does not pay for the quotas, or for a single item.
    """
    if "budget" in inspect.signature(select).parameters:
        return select(history, budget.items, rng=rng, budget=budget, **options)  # type: ignore[call-arg]
    if not budget.quotas and not np.isfinite(budget.cost):
        return select(history, budget.items, rng=rng, **options)
    seed = int(rng.integers(2**63))

    def run(n: int) -> Anchors:
        own = np.random.default_rng(seed)
        if budget.quotas:
            return _by_group(select, history, budget, n, rng=own, options=options)
        return select(history, n, rng=own, **options)

    if not np.isfinite(budget.cost):
        return run(budget.items)
    return _affordable(run, history, budget)


def _by_group(
    select: Selector,
    history: History,
    budget: Budget,
    n: int,
    *,
    rng: np.random.Generator,
    options: Mapping[str, Any],
) -> Anchors:
    """Choose ``n`` items, inside each group by itself; a group's anchors share its weight."""
    groups = named_groups(history.responses.items, budget.by)
    names = sorted(set(groups))
    members = [np.flatnonzero(groups == name) for name in names]
    share = np.array([history.targets.weights[0, one].sum() for one in members])
    free = (0, history.responses.n_items)
    bounds = np.array([budget.quotas.get(name, free) for name in names])
    most = np.minimum(bounds[:, 1], [len(one) for one in members])
    parts = []
    for g, count in enumerate(allocate_within(n, share, bounds[:, 0], most, rng=rng)):
        if count:
            benchmark = names[g] if budget.by == "benchmark" else None
            part = history.within(members[g], benchmark)
            parts.append((share[g], select(part, int(count), rng=rng, **options)))
    items = [item for _, one in parts for item in one.items]
    weights = np.concatenate([group_share * one.weights for group_share, one in parts])
    place = np.concatenate([(np.arange(len(one)) + 0.5) / len(one) for _, one in parts])
    order = np.argsort(place, kind="stable")
    return Anchors(tuple(items[k] for k in order), scaled(weights[order]))


def allocate_within(
    n: int,
    share: Array,
    least: NDArray[np.intp],
    most: NDArray[np.intp],
    *,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Divide ``n`` among groups in proportion to ``share``, within bounds.

    Args:
        n: number to divide, between the sums of ``least`` and of ``most``.
        share: share of each group, not negative, shape (groups,).
        least, most: bounds of each group, shape (groups,).
        rng: breaks ties between equal remainders.
    """
    share = np.maximum(share, 1e-12)
    count, open_ = np.array(least), np.ones(len(share), dtype=bool)
    while open_.any():
        left = n - int(least[~open_].sum())
        count[open_] = allocate(left, share[open_], most[open_], rng=rng)
        short = open_ & (count < least)
        if not short.any():
            break
        count[short] = least[short]
        open_ &= ~short
    return count


def _affordable(run: Callable[[int], Anchors], history: History, budget: Budget) -> Anchors:
    """Run a selector for more and more items, until those that fit use up the budget."""
    items = history.responses.items
    most = replace(budget, items=len(items)).within(items).items
    allowance = Allowance(budget, items)
    n = min(max(int(budget.cost / allowance.cost.mean()), 1), budget.items, most)
    while True:
        anchors = run(n)
        allowance = Allowance(budget, items)
        kept = _paid(allowance, items, history.positions(anchors.items))
        enough = allowance.money <= (1 - SPENT) * budget.cost or not allowance.allowed().any()
        if n == most or enough:
            break
        n = min(n + max(n // 4, 1), most)
    return _reweighted(history, budget, anchors, kept)


def _paid(allowance: Allowance, items: Table, order: NDArray[np.intp]) -> list[int]:
    """Return the items of ``order`` that fit; open quotas take their cheapest items."""
    kept = []
    for k in order:
        if allowance.allowed()[k]:
            allowance.spend(int(k))
            kept.append(int(k))
    for k in np.argsort(allowance.cost, kind="stable"):
        if allowance.due[allowance.group[k]] > 0 and allowance.free[k]:
            allowance.spend(int(k))
            kept.append(int(k))
    return kept


def _reweighted(history: History, budget: Budget, anchors: Anchors, kept: list[int]) -> Anchors:
    """Weigh the kept items as the selector does; with quotas, each group has its target weight."""
    ids = history.responses.items.ids
    weight = dict(zip(anchors.items, anchors.weights, strict=True))
    typical = float(anchors.weights.mean())
    weights = np.array([weight.get(ids[k], typical) for k in kept])
    if budget.quotas:
        groups = named_groups(history.responses.items, budget.by)
        for name in sorted(set(groups[kept])):
            own = groups[kept] == name
            weights[own] = history.targets.weights[0, groups == name].sum() * scaled(weights[own])
    return Anchors(tuple(ids[k] for k in kept), scaled(weights))
