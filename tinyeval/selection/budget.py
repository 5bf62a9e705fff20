"""Budgets limit the number of anchors, their total cost and their numbers by group.

A selector takes one item after another, so at every step it must know which items it may still
take: those after which every limit can still be kept.  Let n be the number of items, c_i the costs
and B the budget, and let a group g get at least l_g and at most u_g anchors.  With r_g = l_g minus
those taken so far (at least 0), item i of group g may be taken if

    1 [r_g = 0]  <=  items left - sum_h r_h
    max(c_i - t_g, 0)  <=  money left - sum_h (cost of the r_h cheapest free items of group h)

where t_g is the cost of the dearest of the r_g cheapest free items of its group, or 0 if r_g = 0:
the money reserved for the group pays for part of the item.  If both inequalities hold at every
step, all limits are kept at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.config import DEFAULT_ITEMS, Quota, Settings
from tinyeval.errors import ConfigError, DataError, examples
from tinyeval.tables import Table
from tinyeval.targets import named_groups


class Bounds(NamedTuple):
    """Fewest and most anchors of a group."""

    least: int
    most: int


@dataclass(frozen=True)
class Budget:
    """Limits on a choice of anchors.

    Attributes:
        items: largest number of anchors; the exact number unless the cost is limited.
        cost: largest total cost.
        cost_column: column of the items table that holds costs.
        quotas: group -> fewest and most anchors; other groups are free.
        by: column of the items table that names the groups.
    """

    items: int
    cost: float = np.inf
    cost_column: str = "cost"
    quotas: Mapping[str, Bounds] = field(default_factory=dict)
    by: str = "benchmark"

    def within(self, items: Table) -> Budget:
        """Return this budget for part of the benchmark, which may have too few items for it."""
        if not self.quotas:
            return replace(self, items=min(self.items, len(items)))
        names, sizes = np.unique(named_groups(items, self.by), return_counts=True)
        quotas = {
            name: Bounds(*(min(bound, int(size)) for bound in self.quotas[name]))
            for name, size in zip(names, sizes, strict=True)
            if name in self.quotas
        }
        most = sum(
            quotas[n].most if n in quotas else int(s) for n, s in zip(names, sizes, strict=True)
        )
        return replace(self, items=min(self.items, most), quotas=quotas)


def make_budget(settings: Settings, items: Table) -> Budget:
    """Return the budget that the settings ask for, if the items allow it.

    Raises:
        ConfigError: more anchors than items, quotas for unknown groups, quotas that cannot be met,
            or a budget too small for the anchors.
        DataError: costs that are missing or not positive, or items without a group.
    """
    quotas = _bounds(settings, items)
    n = _number(settings, items, quotas)
    least = sum(one.least for one in quotas.values())
    if least > n:
        raise ConfigError(
            f"the quotas ask for at least {least} anchors, but the number of anchors is {n}; ask "
            "for fewer from each group, or for more items"
        )
    cost = np.inf if settings.budget is None else settings.budget
    budget = Budget(n, cost, settings.cost, quotas, settings.quotas.by).within(items)
    if settings.budget is None and budget.items < n:
        raise ConfigError(
            f"the quotas allow at most {budget.items} anchors, but the number is {n}; ask for "
            "more from a group (20+ means at least 20), or for fewer items"
        )
    if settings.cost != Settings().cost:
        item_costs(items, settings.cost)
    Allowance(budget, items)  # raises if there is no way to keep to it
    return budget


def _number(settings: Settings, items: Table, quotas: Mapping[str, Bounds]) -> int:
    """Return the largest number of anchors: as asked, as the quotas imply, or every item."""
    n = settings.items
    if n is None:
        n = DEFAULT_ITEMS if settings.budget is None else len(items)
        named = set(named_groups(items, settings.quotas.by)) if quotas else {""}
        if named <= set(quotas) and all(one.least == one.most for one in quotas.values()):
            n = sum(one.least for one in quotas.values())
    if n < 1:
        raise ConfigError("the quotas allow no anchors at all; ask for at least one")
    if n > len(items):
        raise ConfigError(
            f"{n} items were asked for, but the benchmark has {len(items)} with answers; ask for "
            "at most that many"
        )
    return n


def item_costs(items: Table, column: str) -> Array:
    """Return the cost of every item, shape (items,); all must be positive and finite."""
    if column not in items.columns:
        known = examples(name for name in items.columns if items.columns[name].dtype.kind == "f")
        raise DataError(
            f"a budget needs the items' costs, but the items table has no column {column!r}; name "
            f"another with --cost (its columns of numbers: {known or 'none'})"
        )
    cost = items.column(column)
    if cost.dtype.kind != "f":
        raise DataError(f"the items' column {column!r} must hold costs, but it holds text")
    bad = np.flatnonzero(~((cost > 0) & np.isfinite(cost)))
    if bad.size:
        shown = examples(f"{items.ids[k]}: {cost[k]:g}" for k in bad)
        raise DataError(
            f"costs must be positive and finite, but {bad.size} in the items' column {column!r} "
            f"are not: {shown}"
        )
    return np.asarray(cost, dtype=np.float64)


def _bounds(settings: Settings, items: Table) -> dict[str, Bounds]:
    """Return the quotas by group; a group must exist and have enough items."""
    asked, by = settings.quotas.anchors, settings.quotas.by
    if asked is None:
        return {}
    names, sizes = np.unique(named_groups(items, by), return_counts=True)
    size = dict(zip((str(name) for name in names), map(int, sizes), strict=True))
    if not isinstance(asked, dict):
        asked = dict.fromkeys(size, asked)
    unknown = sorted(set(asked) - set(size))
    if unknown:
        raise ConfigError(
            f"quotas are given for {examples(unknown)}, but the items' column {by!r} names "
            f"{examples(size, 8)}"
        )
    bounds = {name: _parse(quota, size[name]) for name, quota in asked.items()}
    short = [
        f"{one.least} of {size[name]} of {name}"
        for name, one in bounds.items()
        if one.least > size[name]
    ]
    if short:
        raise ConfigError(
            f"quotas ask for more items than there are: {', '.join(short)}; ask for fewer"
        )
    return bounds


def _parse(quota: Quota, size: int) -> Bounds:
    """Read 20 (exactly) or "20+" (at least)."""
    least = int(str(quota).removesuffix("+"))
    return Bounds(least, max(least, size) if str(quota).endswith("+") else least)


class Allowance:
    """The items that may still be taken, step by step; see the module's equations.

    Positions are those of ``items``.

    Raises:
        ConfigError: a budget that does not pay for the quotas, or for a single item.
    """

    def __init__(self, budget: Budget, items: Table) -> None:
        self.priced = np.isfinite(budget.cost)
        self.cost = item_costs(items, budget.cost_column) if self.priced else np.ones(len(items))
        self.budget = budget
        self.money = budget.cost
        self.slots = budget.items
        self.free = np.ones(len(items), dtype=bool)
        named = named_groups(items, budget.by) if budget.quotas else np.full(len(items), "all")
        names, self.group = np.unique(named, return_inverse=True)
        open_ = Bounds(0, len(items))
        bounds = np.array([budget.quotas.get(str(name), open_) for name in names])
        self.due, self.room = bounds.T.copy()
        by_cost = np.argsort(self.cost, kind="stable")
        self.members = [by_cost[self.group[by_cost] == g] for g in range(len(names))]
        needed = max(self._put_by()[0], float(self.cost.min()))
        if self.priced and needed > self.money * (1 + 1e-9):
            quotas = "items that meet the quotas cost" if self.due.any() else "every item costs"
            raise ConfigError(
                f"the budget is {self.money:g}, but {quotas} at least {needed:g}; raise it"
            )

    @property
    def most(self) -> int:
        """Number of items that may still be taken, if the cheapest are taken."""
        if not self.priced:
            return min(self.slots, int(self.free.sum()))
        paid = np.cumsum(np.sort(self.cost[self.free])) <= self.money * (1 + 1e-9)
        return min(self.slots, int(paid.sum()))

    def allowed(self) -> NDArray[np.bool_]:
        """Return a mask of the items that may be taken next, shape (items,)."""
        due = self.due[self.group] > 0
        may = self.free & (self.room[self.group] > 0)
        may &= due | (self.slots > self.due.sum())
        if self.slots < 1:
            may[:] = False
        if self.priced:
            put_by, dearest = self._put_by()
            extra = np.maximum(self.cost - dearest[self.group], 0.0)
            may &= extra <= self.money - put_by + 1e-9 * self.budget.cost
        return may

    def spend(self, k: int) -> None:
        """Take the item at position ``k``."""
        group = self.group[k]
        self.free[k] = False
        self.slots -= 1
        self.money -= self.cost[k]
        self.room[group] -= 1
        self.due[group] = max(self.due[group] - 1, 0)

    def _put_by(self) -> tuple[float, Array]:
        """Return the money reserved for the quotas, and the dearest item it pays for, by group."""
        dearest, put_by = np.zeros(len(self.due)), 0.0
        for g in np.flatnonzero(self.due):
            own = self.members[g]
            cheapest = self.cost[own[self.free[own]][: self.due[g]]]
            put_by += float(cheapest.sum())
            dearest[g] = cheapest[-1]
        return put_by, dearest
