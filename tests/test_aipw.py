from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate, split_models
from sklearn.linear_model import Ridge

from tinyeval.errors import ConfigError
from tinyeval.estimators.aipw import fit_aipw
from tinyeval.estimators.common import own_weights
from tinyeval.selection.base import equal_weights
from tinyeval.selection.random import select_random
from tinyeval.tables import Table


def rng(seed=0):
    return np.random.default_rng(seed)


def published(source, seen, y, alpha=10.0):
    """The estimate of the authors' formula, with equal item weights."""
    x = source.T.astype(float)
    rest = np.setdiff1d(np.arange(len(x)), seen)
    model = Ridge(alpha).fit(x[seen], y)
    gap = model.predict(x[rest]).mean() - model.predict(x[seen]).mean()
    return y.mean() + gap / (1 + len(seen) / len(rest))


@pytest.mark.parametrize(("n", "alpha"), [(5, 10.0), (25, 10.0), (25, 0.3)])
def test_the_estimate_is_the_published_one(n, alpha):
    source, test = split_models(make_history(30, 60, seed=1), 24)
    anchors = select_random(source, n, rng=rng())
    columns = source.positions(anchors.items)
    answers = test.filled[:, columns].astype(float)
    found = fit_aipw(source, anchors, rng=rng(), alpha=alpha).predict(answers).mean[:, 0]
    expected = [published(source.filled, columns, y, alpha) for y in answers]
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_unanswered_anchors_count_as_any_other_unseen_item():
    source, test = split_models(make_history(30, 60, seed=2), 24)
    anchors = select_random(source, 20, rng=rng())
    answers = test.filled[:, source.positions(anchors.items)].astype(float)
    answers[:, 12:] = np.nan
    few = fit_aipw(source, anchors.head(12), rng=rng()).predict(answers[:, :12])
    many = fit_aipw(source, anchors, rng=rng()).predict(answers)
    np.testing.assert_allclose(many.mean, few.mean, atol=1e-9)
    np.testing.assert_allclose(many.spread, few.spread, atol=1e-9)


def test_weighted_items_and_benchmarks_follow_the_difference_estimator():
    responses, fit = simulate(30, 40, seed=3, benchmarks=2)
    items = responses.items.with_columns(weight=rng(1).uniform(0.2, 3.0, 40))
    source, test = split_models(history_of(replace(responses, items=items), fit), 24)
    anchors = select_random(source, 15, rng=rng())
    seen = source.positions(anchors.items)
    rest = np.setdiff1d(np.arange(40), seen)
    answers = test.filled[:, seen].astype(float)
    found = fit_aipw(source, anchors, rng=rng()).predict(answers).mean
    x = source.filled.T.astype(float)
    for row, y in zip(found, answers, strict=True):
        model = Ridge(10.0).fit(x[seen], y)
        residual = y - model.predict(x[seen])
        for estimate, w in zip(row, source.targets.weights, strict=True):
            expected = w[seen] @ y + w[rest] @ model.predict(x[rest])
            expected += w[rest].sum() * (w[seen] @ residual) / w[seen].sum()
            assert estimate == pytest.approx(expected, abs=1e-7)


def test_all_items_answered_leave_nothing_to_estimate():
    source, test = split_models(make_history(20, 30, seed=4, benchmarks=2), 15)
    anchors = equal_weights(source.responses.items.ids)
    estimate = fit_aipw(source, anchors, rng=rng()).predict(test.filled)
    np.testing.assert_allclose(estimate.mean, test.target_values, atol=1e-6)
    assert estimate.spread.max() < 1e-3


def test_a_model_beyond_the_source_models_is_followed():
    history = make_history(60, 200, seed=5)
    strength = np.argsort(history.target_values[:, 0])
    responses = history.responses
    source = history_of(
        responses.take(strength[:40]),
        replace(history.fit, ability=history.fit.ability[strength[:40]]),
    )
    test = responses.take(strength[-6:])
    truth = test.scores.mean(axis=1)
    errors = []
    for seed in range(20):
        anchors = select_random(source, 50, rng=rng(seed))
        estimate = fit_aipw(source, anchors, rng=rng()).predict(test.align(anchors.items))
        errors.append(estimate.mean[:, 0] - truth)
    assert abs(np.mean(errors)) < 0.02


def test_one_answer_has_the_spread_of_a_typical_answer():
    source, test = split_models(make_history(30, 50, seed=6), 24)
    anchors = select_random(source, 1, rng=rng())
    answers = test.filled[:, source.positions(anchors.items)]
    fitted = fit_aipw(source, anchors, rng=rng())
    scores = source.filled.astype(float)
    variance = (scores.mean(axis=1) * (1 - scores.mean(axis=1))).mean()
    expected = np.sqrt(variance * (1 - 1 / 50))
    np.testing.assert_allclose(fitted.predict(answers).spread, expected, rtol=1e-4)


def test_no_answer_of_a_source_model_is_kept():
    source = make_history(200, 50, seed=7)
    state = fit_aipw(source, select_random(source, 10, rng=rng()), rng=rng()).state()
    assert max(value.size for value in state.values()) == 100


def test_own_weights_fall_back_on_the_overall_ones():
    weights = np.array([[1.0, 3.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    np.testing.assert_allclose(
        own_weights(weights), [[0.25, 0.75, 0.0], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]
    )
    np.testing.assert_allclose(own_weights(np.zeros((1, 4))), [[0.25] * 4])


def test_items_without_weight_may_be_the_only_ones_answered():
    responses, fit = simulate(20, 12, seed=8)
    items = Table(responses.items.ids, {"weight": np.repeat([1.0, 0.0], 6)})
    history = history_of(replace(responses, items=items), fit)
    anchors = equal_weights(responses.items.ids[6:])
    estimate = fit_aipw(history, anchors, rng=rng()).predict(history.filled[:, 6:])
    assert np.abs(estimate.mean - history.target_values).mean() < 0.3


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_a_penalty_that_is_not_positive_is_refused(alpha):
    history = make_history(10, 10)
    with pytest.raises(ConfigError, match="alpha must be above 0"):
        fit_aipw(history, select_random(history, 3, rng=rng()), rng=rng(), alpha=alpha)
