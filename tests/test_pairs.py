"""Calibration of differences: which pairs are drawn, quantiles, slopes, and small folds."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.build_plan import BuildPlan
from tinyeval.calibration import pairs as module
from tinyeval.calibration.calibrate import calibrate
from tinyeval.calibration.pairs import PairCases, calibrate_pairs, draw_pairs, pair_cases
from tinyeval.config import Settings
from tinyeval.learning import learn

FAST = Settings().replace(items=15, device="cpu", irt={"dimensions": [1]}, interval={"folds": 3})
SIZES = np.array([5])


def names(n):
    return tuple(f"model{k:04d}" for k in range(n))


# --- pairs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 4, 7, 20, 45, 100, 1500])
def test_every_model_is_in_equally_many_pairs_and_none_with_itself(n):
    one, two = draw_pairs(n, 0)
    assert (one != two).all()
    counts = np.bincount(np.concatenate([one, two]), minlength=n)
    assert_array_equal(counts, counts[0])
    assert 1 <= len(one) <= max(module.MAX_PAIRS, n)


@pytest.mark.parametrize("n", [2, 3, 4, 7, 20, 45])
def test_of_few_models_every_pair_is_drawn(n):
    one, two = draw_pairs(n, 3)
    assert {frozenset(pair) for pair in zip(one.tolist(), two.tolist(), strict=True)} == {
        frozenset((a, b)) for a in range(n) for b in range(a)
    }


def test_one_model_makes_no_pair():
    assert len(draw_pairs(1, 0)[0]) == 0


def test_pairs_follow_the_seed():
    def drawn(seed):
        one, two = draw_pairs(200, seed)
        return {frozenset(pair) for pair in zip(one.tolist(), two.tolist(), strict=True)}

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_cases_are_in_units_of_the_scale():
    answers = np.array([[1.0, 0.0], [0.0, 0.0]])
    mean, truth = np.array([[0.7], [0.4]]), np.array([[0.6], [0.5]])
    difference, error = pair_cases(
        mean, truth, np.full((2, 1), 0.1), answers, np.full((2, 2), 0.5),
        (np.array([0]), np.array([1])),
    )  # fmt: skip
    scale = np.sqrt(0.02)  # one of two answers differs, as is expected
    assert difference[0, 0] == pytest.approx(0.3 / scale)
    assert error[0, 0] == pytest.approx(0.2 / scale)


# --- quantiles and slopes -----------------------------------------------------------------------


def world(slope, n=20_000, seed=0, spread=1.0):
    """Differences and errors whose signs follow a logistic law of this slope."""
    rng = np.random.default_rng(seed)
    predicted = rng.normal(0, 3 * spread, n)
    true = predicted + rng.logistic(0, 1 / slope, n)  # P(true > 0) = sigmoid(slope * predicted)
    return PairCases(predicted[None, :, None], (predicted - true)[None, :, None])


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0.3, 1.0, 4.0])
def test_the_slope_of_a_logistic_law_is_found(slope):
    single = np.sort(np.random.default_rng(0).random((1, 5000, 1)), axis=1)
    found = calibrate_pairs(SIZES, [world(slope)], [world(slope)], (single, single))
    assert found.slope_inside[0, 0] == pytest.approx(slope, rel=0.1)


def test_ratios_are_as_many_quantiles_as_there_are_models():
    single = np.ones((1, 49, 1))
    cases = world(1.0)
    found = calibrate_pairs(SIZES, [cases], [cases], (single, single))
    assert found.inside.shape == (1, 49, 1)
    errors = np.abs(cases.error[0, :, 0])
    assert (errors <= found.inside[0, 44, 0]).mean() == pytest.approx(0.9, abs=1e-3)
    assert (np.diff(found.inside, axis=1) >= 0).all()


def test_pairs_all_ordered_rightly_leave_a_finite_slope_that_grows_with_the_models():
    difference = np.linspace(1, 3, 300)[None, :, None]
    cases = PairCases(difference, np.full_like(difference, 0.5))
    slopes = [
        calibrate_pairs(SIZES, [cases], [cases], (single, single)).slope_inside[0, 0]
        for single in (np.full((1, n, 1), 0.5) for n in (5, 50, 500))
    ]
    assert all(one < other for one, other in pairwise(slopes))
    assert 1 < slopes[0] < slopes[2] <= module.STEEPEST


def test_predictions_that_mislead_leave_it_even():
    difference = np.linspace(1, 3, 300)[None, :, None]
    cases = PairCases(difference, 2 * difference)  # the truth is the other way round
    single = np.ones((1, 300, 1))
    assert calibrate_pairs(SIZES, [cases], [cases], (single, single)).slope_inside[0, 0] == 0


def test_without_pairs_single_models_stand_in():
    nothing = PairCases(np.empty((1, 0, 1)), np.empty((1, 0, 1)))
    single = np.sort(np.abs(np.random.default_rng(0).normal(size=(1, 200, 1))), axis=1)
    found = calibrate_pairs(SIZES, [nothing], [nothing], (single, 2 * single))
    assert_array_equal(found.inside, single)
    assert_array_equal(found.beyond, 2 * single)
    # right with (1 + 0.6827) / 2 at one standard deviation, 1 inside and 2 beyond
    odds = np.log(1.6827 / 0.3173)
    assert found.slope_inside[0, 0] == pytest.approx(odds, rel=0.15)
    assert found.slope_beyond[0, 0] == pytest.approx(found.slope_inside[0, 0] / 2, rel=1e-6)


def test_pairs_whose_truth_is_unknown_do_not_count():
    known = world(1.0, 500)
    error = np.concatenate([known.error, np.full((1, 300, 1), np.nan)], axis=1)
    more = PairCases(np.concatenate([known.difference, np.ones((1, 300, 1))], axis=1), error)
    single = np.ones((1, 60, 1))
    one, other = (calibrate_pairs(SIZES, [c], [c], (single, single)) for c in (known, more))
    assert_array_equal(one.inside, other.inside)
    assert_array_equal(one.slope_inside, other.slope_inside)


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=40),
    st.integers(1, 100),
)
def test_any_pairs_give_finite_numbers(pairs, models):
    difference, error = np.array(pairs).T[:, None, :, None]
    single = np.ones((1, models, 1))
    cases = PairCases(difference, error)
    found = calibrate_pairs(SIZES, [cases], [cases], (single, single))
    assert 0 <= found.slope_inside[0, 0] <= module.STEEPEST
    assert np.isfinite(found.inside).all()


# --- in a build ---------------------------------------------------------------------------------


def calibrated(responses, folds=3):
    responses = responses.sorted()
    plan = BuildPlan.of(FAST, responses)
    learned = learn(responses, plan)

    def again(part):
        return learn(part, plan.within(part, learned.irt.dimensions))

    return calibrate(learned, again, folds=folds, seed=0)[:2]


@pytest.mark.slow
def test_a_build_calibrates_pairs_at_the_same_numbers_of_answers():
    single, pairs = calibrated(simulate(60, 60, seed=2, benchmarks=2)[0])
    assert_array_equal(pairs.sizes, single.sizes)
    assert pairs.inside.shape == single.inside.shape == (3, 60, 3)
    assert pairs.beyond.shape == single.beyond.shape
    assert (pairs.slope_inside > 0.5).all()
    assert (pairs.slope_inside < 4).all()


@pytest.mark.slow
@pytest.mark.parametrize(("models", "folds"), [(5, 5), (7, 5), (12, 5)])
def test_a_handful_of_models_is_enough(models, folds):
    _, pairs = calibrated(simulate(models, 40, seed=1)[0], folds)
    assert np.isfinite(pairs.half_width(np.ones(1), 15, 0.9, beyond=True)).all()
    assert 0.5 <= pairs.probability(np.ones(1), np.ones(1), 15, beyond=False)[0] < 1


@pytest.mark.slow
def test_missing_answers_are_no_obstacle():
    one = calibrated(simulate(80, 80, seed=1)[0])[1]
    other = calibrated(simulate(80, 80, seed=1, missing=0.04)[0])[1]
    assert_allclose(other.slope_inside[-1], one.slope_inside[-1], rtol=0.5)
    assert np.isfinite(other.inside).all()
