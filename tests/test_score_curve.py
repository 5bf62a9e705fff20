from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate, split_models
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from tinyeval.estimators.score_curve import (
    BENDS,
    SEGMENTS,
    SLOPES,
    _fit_curves,
    fit_score_curve,
    spline_basis,
)
from tinyeval.irt.ability import estimate_ability
from tinyeval.selection.base import equal_weights
from tinyeval.selection.random import select_random


def rng(seed=0):
    return np.random.default_rng(seed)


def test_the_basis_is_that_of_scipy():
    low, high = -1.5, 2.0
    width = (high - low) / SEGMENTS
    knots = low + width * np.arange(-3, SEGMENTS + 4)
    x = np.linspace(low, high, 77)
    expected = BSpline.design_matrix(x, knots, 3, extrapolate=True).toarray()
    found = spline_basis(x[:, None], np.array([low]), np.array([high]))[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(-100, 100), st.floats(1e-3, 100))
def test_splines_sum_to_one_everywhere(x, low, span):
    basis = spline_basis(np.array([[x]]), np.array([low]), np.array([low + span]))
    assert basis.min() >= -1e-12
    assert basis.sum() == pytest.approx(1.0)


def test_beyond_the_ends_the_value_holds():
    x = np.array([[-5.0], [0.0], [1.0], [9.0]])
    basis = spline_basis(x, np.zeros(1), np.ones(1))
    np.testing.assert_array_equal(basis[0], basis[1])
    np.testing.assert_array_equal(basis[2], basis[3])


def penalised(basis, y, slope, bend):
    """The same fit by least squares on stacked rows, the offset free."""
    models, features, splines = basis.shape
    rows = [np.column_stack([np.ones(models), basis.reshape(models, -1)])]
    for weight, order in ((slope, 1), (bend, 2)):
        block = np.kron(np.eye(features), np.diff(np.eye(splines), order, axis=0))
        rows.append(np.sqrt(weight) * np.column_stack([np.zeros(len(block)), block]))
    design = np.vstack(rows)
    values = np.concatenate([y, np.zeros(len(design) - models)])
    return np.linalg.lstsq(design, values, rcond=None)[0]


@pytest.mark.slow
def test_curves_minimise_the_penalised_loss_of_the_least_leave_one_out_error():
    x = rng(1).uniform(-1, 1, (14, 2))
    y = np.tanh(2 * x[:, 0]) + 0.3 * x[:, 1] + rng(2).normal(0, 0.05, 14)
    basis = spline_basis(x, np.full(2, -3.0), np.full(2, 3.0))
    flat = basis.reshape(14, -1)
    best = (np.inf, None)
    for slope in SLOPES:
        for bend in BENDS:
            missed = []
            for k in range(14):
                rest = np.arange(14) != k
                beta = penalised(basis[rest], y[rest], slope, bend)
                missed.append(y[k] - beta[0] - flat[k] @ beta[1:])
            loss = np.mean(np.square(missed))
            if loss < best[0]:
                best = (loss, penalised(basis, y, slope, bend))
    offset, coefficients, loss = _fit_curves(basis, y)
    assert loss == pytest.approx(best[0], rel=1e-4)
    found = offset + flat @ coefficients.ravel()
    np.testing.assert_allclose(found, best[1][0] + flat @ best[1][1:], atol=1e-5)


def test_a_bent_curve_is_found_and_goes_on_straight():
    x = rng(3).uniform(0, 1, (400, 1))
    y = x[:, 0] ** 2 + rng(4).normal(0, 0.01, 400)
    low, high = np.array([-1.0]), np.array([2.0])
    offset, coefficients, loss = _fit_curves(spline_basis(x, low, high), y)
    grid = np.array([[0.1], [0.5], [0.9]])
    inside = offset + spline_basis(grid, low, high)[:, 0] @ coefficients[0]
    np.testing.assert_allclose(inside, grid[:, 0] ** 2, atol=0.01)
    assert loss == pytest.approx(1e-4, rel=0.2)
    beyond = (
        offset + spline_basis(np.array([[1.0], [1.1], [1.2]]), low, high)[:, 0] @ coefficients[0]
    )
    assert (np.diff(beyond) > 0.1).all()


def test_one_dimension_recovers_the_test_characteristic_curve():
    source, test = split_models(make_history(300, 200, seed=5), 250)
    anchors = select_random(source, 60, rng=rng())
    fitted = fit_score_curve(source, anchors, rng=rng())
    answers = test.filled[:, source.positions(anchors.items)]
    found = fitted.predict(answers).mean[:, 0]
    theta = estimate_ability(fitted.model, answers).mean
    curve = source.fit.model.probability(theta).mean(axis=1)
    assert np.abs(found - curve).mean() < 0.02


def test_the_curve_bends_where_the_target_does():
    responses, fit = simulate(200, 80, seed=6)
    share = responses.scores.mean(axis=1)
    models = responses.models.with_columns(full=np.clip(share, 0.4, 0.6))
    history = history_of(replace(responses, models=models), fit, "full")
    source, test = split_models(history, 150)
    anchors = select_random(source, 40, rng=rng())
    answers = test.filled[:, source.positions(anchors.items)]
    error = fit_score_curve(source, anchors, rng=rng()).predict(answers).mean - test.target_values
    line = np.polyfit(*(one.ravel() for one in (source.filled.mean(1), source.target_values)), 1)
    straight = np.polyval(line, test.filled.mean(axis=1)) - test.target_values[:, 0]
    assert np.abs(error).mean() < np.abs(straight).mean()


def test_unanswered_anchors_count_by_their_expected_score():
    source, test = split_models(make_history(60, 40, seed=7), 50)
    anchors = select_random(source, 15, rng=rng())
    fitted = fit_score_curve(source, anchors, rng=rng())
    answers = test.filled[:, source.positions(anchors.items)].astype(float)
    answers[:, 8:] = np.nan
    theta = estimate_ability(fitted.model, answers).mean
    filled = np.where(np.isnan(answers), fitted.model.probability(theta), answers)
    # Expected answers leave the mode where it is, so the abilities are the same.
    whole, part = fitted.predict(filled), fitted.predict(answers)
    np.testing.assert_allclose(part.mean, whole.mean, atol=1e-5)
    assert (part.spread > whole.spread).all()


def test_each_benchmark_has_its_own_subscore():
    history = make_history(40, 30, benchmarks=2, seed=8)
    anchors = equal_weights(history.responses.items.ids[:10])
    weights = fit_score_curve(history, anchors, rng=rng()).weights
    own = history.targets.weights[:, :10] > 0
    np.testing.assert_allclose(weights, own / own.sum(axis=1, keepdims=True))
