"""Shifted difficulty: one free number for each new model."""

import numpy as np
import pytest
from helpers import make_history, split_models
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import expit, logit

from tinyeval.errors import BankError, ConfigError
from tinyeval.estimators.shift import ShiftEstimator, fit_shift
from tinyeval.estimators.shift_tables import PRECISION
from tinyeval.selection.base import equal_weights


def rng(seed=0):
    return np.random.default_rng(seed)


def some(history, n, seed=0):
    ids = sorted(history.responses.items.ids)
    return equal_weights(tuple(rng(seed).permutation(ids)[:n]))


def exact(history, anchors, answers):
    """The overall estimate of one model by scipy's root finder."""
    difficulty = logit(np.clip(history.filled.astype(float).mean(0), 0.01, 0.99))
    columns = history.positions(anchors.items)
    seen = ~np.isnan(answers)
    asked, given = columns[seen], answers[seen]

    def equation(delta):
        return (given - expit(difficulty[asked] + delta)).sum() - PRECISION * delta

    p = expit(difficulty + brentq(equation, -30, 30))
    p[asked] = given
    return history.targets.weights[0] @ p


@pytest.mark.parametrize("options", [{}, {"benchmarks": 3}, {"graded": True}, {"missing": 0.2}])
def test_the_estimate_is_the_mode_under_the_prior(options):
    source, new = split_models(make_history(50, 80, seed=1, **options), 38)
    anchors = some(source, 15)
    answers = new.filled[:, new.positions(anchors.items)].astype(float)
    answers[0, 4:] = np.nan
    answers[1], answers[2] = 0.0, 1.0
    found = fit_shift(source, anchors, rng=rng()).predict(answers)
    expected = [exact(source, anchors, one) for one in answers]
    assert_allclose(found.mean[:, 0], expected, atol=1e-4)
    assert (found.novelty == 0).all()


def test_a_benchmark_has_a_shift_of_its_own():
    history = make_history(60, 120, benchmarks=2, seed=5)
    anchors = some(history, 40)
    where = history.targets.weights[1:, history.positions(anchors.items)] > 0
    fitted = fit_shift(history, anchors, rng=rng())
    answers = np.where(where, 1.0, 0.0)  # each model knows one benchmark and not the other
    found = fitted.predict(answers).mean
    assert (np.diag(found[:, 1:]) > 0.75).all()
    assert (found[[0, 1], [2, 1]] < 0.25).all()
    assert (np.abs(found[:, 0] - 0.5) < 0.2).all()
    answers[0, where[1]] = np.nan  # the other benchmark was not asked
    assert fitted.predict(answers).mean[0, 2] > 0.6


def test_a_model_far_above_the_history_is_not_pulled_back():
    history = make_history(200, 400, seed=3)
    score = history.responses.scores.mean(1)
    order = np.argsort(score)
    weak, strong = history.take(order[:100]), history.take(order[-20:])
    anchors = some(weak, 60)
    answers = strong.responses.align(anchors.items).astype(float)
    error = fit_shift(weak, anchors, rng=rng()).predict(answers).mean[:, 0]
    error = error - strong.responses.scores.mean(1)
    assert np.abs(error).mean() < 0.06
    assert abs(error.mean()) < 0.03


def test_the_spread_is_about_the_error():
    ratio = []
    for seed in range(6):
        source, new = split_models(make_history(90, 200, seed=seed), 60)
        anchors = some(source, 25, seed)
        found = fit_shift(source, anchors, rng=rng()).predict(
            new.responses.align(anchors.items).astype(float)
        )
        ratio += list((found.mean - new.target_values)[:, 0] / found.spread[:, 0])
    assert 0.7 < np.std(ratio) < 1.5


def test_nothing_is_left_to_guess_where_every_item_was_asked():
    source, new = split_models(make_history(40, 30, benchmarks=2, seed=2), 30)
    anchors = some(source, 30)
    answers = new.responses.align(anchors.items).astype(float)
    found = fit_shift(source, anchors, rng=rng()).predict(answers)
    assert_allclose(found.mean, new.target_values, atol=1e-6)
    assert found.spread.max() < 0.01


def test_more_right_answers_are_a_higher_score():
    source = make_history(40, 60, seed=4)
    anchors = some(source, 20)
    fitted = fit_shift(source, anchors, rng=rng())
    ladder = np.tril(np.ones((21, 20)), -1)
    assert (np.diff(fitted.predict(ladder).mean[:, 0]) > 0).all()


@pytest.mark.parametrize("name", ["anchors", "expected", "noise", "weights", "offset"])
def test_states_of_the_wrong_shape(name):
    source = make_history(12, 20)
    state = fit_shift(source, some(source, 5), rng=rng()).state()
    with pytest.raises(BankError, match=f"shift {name} has shape"):
        ShiftEstimator.from_state({**state, name: np.zeros(4)})


def test_models_of_another_kind_keep_a_part_of_the_difficulties():
    source, new = split_models(make_history(50, 80, seed=1), 38)
    anchors = some(source, 15)
    answers = new.filled[:, new.positions(anchors.items)].astype(float)
    half = fit_shift(source, anchors, rng=rng(), kept=0.5)
    difficulty = logit(np.clip(source.filled.astype(float).mean(0), 0.01, 0.99))
    columns = source.positions(anchors.items)
    assert_allclose(half.anchors[160], expit(0.5 * difficulty[columns]), atol=1e-6)
    # without differences in difficulty only the number of right answers counts
    none = fit_shift(source, anchors, rng=rng(), kept=0.0).predict(answers).mean[:, 0]
    order = np.argsort(answers.sum(1), kind="stable")
    assert (np.diff(none[order]) >= -1e-9).all()
    with pytest.raises(ConfigError, match=r"kept must lie between 0 and 1, found 1\.5"):
        fit_shift(source, anchors, rng=rng(), kept=1.5)
