"""The contract of every estimator in the registry."""

import importlib.util
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, split_models, take_items, take_models

from tinyeval.errors import ConfigError
from tinyeval.estimators import ESTIMATORS, get_estimator, load_estimator
from tinyeval.selection import get_selector
from tinyeval.selection.base import equal_weights

HISTORIES = {
    "plain": {},
    "benchmarks": {"benchmarks": 3},
    "missing": {"missing": 0.3},
    "graded": {"graded": True},
    "column": {"column": True},
    "two dimensions": {"dimensions": 2},
}


@pytest.fixture(params=ESTIMATORS)
def name(request):
    module = ESTIMATORS[request.param].function.partition(":")[0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not written yet")
    return request.param


def rng(seed=0):
    return np.random.default_rng(seed)


QUICK = {"mlp": {"epochs": 10}, "tiny_benchmarks": {"dimensions": (2, 5)}}
"""Less training where the contract, and not the quality, is what counts."""


def fit(name, history, anchors, seed=0):
    return get_estimator(name)(history, anchors, rng=rng(seed), **QUICK.get(name, {}))


def fit_well(name, history, anchors):
    return get_estimator(name)(history, anchors, rng=rng())


def random_anchors(history, n=12):
    return get_selector("random")(history, n, rng=rng(5))


def answers_on(history, anchors):
    return history.filled[:, history.positions(anchors.items)]


def assert_valid(estimate, n_models, n_targets):
    assert estimate.mean.shape == estimate.spread.shape == (n_models, n_targets)
    assert estimate.mean.dtype == estimate.spread.dtype == np.float64
    assert np.isfinite(estimate.mean).all()
    assert (estimate.mean >= 0).all()
    assert (estimate.mean <= 1).all()
    assert np.isfinite(estimate.spread).all()
    assert (estimate.spread > 0).all()
    assert estimate.novelty.shape == (n_models,)
    assert ((estimate.novelty >= 0) & (estimate.novelty <= 1)).all()


@pytest.mark.parametrize("options", HISTORIES.values(), ids=HISTORIES)
def test_estimates_are_valid_with_any_answers(name, options):
    source, test = split_models(make_history(36, 40, seed=1, **options), 28)
    anchors = random_anchors(source)
    fitted = fit(name, source, anchors)
    answers = answers_on(test, anchors).copy()
    answers[1, rng().random(12) < 0.5] = np.nan
    answers[2, 1:] = np.nan  # one answer
    answers[3, :-1] = np.nan
    answers[4], answers[5] = 0.0, 1.0
    answers[6] = 0.5
    estimate = fitted.predict(answers)
    assert_valid(estimate, 8, len(source.targets.names))
    assert (estimate.mean[5] > estimate.mean[4]).any()


def test_a_saved_estimator_predicts_identically(name):
    source, test = split_models(make_history(30, 40, benchmarks=2, seed=2), 24)
    anchors = random_anchors(source)
    fitted = fit(name, source, anchors)
    state = fitted.state()
    assert all(isinstance(value, np.ndarray) for value in state.values())
    assert all(value.dtype.kind in "fiub" for value in state.values())
    loaded = load_estimator(name, {key: value.copy() for key, value in state.items()})
    answers = answers_on(test, anchors).copy()
    answers[0, ::2] = np.nan
    saved, again = fitted.predict(answers), loaded.predict(answers)
    np.testing.assert_array_equal(saved.mean, again.mean)
    np.testing.assert_array_equal(saved.spread, again.spread)
    np.testing.assert_array_equal(saved.novelty, again.novelty)


@pytest.mark.parametrize("options", [{}, {"missing": 0.2, "benchmarks": 2}], ids=["full", "sparse"])
def test_order_of_models_and_items_does_not_matter(name, options):
    source, test = split_models(make_history(36, 40, seed=3, **options), 28)
    anchors = random_anchors(source)
    shuffled = take_models(source, rng(1).permutation(28))
    shuffled = take_items(shuffled, rng(2).permutation(40))
    answers = answers_on(test, anchors)
    plain = fit(name, source, anchors).predict(answers)
    again = fit(name, shuffled, anchors).predict(answers)
    np.testing.assert_allclose(plain.mean, again.mean, atol=1e-4)
    np.testing.assert_allclose(plain.spread, again.spread, atol=1e-4)


def test_a_model_is_estimated_alike_alone_and_among_others(name):
    source, test = split_models(make_history(30, 40, seed=4), 20)
    anchors = random_anchors(source)
    fitted = fit(name, source, anchors)
    answers = answers_on(test, anchors).copy()
    answers[0, ::3] = np.nan
    together, alone = fitted.predict(answers), fitted.predict(answers[:1])
    np.testing.assert_allclose(together.mean[:1], alone.mean, atol=1e-6)
    np.testing.assert_allclose(together.spread[:1], alone.spread, atol=1e-6)


def test_nothing_else_changes_and_the_seed_decides(name):
    source, test = split_models(make_history(30, 40, missing=0.1, seed=5), 20)
    anchors = random_anchors(source)
    answers = answers_on(test, anchors).copy()
    answers[0, 0] = np.nan
    kept = source.responses.scores.copy(), answers.copy(), np.random.get_state()[1].copy()
    first = fit(name, source, anchors, seed=1).predict(answers)
    second = fit(name, source, anchors, seed=1).predict(answers)
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(source.responses.scores, kept[0])
    np.testing.assert_array_equal(answers, kept[1])
    np.testing.assert_array_equal(np.random.get_state()[1], kept[2])


@pytest.mark.parametrize("n", [1, 40])
def test_one_anchor_or_all_items_are_enough(name, n):
    source, test = split_models(make_history(30, 40, seed=6), 24)
    anchors = random_anchors(source, n)
    estimate = fit(name, source, anchors).predict(answers_on(test, anchors))
    assert_valid(estimate, 6, 1)


def test_anchors_that_every_model_answered_alike_are_tolerated(name):
    history = make_history(24, 30, seed=7)
    scores = history.responses.scores.copy()
    constant = [0, 1, 2]
    scores[:, constant] = [1.0, 0.0, 1.0]
    history = history_of(replace(history.responses, scores=scores), history.fit)
    anchors = equal_weights(history.responses.items.ids[:8])
    fitted = fit(name, history, anchors)
    answers = np.vstack([1.0 - scores[:2, :8], scores[:2, :8]])
    answers[0, 4:] = np.nan
    assert_valid(fitted.predict(answers), 4, 1)


@pytest.mark.parametrize("options", [{}, {"graded": True}, {"missing": 0.2}], ids=str)
def test_estimates_beat_the_mean_of_the_source_models(name, options):
    source, test = split_models(make_history(220, 100, seed=8, **options), 120)
    anchors = random_anchors(source, 30)
    estimate = fit_well(name, source, anchors).predict(answers_on(test, anchors))
    error = np.abs(estimate.mean - test.target_values)[:, 0]
    baseline = np.abs(source.target_values.mean(axis=0) - test.target_values)[:, 0]
    assert error.mean() < 0.6 * baseline.mean()


def test_benchmarks_are_told_apart(name):
    source, test = split_models(make_history(200, 100, seed=9, dimensions=2, benchmarks=2), 120)
    anchors = random_anchors(source, 40)
    estimate = fit_well(name, source, anchors).predict(answers_on(test, anchors))
    error = np.abs(estimate.mean - test.target_values).mean(axis=0)
    baseline = np.abs(source.target_values.mean(axis=0) - test.target_values).mean(axis=0)
    assert (error < 0.7 * baseline).all()


def test_spread_is_of_the_size_of_the_errors(name):
    source, test = split_models(make_history(220, 120, seed=10), 120)
    anchors = random_anchors(source, 30)
    answers = answers_on(test, anchors).copy()
    for hidden in (0.0, 0.5):
        answers[:, rng(1).random(30) < hidden] = np.nan
        estimate = fit_well(name, source, anchors).predict(answers)
        z = (estimate.mean - test.target_values) / estimate.spread
        assert 0.5 < np.sqrt((z**2).mean()) < 1.6


def test_fewer_answers_mean_more_spread(name):
    source, test = split_models(make_history(100, 80, seed=11), 60)
    anchors = random_anchors(source, 30)
    fitted = fit_well(name, source, anchors)
    answers = answers_on(test, anchors).copy()
    whole = fitted.predict(answers).spread.mean()
    answers[:, 10:] = np.nan
    assert fitted.predict(answers).spread.mean() > 1.2 * whole


@pytest.mark.slow
def test_loading_needs_neither_scikit_learn_nor_torch():
    modules = sorted({one.function.partition(":")[0] for one in ESTIMATORS.values()})
    code = (
        "import sys, importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "assert not {'sklearn', 'torch', 'scipy', 'pyro'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"'men'.*mean, weighted_anchors"):
        get_estimator("men")
    with pytest.raises(ConfigError, match="'men'"):
        load_estimator("men", {})


@pytest.mark.parametrize("options", [{}, {"benchmarks": 3}, {"column": True}])
def test_a_model_is_predicted_alone_as_among_others(name, options):
    source, new = split_models(make_history(60, 40, **options), 30)
    anchors = random_anchors(source)
    answers = answers_on(new, anchors).astype(float)
    generator = rng(3)
    answers[:20][generator.random((20, len(anchors))) < 0.4] = np.nan
    answers[20:25, 4:] = np.nan  # and some share a pattern
    answers[np.isnan(answers).all(axis=1), 0] = 1.0
    fitted = fit(name, source, anchors)
    together = fitted.predict(answers)
    backwards = fitted.predict(answers[::-1])
    for k in range(len(answers)):
        alone = fitted.predict(answers[k : k + 1])
        for part in ("mean", "spread", "novelty"):
            expected = getattr(together, part)[k]
            np.testing.assert_allclose(getattr(alone, part)[0], expected, atol=1e-9)
            np.testing.assert_allclose(getattr(backwards, part)[-1 - k], expected, atol=1e-9)
