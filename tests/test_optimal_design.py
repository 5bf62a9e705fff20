"""Greedy design against exhaustive search by dense Gaussian conditioning."""

import numpy as np
import pytest
from helpers import history_of, make_history, take_items, take_models

from tinyeval.covariance import item_covariance
from tinyeval.errors import ConfigError
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.optimal_design import greedy_design, select_optimal_design

RNG = np.random.default_rng(0)


def weights_of(history):
    return history.targets.weights[:, np.argsort(history.responses.items.ids)]


def dense(covariance, s):
    return np.array([covariance.row(k, s) for k in range(len(covariance.items))])


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
    assert greedy_design(covariance, 12, drift) == expected
    anchors = select_optimal_design(history, 12, rng=RNG, drift=drift)
    assert anchors.items == tuple(covariance.items[k] for k in expected)


def test_gains_are_divided_by_the_cost():
    history = make_history(30, 40, 2, seed=1)
    covariance = item_covariance(history)
    cost = np.random.default_rng(0).uniform(1, 3, 40)
    expected = exhaustive(covariance, weights_of(history), 12, (0.1,), cost)
    assert greedy_design(covariance, 12, (0.1,), cost) == expected
    assert expected != greedy_design(covariance, 12, (0.1,))


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
    chosen = open_variance(c, weights, greedy_design(covariance, 15, (0.1,)))[0]
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
