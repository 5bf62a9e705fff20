from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate, split_models

from tinyeval.estimators.means import fit_mean, fit_weighted_anchors
from tinyeval.selection.base import Anchors, equal_weights
from tinyeval.tables import Table


def fit(history, positions, weights=None, estimator=fit_mean):
    ids = tuple(history.responses.items.ids[k] for k in positions)
    anchors = equal_weights(ids) if weights is None else Anchors(ids, np.array(weights))
    return estimator(history, anchors, rng=np.random.default_rng(0))


def test_mean_is_the_mean_of_what_was_answered():
    fitted = fit(make_history(10, 20), [3, 1, 7, 2])
    answers = np.array([[1, 0, 1, 1], [1, np.nan, 0, np.nan]])
    np.testing.assert_allclose(fitted.predict(answers).mean, [[0.75], [0.5]])


def test_weighted_anchors_use_the_selectors_weights():
    fitted = fit(make_history(10, 20), [3, 1, 7], [0.5, 0.3, 0.2], fit_weighted_anchors)
    answers = np.array([[1, 0, 1], [np.nan, 1, 0]])
    np.testing.assert_allclose(fitted.predict(answers).mean, [[0.7], [0.6]])


def test_benchmarks_use_their_own_anchors_and_overall_where_they_have_none():
    history = make_history(10, 30, benchmarks=3)  # items 0, 3, 6, ... are of bench0
    fitted = fit(history, [0, 3, 1])
    answers = np.array([[1, 0, 1], [1, 0, np.nan]])
    expected = [[2 / 3, 1 / 2, 1, 2 / 3], [1 / 2, 1 / 2, 1 / 2, 1 / 2]]
    estimate = fitted.predict(answers)
    np.testing.assert_allclose(estimate.mean, expected)
    assert estimate.spread[1, 2] > estimate.spread[1, 0]


def test_answers_without_weight_count_alike():
    fitted = fit(make_history(10, 20), [3, 1, 7], [1.0, 0.0, 0.0], fit_weighted_anchors)
    estimate = fitted.predict(np.array([[np.nan, 1, 0]]))
    np.testing.assert_allclose(estimate.mean, 0.5)


def test_target_weights_weigh_the_answers():
    responses, irt = simulate(10, 4)
    items = Table(responses.items.ids, {"weight": np.array([1.0, 2.0, 3.0, 4.0])})
    history = history_of(replace(responses, items=items), irt)
    estimate = fit(history, [0, 3]).predict(np.array([[1, 0]]))
    np.testing.assert_allclose(estimate.mean, 0.2)


def test_nothing_is_left_open_when_every_item_is_answered():
    source, test = split_models(make_history(20, 30), 15)
    estimate = fit(source, range(30)).predict(test.filled)
    np.testing.assert_allclose(estimate.mean, test.target_values, atol=1e-6)
    assert (estimate.spread < 1e-5).all()


@pytest.mark.parametrize("benchmarks", [1, 2])
def test_spread_is_the_standard_error_of_a_random_sample(benchmarks):
    history = make_history(30, 100, benchmarks=benchmarks, seed=2)
    rng = np.random.default_rng(0)
    error2, spread2 = [], []
    for _ in range(60):
        positions = rng.choice(100, 30, replace=False)
        estimate = fit(history, positions).predict(history.filled[:, positions])
        error2.append((estimate.mean - history.target_values) ** 2)
        spread2.append(estimate.spread**2)
    np.testing.assert_allclose(np.mean(error2, (0, 1)), np.mean(spread2, (0, 1)), rtol=0.1)


def test_spread_shrinks_as_the_formula_says():
    fitted = fit(make_history(20, 50), range(16))
    answers = np.tile([1.0, 0.0], (1, 8))
    s2 = 0.25 + fitted.variance[0] / 16
    expected = np.sqrt(s2 / 16 * (1 - 16 / 50))
    np.testing.assert_allclose(fitted.predict(answers).spread, expected)


def test_an_external_column_is_as_uncertain_as_it_is_far_from_the_mean():
    history = make_history(40, 60, column=True)
    estimate = fit(history, range(60)).predict(history.filled)
    error = estimate.mean - history.target_values
    np.testing.assert_allclose(estimate.spread, np.sqrt((error**2).mean()), rtol=1e-3)
