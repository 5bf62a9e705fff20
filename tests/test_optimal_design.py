"""Greedy design against exhaustive search by dense Gaussian conditioning."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from helpers import history_of, make_history, take_items, take_models

from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ConfigError
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.budget import Allowance, Bounds, Budget
from tinyeval.selection.large_share import STRATA, care
from tinyeval.selection.optimal_design import greedy_design, select_optimal_design
from tinyeval.tables import Table

RNG = np.random.default_rng(0)


def weights_of(history):
    return history.targets.weights[:, np.argsort(history.responses.items.ids)]


def dense(covariance, s):
    return np.array([covariance.row(k, s) for k in range(len(covariance.items))])


def design(covariance, drift, n, price=1.0):
    items = Table(covariance.items)
    return greedy_design(covariance, drift, Allowance(Budget(n), items), price).chosen


def open_variance(c, weights, chosen):
    """Variance of the targets given the answers to the chosen items, shape (targets,)."""
    total = np.diag(weights @ c @ weights.T)
    if not chosen:
        return total
    cross = c[chosen] @ weights.T
    return total - (cross * np.linalg.solve(c[np.ix_(chosen, chosen)], cross)).sum(0)


def exhaustive(covariance, weights, n, drift, cost):
    """Greedy by trying every item at every step."""
    matrices = [dense(covariance, s) for s in drift]
    others = len(weights) - 1  # the overall score counts half, the benchmarks together half
    importance = np.array([0.5, *[0.5 / others] * others]) if others else np.ones(1)
    chosen = []
    for _ in range(n):
        gains = {}
        for k in set(range(len(cost))) - set(chosen):
            shares = []
            for c in matrices:
                scale = importance / open_variance(c, weights, [])
                left = open_variance(c, weights, [*chosen, k]) @ scale
                shares.append(1 - left / (open_variance(c, weights, chosen) @ scale))
            gains[k] = sum(shares) / cost[k]
        chosen.append(max(gains, key=gains.get))
    return chosen


@pytest.mark.parametrize("drift", [(0.0,), (0.1,), (0.03, 0.3)])
@pytest.mark.parametrize("options", [{}, {"benchmarks": 2}, {"graded": True, "missing": 0.1}])
def test_every_step_takes_the_item_that_an_exhaustive_search_takes(drift, options):
    history = make_history(30, 40, 2, seed=1, **options)
    covariance = item_covariance(history)
    expected = exhaustive(covariance, weights_of(history), 12, drift, np.ones(40))
    assert design(covariance, drift, 12) == expected
    anchors = select_optimal_design(history, 12, rng=RNG, drift=drift)
    assert anchors.items == tuple(covariance.items[k] for k in expected)


def test_gains_are_divided_by_the_cost():
    history = make_history(30, 40, 2, seed=1)
    covariance = item_covariance(history)
    cost = np.random.default_rng(0).uniform(1, 3, 40)
    expected = exhaustive(covariance, weights_of(history), 12, (0.1,), cost)
    assert design(covariance, (0.1,), 12, cost) == expected
    assert expected != design(covariance, (0.1,), 12)


def priced(cost, **options):
    """A history whose items, in the order of their ids, have these costs."""
    history = make_history(40, len(cost), 2, seed=1, **options)
    place = np.argsort(np.argsort(history.responses.items.ids))
    items = history.responses.items.with_columns(cost=np.asarray(cost, dtype=float)[place])
    return history_of(replace(history.responses, items=items), history.fit)


def left_open(history):
    """A function of items: the overall variance they leave open, summed over the hypotheses."""
    covariance = item_covariance(history)
    parts = [(dense(covariance, s), weights_of(history)[:1]) for s in (0.03, 0.1, 0.3)]

    def share(chosen):
        rows = [covariance.items.index(one) for one in chosen]
        opens = ((open_variance(c, w, rows)[0], open_variance(c, w, [])[0]) for c, w in parts)
        return sum(after / before for after, before in opens)

    return share


def select(history, budget):
    return select_optimal_design(history, budget.items, rng=RNG, budget=budget).items


def cost_of(history, chosen):
    return history.responses.items.column("cost")[history.positions(chosen)].sum()


@pytest.mark.parametrize("seed", range(4))
def test_within_a_small_budget_the_design_is_close_to_the_best_there_is(seed):
    cost = np.random.default_rng(seed).lognormal(0, 1, 14)
    history = priced(cost)
    money = 0.3 * cost.sum()
    chosen = select(history, Budget(14, money))
    assert cost_of(history, chosen) <= money * (1 + 1e-9)
    ids = sorted(history.responses.items.ids)
    share = left_open(history)
    best = min(share([ids[k] for k in one]) for one in full_knapsacks(cost, money))
    assert share(chosen) <= 1.1 * best


def full_knapsacks(cost, money):
    """Sets of positions that cost at most ``money`` and leave too little for any other item."""
    for size in range(1, len(cost) + 1):
        for one in combinations(range(len(cost)), size):
            rest = np.delete(cost, one)
            left = money - cost[list(one)].sum()
            if left >= 0 and not (rest <= left).any():
                yield one


def test_one_dear_item_that_tells_all_is_bought_instead_of_cheap_ones_that_tell_nothing():
    history = make_history(60, 20, seed=2)
    scores = history.responses.scores.copy()
    ids = sorted(history.responses.items.ids)
    dear = history.responses.items.ids.index(ids[0])
    scores[:, :] = scores[:, [dear]]  # every item is a copy of the dear one ...
    cheap = [history.responses.items.ids.index(one) for one in ids[1:8]]
    noise = np.random.default_rng(0).random((60, 7)) < 0.5
    scores[:, cheap] = noise  # ... but for these, which weigh nothing and tell nothing
    weight = np.ones(20)
    weight[cheap] = 1e-3
    cost = np.full(20, 50.0)
    cost[dear], cost[cheap] = 10.0, 1.0
    items = history.responses.items.with_columns(cost=cost, weight=weight)
    history = history_of(replace(history.responses, items=items, scores=scores), history.fit)
    assert ids[0] in select(history, Budget(20, 10.0))


def test_costs_that_are_all_the_same_change_nothing():
    history = priced(np.full(30, 2.5))
    plain = select_optimal_design(history, 12, rng=RNG, unsolved=0.0).items
    assert select(history, Budget(30, 30.0)) == plain
    assert select(history, Budget(12, 1e9)) == plain


def test_knowing_costs_beats_not_looking_at_them():
    cost = np.random.default_rng(3).lognormal(0, 1, 60)
    history = priced(cost)
    thrifty = select(history, Budget(60, 10.0))
    blind = []
    for item in select_optimal_design(history, 60, rng=RNG).items:
        if cost_of(history, (*blind, item)) <= 10.0:
            blind.append(item)
    assert len(thrifty) > len(blind)
    assert left_open(history)(thrifty) < 0.8 * left_open(history)(blind)


def test_where_places_are_short_money_is_spent_on_better_items():
    cost = np.random.default_rng(3).lognormal(0, 1, 60)
    history = priced(cost)
    few = select(history, Budget(8, 10.0))
    assert len(few) <= 8
    assert cost_of(history, few) <= 10.0
    cheapest = select(history, Budget(60, 10.0))[:8]
    assert left_open(history)(few) < left_open(history)(cheapest)


def test_quotas_hold_and_the_rest_goes_where_it_tells_most():
    history = make_history(40, 60, 2, benchmarks=3)
    quotas = {"bench0": Bounds(2, 2), "bench1": Bounds(7, 20)}
    chosen = select(history, Budget(12, quotas=quotas))
    items = history.responses.items.take(history.positions(chosen))
    counts = [int((items.column("benchmark") == name).sum()) for name in ("bench0", "bench1")]
    assert len(chosen) == 12
    assert counts[0] == 2
    assert counts[1] >= 7


def test_a_quota_that_the_design_meets_anyway_changes_nothing():
    history = make_history(40, 60, 2, benchmarks=3)
    plain = select_optimal_design(history, 12, rng=RNG).items
    quotas = {f"bench{k}": Bounds(1, 20) for k in range(3)}
    assert select(history, Budget(12, quotas=quotas)) == plain


def test_a_prefix_is_the_smaller_design():
    history = make_history(40, 80, 2)
    long = select_optimal_design(history, 30, rng=RNG)
    short = select_optimal_design(history, 11, rng=RNG)
    assert long.items[:11] == short.items
    assert long.head(11).items == short.items


def test_the_design_leaves_less_open_than_random_items():
    history = make_history(60, 100, 2)
    covariance = item_covariance(history)
    c, weights = dense(covariance, 0.1), weights_of(history)
    chosen = open_variance(c, weights, design(covariance, (0.1,), 15))[0]
    rng = np.random.default_rng(0)
    random = [open_variance(c, weights, list(rng.permutation(100)[:15]))[0] for _ in range(50)]
    assert chosen < 0.9 * min(random)


@pytest.mark.parametrize("drift", [(0.0,), (0.03, 0.1, 0.3)])
def test_all_items_can_be_asked_for(drift):
    history = make_history(8, 30)  # fewer models than items: C(0) is near singular
    anchors = select_optimal_design(history, 30, rng=RNG, drift=drift, irt_share=0, shrinkage=0)
    assert sorted(anchors.items) == sorted(history.responses.items.ids)
    assert anchors.weights == pytest.approx(1 / 30)


def test_the_order_of_models_and_items_changes_nothing():
    history = make_history(30, 50, 2, missing=0.1)
    rng = np.random.default_rng(1)
    shuffled = take_models(take_items(history, rng.permutation(50)), rng.permutation(30))
    one = select_optimal_design(history, 20, rng=RNG)
    assert one.items == select_optimal_design(shuffled, 20, rng=RNG).items


def test_the_generator_is_not_used():
    history = make_history()
    rng = np.random.default_rng(3)
    select_optimal_design(history, 10, rng=rng)
    assert rng.random() == np.random.default_rng(3).random()


# --- items that no source model solved ----------------------------------------------------------


def half_unsolved():
    """A history in which no model solved any of the first 60 of 120 items."""
    history = make_history(60, 120, seed=3)
    old = history.fit.model
    intercept = np.where(np.arange(120) < 60, -8.0, old.intercept)
    model = IRTModel(
        old.items, old.discrimination, intercept, old.guessing, old.ability_mean, old.ability_cov
    )
    scores = history.responses.scores.copy()
    scores[:, :60] = 0
    responses = ResponseMatrix(scores, history.responses.models, history.responses.items)
    return history_of(responses, IRTFit(model, history.fit.ability, 0.0, {}))


@pytest.mark.parametrize(("drift", "fewest", "most"), [(0.0, 0, 0), (0.1, 6, 20), (0.3, 6, 20)])
def test_drift_spends_anchors_on_items_that_no_source_model_solved(drift, fewest, most):
    history = half_unsolved()
    unsolved = set(history.responses.items.ids[:60])
    anchors = select_optimal_design(history, 30, rng=RNG, drift=(drift,))
    assert fewest <= len(unsolved & set(anchors.items)) <= most


def test_by_default_an_unsolved_item_is_among_the_first():
    history = half_unsolved()
    unsolved = set(history.responses.items.ids[:60])
    assert unsolved & set(select_optimal_design(history, 5, rng=RNG).items)


# --- a large share of the benchmark ---------------------------------------------------------------


def counts(history, anchors):
    mean = history.filled.astype(float).mean(0)
    every = np.digitize(mean, STRATA)
    asked = every[history.positions(anchors.items)]
    return [np.bincount(one, minlength=len(STRATA) + 1) for one in (asked, every)]


@pytest.mark.parametrize("n", [48, 60, 90, 119])
def test_a_large_share_is_asked_of_every_stratum(n):
    history = half_unsolved()
    asked, every = counts(history, select_optimal_design(history, n, rng=RNG))
    assert asked.sum() == n
    assert (asked >= np.floor(n / 120 * every)).all()


def test_without_strata_half_of_the_benchmark_leaves_out_what_nobody_solved():
    history = half_unsolved()
    asked, every = counts(history, select_optimal_design(history, 60, rng=RNG, unsolved=0.0))
    assert asked[0] < 0.8 * 60 / 120 * every[0]


def test_a_small_share_is_chosen_as_if_there_were_no_strata():
    history = half_unsolved()
    both = [select_optimal_design(history, 18, rng=RNG, unsolved=u).items for u in (None, 0.0)]
    assert both[0] == both[1]


def test_without_drift_there_are_no_strata():
    history = half_unsolved()
    plain, fixed = (
        select_optimal_design(history, 60, rng=RNG, drift=(0.0,), unsolved=u) for u in (None, 0.0)
    )
    assert plain.items == fixed.items


def test_the_care_grows_from_one_share_to_the_other():
    assert [care(n, 100) for n in (1, 20, 25, 40, 100)] == [0.0, 0.0, 0.25, 1.0, 1.0]


def test_quotas_and_costs_of_ones_own_are_kept_with_a_large_share():
    history = half_unsolved()
    table = history.responses.items.with_columns(
        kind=np.array(["a", "b"] * 60), cost=np.linspace(1.0, 2.0, 120)
    )
    history = replace(history, responses=replace(history.responses, items=table))
    budget = Budget(60, quotas={"a": Bounds(45, 45)}, by="kind")
    items = select_optimal_design(history, 60, rng=RNG, budget=budget).items
    kind = dict(zip(table.ids, table.column("kind"), strict=True))
    assert sum(kind[one] == "a" for one in items) == 45
    items = select_optimal_design(history, 120, rng=RNG, budget=Budget(120, cost=70.0)).items
    cost = dict(zip(table.ids, table.column("cost"), strict=True))
    assert sum(cost[one] for one in items) <= 70.0 * (1 + 1e-9)


# --- hostile options ----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, -1, 61])
def test_a_number_of_items_out_of_range_is_refused(n):
    with pytest.raises(ConfigError, match=f"{n} items were asked for, but the benchmark has 60"):
        select_optimal_design(make_history(), n, rng=RNG)


@pytest.mark.parametrize("drift", [(), (0.1, -0.1)])
def test_a_drift_that_means_nothing_is_refused(drift):
    with pytest.raises(
        ConfigError, match="drift must be a list of one or more numbers from 0, found"
    ):
        select_optimal_design(make_history(), 5, rng=RNG, drift=drift)


@pytest.mark.parametrize("drift", [0.1, ["a"], (float("nan"),)])
def test_a_drift_that_is_no_list_of_numbers_is_refused(drift):
    with pytest.raises(ConfigError, match="drift"):
        select_optimal_design(make_history(), 5, rng=RNG, drift=drift)


def test_a_design_goes_on_from_items_that_are_asked_anyway():
    covariance = item_covariance(make_history(40, 20, benchmarks=1, seed=3))
    items, drift = Table(covariance.items), (0.03, 0.3)
    whole = design(covariance, drift, 8)
    again = greedy_design(covariance, drift, Allowance(Budget(8), items), known=whole[:3])
    assert again.chosen == whole
    # the best next item is that which leaves least open, given items that a design would not take
    known = [k for k in range(20) if k not in whole][:4]
    found = greedy_design(covariance, (0.0,), Allowance(Budget(5), items), known=known).chosen
    weights = weights_of(make_history(40, 20, benchmarks=1, seed=3))
    c = dense(covariance, 0.0)
    left = {k: open_variance(c, weights, [*known, k])[0] for k in set(range(20)) - set(known)}
    assert found[:4] == known
    assert left[found[4]] == pytest.approx(min(left.values()))
