"""Kriging against dense Gaussian conditioning, and evidence averaging by hand."""

import numpy as np
import pytest
from helpers import make_history, split_models, take_items, take_models
from numpy.testing import assert_allclose
from scipy.linalg import solve
from scipy.stats import multivariate_normal

from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ConfigError
from tinyeval.estimators.kriging import DRIFT_GRID, NOVEL_DRIFT, Kriging, fit_kriging
from tinyeval.selection.base import Anchors, equal_weights
from tinyeval.selection.optimal_design import select_optimal_design

RNG = np.random.default_rng(0)
JITTER = 1e-6


def some(history, n, seed=0) -> Anchors:
    ids = sorted(history.responses.items.ids)
    return equal_weights(tuple(np.random.default_rng(seed).permutation(ids)[:n]))


def answers_of(history, anchors):
    return history.responses.align(anchors.items).astype(float)


def oracle(history, anchors, answers, drift, temper):
    """Mean, standard deviation and novelty of one model, from dense matrices."""
    covariance = item_covariance(history)
    at = [covariance.items.index(one) for one in anchors.items]
    means, variances, evidence = [], [], []
    for s in drift:
        c = np.array([covariance.row(k, s) for k in range(len(covariance.items))])
        cross = covariance.with_targets(s)[at]
        anchored = c[np.ix_(at, at)] + JITTER * np.eye(len(at))
        gain = solve(anchored, cross, assume_a="pos")
        means.append(covariance.target_mean + (answers - covariance.mean[at]) @ gain)
        variances.append(covariance.target_variance(s) - (cross * gain).sum(0))
        likelihood = multivariate_normal(covariance.mean[at], anchored).logpdf(answers)
        evidence.append(likelihood / temper)
    weight = np.exp(np.array(evidence) - max(evidence))
    weight /= weight.sum()
    mean = weight @ np.array(means)
    second = weight @ (np.array(variances) + np.array(means) ** 2)
    return mean, np.sqrt(second - mean**2), weight[np.array(drift) >= NOVEL_DRIFT].sum()


@pytest.mark.parametrize("options", [{}, {"benchmarks": 2}, {"graded": True}, {"column": True}])
@pytest.mark.parametrize(("drift", "temper"), [((0.0,), 2.0), (DRIFT_GRID, 2.0), (DRIFT_GRID, 1.0)])
def test_predictions_are_those_of_dense_matrices(options, drift, temper):
    source, new = split_models(make_history(50, 40, 2, seed=2, **options), 40)
    anchors = some(source, 12)
    answers = answers_of(new, anchors)
    estimate = fit_kriging(source, anchors, rng=RNG, drift=drift, temper=temper).predict(answers)
    for k in range(10):
        mean, spread, novelty = oracle(source, anchors, answers[k], drift, temper)
        assert_allclose(estimate.mean[k], mean, atol=1e-8)
        assert_allclose(estimate.spread[k], spread, atol=1e-7)
        assert estimate.novelty[k] == pytest.approx(novelty, abs=1e-7)


@pytest.mark.parametrize("options", [{}, {"benchmarks": 2}, {"graded": True}])
def test_with_every_item_answered_the_target_is_exact(options):
    source, new = split_models(make_history(50, 40, 2, **options), 35)
    anchors = some(source, 40)
    estimate = fit_kriging(source, anchors, rng=RNG).predict(answers_of(new, anchors))
    assert_allclose(estimate.mean, new.target_values, atol=1e-5)
    assert estimate.spread.max() < 1e-3


def test_an_external_score_stays_uncertain_however_much_is_answered():
    source, new = split_models(make_history(80, 40, column=True), 60)
    anchors = some(source, 40)
    estimate = fit_kriging(source, anchors, rng=RNG).predict(answers_of(new, anchors))
    error = np.abs(estimate.mean - new.target_values)
    assert error.mean() < 0.5 * np.abs(source.target_values.mean(0) - new.target_values).mean()
    assert estimate.spread.min() > 0.009  # the noise of simulate()


def test_an_unanswered_anchor_is_as_good_as_none():
    source, new = split_models(make_history(50, 40, 2, benchmarks=2), 40)
    anchors = some(source, 12)
    answers = answers_of(new, anchors)
    answers[:, [1, 5, 6]] = np.nan
    fewer = equal_weights(tuple(one for k, one in enumerate(anchors.items) if k not in (1, 5, 6)))
    whole = fit_kriging(source, anchors, rng=RNG).predict(answers)
    part = fit_kriging(source, fewer, rng=RNG).predict(answers_of(new, fewer))
    assert_allclose(whole.mean, part.mean, atol=1e-10)
    assert_allclose(whole.spread, part.spread, atol=1e-10)
    assert_allclose(whole.novelty, part.novelty, atol=1e-10)


def test_models_are_predicted_alone_whatever_the_others_answered():
    source, new = split_models(make_history(60, 40, 2), 40)
    anchors = some(source, 10)
    answers = answers_of(new, anchors)
    answers[np.random.default_rng(0).random(answers.shape) < 0.3] = np.nan
    answers[:, 0] = 1.0
    estimator = fit_kriging(source, anchors, rng=RNG)
    together = estimator.predict(answers)
    for k in range(20):
        alone = estimator.predict(answers[k : k + 1])
        assert_allclose(alone.mean[0], together.mean[k], atol=1e-12)
        assert_allclose(alone.spread[0], together.spread[k], atol=1e-12)


def test_more_answers_leave_less_spread_on_average():
    source, new = split_models(make_history(120, 80, 2), 60)
    anchors = some(source, 40)
    estimator, answers = fit_kriging(source, anchors, rng=RNG), answers_of(new, anchors)
    spreads = []
    for n in (5, 10, 20, 40):
        cut = answers.copy()
        cut[:, n:] = np.nan
        spreads.append(estimator.predict(cut).spread.mean())
    assert (np.diff(spreads) < 0).all()


def test_answers_as_expected_keep_the_prior_and_answers_unlike_them_move_to_drift():
    source = make_history(60, 80)
    anchors = select_optimal_design(source, 30, rng=RNG)
    estimator = fit_kriging(source, anchors, rng=RNG)
    easy_wrong = (estimator.mean < np.median(estimator.mean)).astype(float)
    expected, strange = estimator.predict(np.array([estimator.mean, easy_wrong])).novelty
    assert expected < np.mean(np.array(DRIFT_GRID) >= NOVEL_DRIFT)
    assert strange > 0.9


def test_where_source_models_leave_off_drift_trusts_a_models_own_answers():
    history = make_history(200, 120, seed=4)
    order = np.argsort(history.target_values[:, 0])
    weak, strong = take_models(history, order[:80]), take_models(history, order[-30:])
    anchors = select_optimal_design(weak, 30, rng=RNG)
    answers, truth = answers_of(strong, anchors), strong.target_values[:, 0]
    bias = [
        (fit_kriging(weak, anchors, rng=RNG, drift=d).predict(answers).mean[:, 0] - truth).mean()
        for d in ((0.0,), DRIFT_GRID)
    ]
    assert bias[0] < -0.05
    assert abs(bias[1]) < 0.5 * abs(bias[0])


def test_estimates_stay_scores_and_spreads_stay_positive():
    one, many = np.ones(1), np.ones((1, 1, 1))
    steep = Kriging(0.5 * one, 0.9 * one, many, many, many[0], 0 * one, 0 * one, one[0])
    estimate = steep.predict(np.array([[1.0], [0.5], [0.0]]))
    assert_allclose(estimate.mean[:, 0], [1.0, 0.9, 0.4])
    assert_allclose(estimate.spread[:, 0], 1e-5)  # nothing is left open


@pytest.mark.parametrize("options", [{"missing": 0.1}, {"column": True}])
def test_the_order_of_models_and_items_changes_nothing(options):
    source, new = split_models(make_history(50, 40, 2, **options), 40)
    rng = np.random.default_rng(0)
    shuffled = take_models(take_items(source, rng.permutation(40)), rng.permutation(40))
    anchors = some(source, 10)
    answers = answers_of(new, anchors)
    answers[:, 0] = 0.0
    one = fit_kriging(source, anchors, rng=RNG).predict(answers)
    other = fit_kriging(shuffled, anchors, rng=RNG).predict(answers)
    assert_allclose(one.mean, other.mean, atol=1e-7)
    assert_allclose(one.spread, other.spread, atol=1e-7)


def test_a_state_of_plain_arrays_predicts_the_same():
    source, new = split_models(make_history(50, 40, benchmarks=2), 40)
    anchors = some(source, 10)
    estimator = fit_kriging(source, anchors, rng=RNG)
    state = estimator.state()
    assert all(type(one) is np.ndarray and one.dtype == np.float64 for one in state.values())
    again = Kriging.from_state(state).predict(answers_of(new, anchors))
    assert_allclose(again.mean, estimator.predict(answers_of(new, anchors)).mean, atol=0)


def test_singular_source_models_do_not_break_it():
    source, new = split_models(make_history(12, 40), 2)
    anchors = some(source, 30)
    estimate = fit_kriging(source, anchors, rng=RNG, irt_share=0, shrinkage=0).predict(
        answers_of(new, anchors)
    )
    assert np.isfinite(estimate.mean).all()
    assert np.isfinite(estimate.spread).all()


def test_a_history_that_moved_little_makes_large_drift_improbable():
    source, _ = split_models(make_history(40, 60), 30)
    anchors = some(source, 10)
    drift = np.array([0.0, 0.1, 0.3])
    fitted = fit_kriging(
        source,
        anchors,
        rng=np.random.default_rng(0),
        drift=drift.tolist(),
        undrifted=0.6,
        moved=0.1,
    )
    prior = np.array([0.0, 0.2 / 2, 0.2 / 10])
    prior[0] = 1 - prior.sum()
    assert_allclose(np.exp(fitted.log_prior), prior)
    with pytest.raises(ConfigError, match="moved must be above 0, found 0"):
        fit_kriging(source, anchors, rng=np.random.default_rng(0), moved=0)
