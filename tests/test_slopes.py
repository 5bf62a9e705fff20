"""Shifted difficulty whose slope the answers decide."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import make_history, split_models
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import expit

from tinyeval.errors import BankError
from tinyeval.estimators.shift import logits, with_slope
from tinyeval.estimators.shift_tables import PRECISION, Runs, weigh
from tinyeval.estimators.slopes import APART, KEPT, SlopeAverage, fit_slopes
from tinyeval.selection.base import equal_weights


def rng():
    return np.random.default_rng(0)


def some(history, n, seed=0):
    ids = sorted(history.responses.items.ids)
    return equal_weights(tuple(np.random.default_rng(seed).permutation(ids)[:n]))


def agents(source, slope, n=40, seed=1):
    """Answers of weak models on all items whose difficulties are ``slope`` times the history's."""
    p = expit(slope * logits(source) - 1.0)
    return (np.random.default_rng(seed).random((n, len(p))) < p).astype(float)


@pytest.fixture(scope="module")
def source():
    return make_history(60, 400, seed=3)


def test_the_slopes_have_the_prior_that_is_stated(source):
    fitted = fit_slopes(source, some(source, 20), rng=rng())
    assert_allclose(fitted.prior.sum(), 1.0)
    assert_allclose(fitted.prior @ fitted.slopes, KEPT)
    assert_allclose(fitted.prior @ (fitted.slopes - KEPT) ** 2, APART**2)


@pytest.mark.parametrize("kept", [0.6, 1.1])
def test_the_evidence_is_the_integral_over_delta(source, kept):
    anchors = some(source, 30)
    columns = source.positions(anchors.items)
    answers = agents(source, 0.7)[:3, columns]
    answers[0, :5] = np.nan
    tables, given = with_slope(source, anchors, kept).tables, weigh(answers)
    (found,) = tables.evidence(tables.solve(*given), *given)
    difficulty = kept * logits(source)[columns]
    for one, evidence in zip(answers, found, strict=True):
        seen = ~np.isnan(one)

        def density(delta, y=one[seen], b=difficulty[seen]):
            p = expit(b + delta)
            return np.prod(np.where(y > 0, p, 1 - p)) * np.exp(-PRECISION * delta**2 / 2)

        integral = np.log(quad(density, -6, 6, epsabs=0, limit=200)[0])
        assert evidence + 0.5 * np.log(2 * np.pi) == pytest.approx(integral, abs=0.05)


@pytest.mark.parametrize(
    ("slope", "low", "high", "ratio"), [(0.3, 0.5, 0.75, 1.0), (1.4, 0.95, 1.2, 1.02)]
)
def test_with_half_of_the_items_answered_the_slope_is_learned(source, slope, low, high, ratio):
    answers = agents(source, slope)
    few, half = (some(source, n) for n in (10, 200))
    kept, error = {}, {}
    for name, anchors in {"few": few, "half": half}.items():
        columns = source.positions(anchors.items)
        fitted = fit_slopes(source, anchors, rng=rng())
        given = weigh(answers[:, columns])
        shares = fitted.shares(fitted.tables.solve(*given), *given)
        kept[name] = fitted.slopes @ shares.mean(axis=1)
        both = (fitted, with_slope(source, anchors, KEPT))
        truth = answers @ source.targets.weights[0]
        error[name] = [
            np.abs(one.predict(answers[:, columns]).mean[:, 0] - truth).mean() for one in both
        ]
    assert low < kept["half"] < high
    assert abs(kept["few"] - KEPT) < abs(kept["half"] - KEPT)
    assert error["half"][0] < ratio * error["half"][1]


def test_runs_that_are_single_and_without_noise_of_their_own_change_nothing(source):
    anchors = some(source, 20)
    columns = source.positions(anchors.items)
    answers = agents(source, 0.7)[:5, columns]
    answers[1, 3] = np.nan
    fitted, n = fit_slopes(source, anchors, rng=rng()), len(columns)
    none = Runs(np.zeros(n), np.zeros(1), np.ones(answers.shape), np.ones(n))
    runs, plain = fitted.predict_runs(answers, none), fitted.predict(answers)
    assert_allclose(runs.mean[:, 1:], plain.mean, atol=1e-12)
    assert_allclose(runs.spread[:, 1:], plain.spread, atol=1e-12)


def test_it_survives_the_disk(source):
    history, new = split_models(make_history(50, 80, benchmarks=2, seed=1), 38)
    anchors = some(history, 15)
    answers = new.filled[:, new.positions(anchors.items)].astype(float)
    fitted = fit_slopes(history, anchors, rng=rng())
    again = SlopeAverage.from_state(fitted.state())
    assert_allclose(again.predict(answers).mean, fitted.predict(answers).mean, atol=0)


def test_the_overall_score_is_that_of_its_benchmarks_by_half():
    history, new = split_models(make_history(50, 90, benchmarks=3, seed=1), 38)
    anchors = some(history, 30)
    answers = new.filled[:, new.positions(anchors.items)].astype(float)
    fitted = fit_slopes(history, anchors, rng=rng())
    part = (history.targets.weights[1:] > 0) @ history.targets.weights[0]
    assert_allclose(fitted.overall, np.r_[0.5, 0.5 * part])
    assert_allclose(fitted.overall.sum(), 1.0)
    found = fitted.predict(answers).mean
    one = replace(fitted, overall=np.eye(4)[0]).predict(answers).mean
    assert_allclose(found[:, 0], 0.5 * one[:, 0] + 0.5 * one[:, 1:] @ part, atol=1e-12)
    assert_allclose(found[:, 1:], one[:, 1:], atol=0)


@pytest.mark.parametrize("name", ["prior", "expected", "noise", "weights", "offset", "overall"])
def test_states_of_the_wrong_shape(name):
    source = make_history(12, 20)
    state = fit_slopes(source, some(source, 5), rng=rng()).state()
    with pytest.raises(BankError, match=f"shift {name} has shape"):
        SlopeAverage.from_state({**state, name: np.zeros(4)})


def test_a_slope_without_weight_is_refused():
    source = make_history(12, 20)
    state = fit_slopes(source, some(source, 5), rng=rng()).state()
    with pytest.raises(BankError, match="shift has no slopes, or slopes without weight"):
        SlopeAverage.from_state({**state, "prior": np.zeros(5)})
