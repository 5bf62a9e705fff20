from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate, split_models, take_models
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from tinyeval.errors import FitError
from tinyeval.estimators.regression import PENALTIES, fit_kernel_ridge, fit_ridge, kernel
from tinyeval.selection.base import equal_weights

FITS = [fit_ridge, fit_kernel_ridge]


def rng(seed=0):
    return np.random.default_rng(seed)


def draw(history, n):
    return equal_weights(tuple(rng().permutation(sorted(history.responses.items.ids))[:n]))


def arrays_of(history, anchors):
    x = history.filled[:, history.positions(anchors.items)].astype(float)
    return x, history.target_values


def leave_one_out(x, y, make):
    """Residuals of every model when the regression is fitted again without it."""
    residuals = np.empty_like(y)
    for k in range(len(x)):
        rest = np.arange(len(x)) != k
        residuals[k] = y[k] - make().fit(x[rest], y[rest]).predict(x[[k]])[0]
    return residuals


def sklearn_kernel(alpha, n):
    return KernelRidge(alpha=alpha, kernel="poly", degree=2, coef0=1, gamma=1 / n)


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 40])
def test_ridge_agrees_with_scikit_learn_at_the_best_leave_one_out_penalty(n):
    source, test = split_models(make_history(40, 50, benchmarks=2, seed=1), 30)
    anchors = draw(source, n)
    x, y = arrays_of(source, anchors)
    losses = [
        (leave_one_out(x, y, lambda alpha=alpha: Ridge(alpha)) ** 2).mean(axis=0)
        for alpha in PENALTIES
    ]
    best = PENALTIES[np.argmin(losses, axis=0)]
    fitted = fit_ridge(source, anchors, rng=rng())
    np.testing.assert_array_equal(fitted.penalty, best)
    new, _ = arrays_of(test, anchors)
    for t, alpha in enumerate(best):
        expected = Ridge(alpha).fit(x, y[:, t]).predict(new)
        np.testing.assert_allclose(fitted.predict(new).mean[:, t], expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 40])
def test_kernel_ridge_agrees_with_scikit_learn_at_the_best_penalty(n):
    source, test = split_models(make_history(40, 50, benchmarks=2, seed=2), 30)
    anchors = draw(source, n)
    x, y = arrays_of(source, anchors)
    centre = y.mean(axis=0)
    residuals = np.stack(
        [
            leave_one_out(x, y - centre, lambda alpha=alpha: sklearn_kernel(alpha, n))
            for alpha in PENALTIES
        ]
    )
    losses = (residuals**2).mean(axis=1)
    best = losses.argmin(axis=0)
    fitted = fit_kernel_ridge(source, anchors, rng=rng())
    np.testing.assert_allclose(fitted.variance, losses.min(axis=0), rtol=1e-5)
    new, _ = arrays_of(test, anchors)
    for t, alpha in enumerate(PENALTIES[best]):
        expected = centre[t] + sklearn_kernel(alpha, n).fit(x, y[:, t] - centre[t]).predict(new)
        np.testing.assert_allclose(fitted.predict(new).mean[:, t], expected, atol=1e-6)


def test_kernel_is_the_polynomial_of_degree_two():
    x, z = rng(0).random((3, 5)), rng(1).random((4, 5))
    expected = [
        [(sum(a * b for a, b in zip(p, q, strict=True)) / 5 + 1) ** 2 for q in z] for p in x
    ]
    np.testing.assert_allclose(kernel(x, z), expected)


def test_ridge_spread_follows_the_leverage():
    history = make_history(40, 50, seed=3)
    anchors = draw(history, 6)
    x, y = arrays_of(history, anchors)
    fitted = fit_ridge(history, anchors, rng=rng())
    alpha = fitted.penalty[0]
    centred = x - x.mean(axis=0)
    residuals = leave_one_out(x, y, lambda: Ridge(alpha))[:, 0]
    inner = np.linalg.inv(centred.T @ centred + alpha * np.eye(6))
    leverage = 1 / 40 + np.einsum("ma,ab,mb->m", centred, inner, centred)
    variance = (residuals**2 * (1 - leverage)).mean()
    spread = fitted.predict(x).spread[:, 0]
    np.testing.assert_allclose(spread, np.sqrt(variance * (1 + leverage)), rtol=1e-6)


def test_kernel_gradient_is_the_derivative():
    history = make_history(30, 40, benchmarks=2, seed=4)
    anchors = draw(history, 5)
    x, _ = arrays_of(history, anchors)
    fitted = fit_kernel_ridge(history, anchors, rng=rng())
    inside = 0.25 + 0.5 * x[:4]
    bent = np.stack([inside @ q for q in fitted.curvature], axis=2)
    gradient = fitted.slopes + 2 * bent
    for a in range(5):
        step = 1e-5 * np.eye(5)[a]
        up, down = (fitted.predict(inside + sign * step).mean for sign in (1, -1))
        np.testing.assert_allclose(gradient[:, a], (up - down) / 2e-5, atol=1e-6)


@pytest.mark.parametrize("fit", FITS)
def test_the_spread_of_unanswered_anchors_is_of_the_size_of_the_errors(fit):
    source, test = split_models(make_history(300, 60, seed=5), 150)
    anchors = draw(source, 20)
    answers, truth = arrays_of(test, anchors)
    answers[:, 3:] = np.nan
    estimate = fit(source, anchors, rng=rng()).predict(answers)
    z = (estimate.mean - truth) / estimate.spread
    assert 0.8 < np.sqrt((z**2).mean()) < 1.3


@pytest.mark.parametrize("fit", FITS)
def test_unanswered_anchors_are_filled_by_their_expectation(fit):
    """An anchor that repeats another one tells nothing more: leaving it out changes little."""
    responses, irt = simulate(100, 30, seed=6)
    scores = responses.scores.copy()
    scores[:, 1] = scores[:, 0]
    history = history_of(replace(responses, scores=scores), irt)
    fitted = fit(history, equal_weights(history.responses.items.ids[:5]), rng=rng())
    answers = history.filled[:, :5].copy()
    whole = fitted.predict(answers).mean
    answers[:, 1] = np.nan
    np.testing.assert_allclose(fitted.predict(answers).mean, whole, atol=0.05)
    assert np.abs(fitted.predict(answers).mean - whole).mean() < 0.02


@pytest.mark.parametrize("fit", FITS)
def test_estimates_stay_scores(fit):
    responses, irt = simulate(20, 30, seed=7)
    scores = np.where(np.arange(20)[:, None] < 10, responses.scores, 1.0)
    history = history_of(replace(responses, scores=scores), irt)
    fitted = fit(history, draw(history, 10), rng=rng())
    estimate = fitted.predict(np.vstack([np.ones(10), np.zeros(10)]))
    assert ((estimate.mean >= 0) & (estimate.mean <= 1)).all()


@pytest.mark.parametrize("fit", FITS)
def test_a_single_source_model_is_refused(fit):
    history = take_models(make_history(5, 10), np.array([0]))
    with pytest.raises(FitError, match="at least 2 source models"):
        fit(history, draw(history, 3), rng=rng())
