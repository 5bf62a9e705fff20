"""Budgets: what settings ask for, and which items may still be taken without breaking a limit."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tinyeval.config import Settings
from tinyeval.errors import ConfigError, DataError
from tinyeval.selection.budget import Allowance, Bounds, Budget, item_costs, make_budget
from tinyeval.tables import Table

GROUPS = np.array(list("ppppqqqrrr"))


def table(cost=None, **columns):
    ids = tuple(f"i{k}" for k in range(len(GROUPS)))
    costs = {} if cost is None else {"cost": np.array(cost)}
    return Table(ids, {"benchmark": GROUPS, **costs, **columns})


def budget_of(items=None, **changes):
    quotas = changes.pop("quotas", None)
    if quotas is not None:
        changes["quotas"] = {"anchors": quotas}
    return make_budget(Settings().replace(**changes), items or table())


# --- what settings ask for ----------------------------------------------------------------------


def test_the_default_is_a_number_of_anchors_without_a_cost():
    budget = budget_of(items=Table(tuple(f"i{k}" for k in range(200))))
    assert (budget.items, budget.cost, budget.quotas) == (100, np.inf, {})


def test_one_quota_is_for_every_group():
    budget = budget_of(quotas=2)
    assert budget.items == 6
    assert budget.quotas == dict.fromkeys("pqr", Bounds(2, 2))


def test_quotas_by_name_leave_the_others_free():
    settings = Settings().replace(items=7, quotas={"anchors": {"p": "1+", "r": 3}})
    budget = make_budget(settings, table())
    assert budget.items == 7
    assert budget.quotas == {"p": Bounds(1, 4), "r": Bounds(3, 3)}


def test_quotas_are_by_any_column():
    items = table(topic=np.array(["a", "b"] * 5))
    settings = Settings().replace(quotas={"anchors": 3, "by": "topic"})
    assert make_budget(settings, items).quotas == {"a": (3, 3), "b": (3, 3)}


def test_a_cost_alone_bounds_the_number_by_what_there_is():
    budget = budget_of(table(range(1, 11)), budget=6)
    assert (budget.items, budget.cost) == (10, 6.0)
    assert Allowance(budget, table(range(1, 11))).most == 3  # 1 + 2 + 3
    both = make_budget(Settings().replace(budget=6, items=2), table(range(1, 11)))
    assert (both.items, both.cost) == (2, 6.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quotas": {"s": 2}}, "quotas are given for 's', but the items' column 'benchmark' names"),
        ({"quotas": {"p": 5}}, "more items than there are: 5 of 4 of p; ask for fewer"),
        ({"quotas": "4+"}, "4 of 3 of q, 4 of 3 of r"),
        ({"quotas": 0}, "the quotas allow no anchors at all"),
    ],
)
def test_quotas_that_cannot_be_met_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        budget_of(**changes)


@pytest.mark.parametrize(
    ("items", "quotas", "message"),
    [
        (5, 2, "ask for at least 6 anchors, but the number of anchors is 5"),
        (5, "2+", "ask for at least 6 anchors, but the number of anchors is 5"),
        (7, 2, "allow at most 6 anchors, but the number is 7"),
        (11, "1+", "11 items were asked for, but the benchmark has 10"),
    ],
)
def test_quotas_that_contradict_the_number_are_refused(items, quotas, message):
    with pytest.raises(ConfigError, match=message):
        make_budget(Settings().replace(items=items, quotas={"anchors": quotas}), table())


def test_a_budget_that_pays_for_too_little_is_refused():
    cost = np.arange(1.0, 11.0)
    with pytest.raises(ConfigError, match=r"the budget is 0\.5, but every item costs at least 1;"):
        budget_of(table(cost), budget=0.5)
    # the cheapest two of each group: 1 + 2 + 5 + 6 + 8 + 9
    with pytest.raises(
        ConfigError, match=r"is 30, but items that meet the quotas cost at least 31"
    ):
        budget_of(table(cost), budget=30, quotas="2+")
    assert budget_of(table(cost), budget=31, quotas="2+").cost == 31


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_costs_that_mean_nothing_are_refused_by_name(bad):
    cost = np.ones(10)
    cost[3] = bad
    with pytest.raises(DataError, match=rf"positive and finite, but 1 .* are not: 'i3: {bad:g}'"):
        budget_of(table(cost), budget=3)


def test_a_missing_column_of_costs_is_named_with_those_there_are():
    items = table(tokens=np.ones(10))
    with pytest.raises(DataError, match=r"no column 'cost'; name another .*numbers: 'tokens'"):
        budget_of(items, budget=3)
    with pytest.raises(DataError, match="no column 'words'"):
        make_budget(Settings().replace(items=3, cost="words"), items)
    with pytest.raises(DataError, match="'benchmark' must hold costs, but it holds text"):
        item_costs(items, "benchmark")
    assert budget_of(items, budget=3, cost="tokens").cost_column == "tokens"


def test_groups_must_have_names():
    with pytest.raises(DataError, match="there is no column 'topic'"):
        make_budget(Settings().replace(quotas={"anchors": 2, "by": "topic"}), table())
    items = table(topic=np.array(["a"] * 9 + [""]))
    with pytest.raises(DataError, match="1 items have no topic while others have: 'i9'"):
        make_budget(Settings().replace(quotas={"anchors": 2, "by": "topic"}), items)


def test_part_of_the_benchmark_lowers_what_is_asked():
    budget = budget_of(quotas=3)
    part = table().take(np.array([0, 1, 2, 3, 4]))  # four of p, one of q, none of r
    lower = budget.within(part)
    assert lower.quotas == {"p": Bounds(3, 3), "q": Bounds(1, 1)}
    assert lower.items == 4
    assert Budget(8).within(part).items == 5


# --- which items may be taken -------------------------------------------------------------------


def can_be_finished(budget, items, taken):
    """Brute force: does some set of items hold ``taken`` and keep to every bound?"""
    cost = items.columns.get("cost", np.zeros(len(items)))
    rest = [k for k in range(len(items)) if k not in taken]
    for size in range(len(rest) + 1):
        for more in combinations(rest, size):
            chosen = [*taken, *more]
            counts = {g: int((GROUPS[chosen] == g).sum()) for g in budget.quotas}
            if (
                len(chosen) <= budget.items
                and cost[chosen].sum() <= budget.cost * (1 + 1e-9)
                and all(q.least <= counts[g] <= q.most for g, q in budget.quotas.items())
            ):
                return True
    return False


bounds = st.tuples(st.integers(0, 2), st.integers(0, 2)).map(lambda b: Bounds(b[0], b[0] + b[1]))


@pytest.mark.slow
@settings(max_examples=60)
@given(
    cost=st.lists(st.integers(1, 9), min_size=10, max_size=10),
    money=st.one_of(st.integers(3, 30), st.just(np.inf)),
    n=st.integers(1, 10),
    quotas=st.dictionaries(st.sampled_from("pqr"), bounds),
    order=st.permutations(range(10)),
)
def test_what_is_allowed_is_what_can_still_be_finished(cost, money, n, quotas, order):
    items = table(np.array(cost, dtype=float))
    budget = Budget(n, float(money), quotas=quotas)
    assume(money >= min(cost) and can_be_finished(budget, items, []))
    allowance, taken = Allowance(budget, items), []
    for k in order:
        allowed = bool(allowance.allowed()[k])
        assert allowed == can_be_finished(budget, items, [*taken, k])
        if allowed:
            allowance.spend(k)
            taken.append(k)
    assert not allowance.due.any()


def test_costs_do_not_matter_without_a_budget():
    allowance = Allowance(Budget(3), table([-1.0] * 10))
    assert allowance.allowed().all()
    assert allowance.most == 3
