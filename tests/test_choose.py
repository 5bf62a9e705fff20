"""Choosing within a budget: every selector keeps to it, whatever the order of the items."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, take_items
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.errors import ConfigError
from tinyeval.selection import SELECTORS, get_selector
from tinyeval.selection.base import equal_weights
from tinyeval.selection.budget import Bounds, Budget
from tinyeval.selection.choose import allocate_within, choose


def rng(seed=0):
    return np.random.default_rng(seed)


def priced(n_items=60, log_sd=1.0, **options):
    """A history of three benchmarks with lognormal costs of mean about 1."""
    history = make_history(30, n_items, benchmarks=3, **options)
    cost = rng(1).lognormal(-0.5 * log_sd**2, log_sd, n_items)
    items = history.responses.items.with_columns(cost=cost)
    return history_of(replace(history.responses, items=items), history.fit)


QUICK = {"sparse_eval": {"rounds": 2, "epochs": 5}}
"""Less training: budgets are kept by every selector, a good one or not."""


def run(name, history, budget, seed=0):
    options = QUICK.get(name, {})
    return choose(get_selector(name), history, budget, rng=rng(seed), options=options)


def facts(history, anchors):
    """Cost of the anchors and their number by benchmark."""
    items = history.responses.items.take(history.positions(anchors.items))
    names, counts = np.unique(items.column("benchmark").astype(str), return_counts=True)
    return items.column("cost").sum(), dict(zip(names, map(int, counts), strict=True))


BUDGETS = {
    "cost": Budget(60, 8.0),
    "cost and number": Budget(6, 8.0),
    "exact": Budget(12, quotas=dict.fromkeys(("bench0", "bench1", "bench2"), Bounds(4, 4))),
    "at least": Budget(10, quotas={"bench2": Bounds(6, 20)}),
    "none of one": Budget(10, quotas={"bench1": Bounds(0, 0)}),
    "all three": Budget(20, 8.0, quotas={"bench0": Bounds(3, 3), "bench1": Bounds(2, 20)}),
    "by subject": Budget(10, quotas={"subject0": Bounds(9, 9)}, by="subject"),
}


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize("name", SELECTORS)
def test_every_selector_keeps_to_every_budget(name, budget):
    history = priced()
    anchors = run(name, history, budget)
    cost, counts = facts(history, anchors)
    assert 1 <= len(anchors) <= budget.items
    assert cost <= budget.cost * (1 + 1e-9)
    if np.isfinite(budget.cost):
        assert cost > 0.5 * budget.cost or len(anchors) >= 0.8 * budget.items
    else:
        assert len(anchors) == budget.items
    if budget.by == "benchmark":
        for group, bounds in budget.quotas.items():
            assert bounds.least <= counts.get(group, 0) <= bounds.most


@pytest.mark.parametrize(
    "budget", [BUDGETS["all three"], BUDGETS["exact"]], ids=["priced", "exact"]
)
@pytest.mark.parametrize("name", SELECTORS)
def test_the_order_of_items_does_not_matter(name, budget):
    history = priced()
    shuffled = take_items(history, rng(2).permutation(60))
    one, other = run(name, history, budget), run(name, shuffled, budget)
    assert one.items == other.items
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-9)


@pytest.mark.parametrize("name", ["random", "mrmr", "anchor_points_irt"])
def test_without_costs_and_quotas_a_selector_is_left_alone(name):
    history = priced()
    anchors = run(name, history, Budget(9))
    own = get_selector(name)(history, 9, rng=rng())
    assert anchors.items == own.items
    np.testing.assert_array_equal(anchors.weights, own.weights)


def test_a_group_weighs_as_in_the_target_whatever_its_quota():
    history = priced()
    quotas = {"bench0": Bounds(10, 10), "bench1": Bounds(1, 1), "bench2": Bounds(2, 2)}
    for budget in (Budget(13, quotas=quotas), Budget(13, 20.0, quotas=quotas)):
        anchors = run("random", history, budget)
        items = history.responses.items.take(history.positions(anchors.items))
        for name in quotas:
            own = anchors.weights[items.column("benchmark") == name].sum()
            assert own == pytest.approx(1 / 3)


def test_groups_are_merged_evenly():
    quotas = {"bench0": Bounds(8, 8), "bench1": Bounds(4, 4), "bench2": Bounds(4, 4)}
    history = priced()
    anchors = run("mrmr", history, Budget(16, quotas=quotas))
    _, counts = facts(history, anchors.head(8))
    assert counts == {"bench0": 4, "bench1": 2, "bench2": 2}


def test_inside_a_group_a_selector_sees_that_group_alone():
    history = priced()
    budget = Budget(4, quotas={"bench0": Bounds(4, 4)})
    seen = []

    def watch(part, n, *, rng):
        seen.append((part.responses.benchmarks, part.targets.names, n))
        return equal_weights(part.responses.items.ids[:n])

    choose(watch, history, budget, rng=rng(), options={})
    assert seen == [(("bench0",), ("overall",), 4)]


def test_one_dear_item_does_not_use_up_what_random_items_could_cost():
    history = priced()
    cost = np.ones(60)
    cost[:5] = 11.0
    items = history.responses.items.with_columns(cost=cost)
    history = history_of(replace(history.responses, items=items), history.fit)
    for seed in range(20):
        assert len(run("random", history, Budget(60, 10.0), seed)) == 10


@pytest.mark.parametrize("name", ["random", "optimal_design"])
def test_a_budget_that_pays_for_nothing_is_refused(name):
    with pytest.raises(ConfigError, match="but every item costs at least"):
        run(name, priced(), Budget(60, 1e-3))


@given(
    groups=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6
    ),
    fraction=st.floats(0, 1),
)
def test_allocation_keeps_to_its_bounds(groups, fraction):
    share, least, extra = (np.array(one) for one in zip(*groups, strict=True))
    most = least + extra
    n = int(least.sum() + round(fraction * extra.sum()))
    count = allocate_within(n, share, least, most, rng=rng())
    assert count.sum() == n
    assert ((least <= count) & (count <= most)).all()


def test_allocation_is_in_proportion_where_bounds_allow():
    share = np.array([0.5, 0.3, 0.2])
    free, many = np.zeros(3, dtype=int), np.full(3, 99)
    assert list(allocate_within(10, share, free, many, rng=rng())) == [5, 3, 2]
    least = np.array([0, 0, 6])  # what is left, 4, is divided 5 : 3
    assert list(allocate_within(10, share, least, many, rng=rng())) == [3, 1, 6]
