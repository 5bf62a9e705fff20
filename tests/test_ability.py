import time

import numpy as np
import pytest
from helpers import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import trapezoid
from scipy.optimize import minimize

from tinyeval.errors import DataError, FitError
from tinyeval.irt.ability import estimate_ability
from tinyeval.irt.model import IRTModel


def make_model(n_items=40, dims=1, guessing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return IRTModel(
        tuple(f"i{k}" for k in range(n_items)),
        rng.normal(0.8, 0.5, (n_items, dims)),
        rng.normal(size=n_items),
        np.full(n_items, guessing),
        np.full(dims, 0.2),
        np.eye(dims) + 0.3,
    )


def draw_answers(model, n_models, seed=1):
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(model.ability_cov)
    ability = model.ability_mean + rng.normal(size=(n_models, model.dimensions)) @ root.T
    p = model.probability(ability)
    return (rng.random(p.shape) < p).astype(np.float32), ability


def log_joint(model, answers, theta):
    """log p(answers, theta) of one model at abilities of shape (points, dims), by definition."""
    p = model.probability(theta)
    seen = ~np.isnan(answers)
    y = np.where(seen, answers, 0.0)
    likelihood = np.where(seen, y * np.log(p) + (1 - y) * np.log1p(-p), 0.0).sum(axis=1)
    gap = theta - model.ability_mean
    inverse = np.linalg.inv(model.ability_cov)
    prior = -0.5 * np.einsum("pd,de,pe->p", gap, inverse, gap)
    prior -= 0.5 * np.linalg.slogdet(2 * np.pi * model.ability_cov)[1]
    return likelihood + prior


@pytest.mark.parametrize("guessing", [0.0, 0.25])
def test_one_dimension_agrees_with_the_posterior_on_a_grid(guessing):
    model = make_model(200, guessing=guessing)
    answers, _ = draw_answers(model, 5)
    answers[0, ::3] = np.nan
    answers[1] = np.clip(answers[1], 0.25, 0.75)  # graded
    result = estimate_ability(model, answers)
    grid = np.linspace(-6, 6, 4001)[:, None]
    for row, y in enumerate(answers):
        log_density = log_joint(model, y, grid)
        density = np.exp(log_density - log_density.max())
        evidence = np.log(trapezoid(density, grid[:, 0])) + log_density.max()
        density /= trapezoid(density, grid[:, 0])
        mean = trapezoid(density * grid[:, 0], grid[:, 0])
        sd = np.sqrt(trapezoid(density * (grid[:, 0] - mean) ** 2, grid[:, 0]))
        assert result.mean[row, 0] == pytest.approx(grid[log_density.argmax(), 0], abs=0.002)
        assert np.sqrt(result.cov[row, 0, 0]) == pytest.approx(sd, rel=0.1)
        assert result.log_evidence[row] == pytest.approx(evidence, abs=0.1)


@pytest.mark.parametrize("dims", [2, 5])
@pytest.mark.parametrize("guessing", [0.0, 0.2])
def test_mode_agrees_with_scipy(dims, guessing):
    model = make_model(60, dims, guessing)
    answers, _ = draw_answers(model, 4)
    answers[0, :20] = np.nan
    result = estimate_ability(model, answers, tolerance=1e-9)
    for row, y in enumerate(answers):
        best = minimize(
            lambda theta, y=y: -log_joint(model, y, theta[None])[0],
            model.ability_mean,
            method="BFGS",
            options={"gtol": 1e-7},
        )
        np.testing.assert_allclose(result.mean[row], best.x, atol=1e-4)


def test_covariance_is_the_inverse_of_the_numerical_hessian():
    model = make_model(50, 2)
    answers, _ = draw_answers(model, 1)
    result = estimate_ability(model, answers, tolerance=1e-9)
    mode, h = result.mean[0], 1e-4
    hessian = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            ei, ej = h * np.eye(2)[i], h * np.eye(2)[j]
            corners = mode + np.array([ei + ej, ei - ej, ej - ei, -ei - ej])
            values = log_joint(model, answers[0], corners)
            hessian[i, j] = (values[0] - values[1] - values[2] + values[3]) / (4 * h * h)
    np.testing.assert_allclose(result.cov[0], np.linalg.inv(-hessian), rtol=1e-3)


def test_evidence_in_two_dimensions_agrees_with_integration():
    model = make_model(150, 2)
    answers, _ = draw_answers(model, 1)
    axis = np.linspace(-4, 4, 161)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    log_density = log_joint(model, answers[0], grid)
    top = log_density.max()
    evidence = top + np.log(np.exp(log_density - top).sum() * (axis[1] - axis[0]) ** 2)
    assert estimate_ability(model, answers).log_evidence[0] == pytest.approx(evidence, abs=0.1)


@pytest.mark.parametrize("guessing", [0.0, 0.3])
def test_all_right_and_all_wrong_have_a_finite_mode(guessing):
    model = make_model(100, 3, guessing)
    answers = np.array([np.ones(100), np.zeros(100)])
    result = estimate_ability(model, answers, tolerance=1e-8)
    for row, y in enumerate(answers):
        here = log_joint(model, y, result.mean[row][None])[0]
        around = log_joint(model, y, result.mean[row] + 0.01 * np.vstack([np.eye(3), -np.eye(3)]))
        assert (around < here).all()
    assert result.mean[0].sum() > result.mean[1].sum()


def test_extreme_items_do_not_overflow():
    model = IRTModel(
        ("a", "b", "c"),
        np.array([[50.0], [-50.0], [0.0]]),
        np.array([900.0, -900.0, 0.0]),
        np.array([0.0, 0.25, 0.0]),
        np.zeros(1),
        np.eye(1),
    )
    answers = np.array([[0, 1, 1], [1, 0, 0], [1, 1, np.nan]])
    result = estimate_ability(model, answers)
    for part in (result.mean, result.cov, result.log_evidence):
        assert np.isfinite(part).all()


def test_without_answers_the_posterior_is_the_prior():
    model = make_model(10, 2)
    result = estimate_ability(model, np.full((1, 10), np.nan))
    np.testing.assert_allclose(result.mean[0], model.ability_mean)
    np.testing.assert_allclose(result.cov[0], model.ability_cov)
    assert result.log_evidence[0] == pytest.approx(0.0, abs=1e-12)


def test_prior_replaces_the_source_models_moments():
    model = make_model(10, 2)
    answers, _ = draw_answers(model, 3)
    tight = estimate_ability(model, answers, prior_mean=[3.0, -1.0], prior_cov=1e-8 * np.eye(2))
    np.testing.assert_allclose(tight.mean, np.tile([3.0, -1.0], (3, 1)), atol=1e-5)


def test_abilities_are_recovered_and_covered():
    model = make_model(300, 2, seed=3)
    answers, ability = draw_answers(model, 400)
    result = estimate_ability(model, answers)
    z = (result.mean - ability) / np.sqrt(np.diagonal(result.cov, axis1=1, axis2=2))
    assert np.abs(z.mean(axis=0)).max() < 0.15
    assert 0.87 < (np.abs(z) < 1.645).mean() < 0.93


def test_a_model_is_estimated_alike_alone_and_among_others(monkeypatch):
    model = make_model(30, 2, 0.1)
    answers, _ = draw_answers(model, 25)
    together = estimate_ability(model, answers)
    monkeypatch.setattr("tinyeval.irt.ability.CELLS_AT_ONCE", 30)
    alone = estimate_ability(model, answers)
    np.testing.assert_allclose(together.mean, alone.mean, atol=1e-8)
    np.testing.assert_allclose(together.log_evidence, alone.log_evidence, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(
    answers=arrays(np.float32, (3, 12), elements=st.sampled_from([0, 0.5, 1, np.nan])),
    seed=st.integers(0, 1000),
)
def test_order_of_items_does_not_matter(answers, seed):
    model = make_model(12, 2, 0.1)
    order = np.random.default_rng(seed).permutation(12)
    plain = estimate_ability(model, answers)
    shuffled = estimate_ability(model.take(order), answers[:, order])
    np.testing.assert_allclose(plain.mean, shuffled.mean, atol=1e-7)
    np.testing.assert_allclose(plain.cov, shuffled.cov, atol=1e-7)
    assert (np.linalg.eigvalsh(plain.cov) > 0).all()


def test_many_models_take_seconds():
    responses, fit = simulate(10_000, 100, dimensions=8, missing=0.1)
    start = time.perf_counter()
    result = estimate_ability(fit.model, responses.scores)
    assert time.perf_counter() - start < 8
    assert np.corrcoef(result.mean[:, 0], fit.ability[:, 0])[0, 1] > 0.8


def test_wrong_answers_are_refused():
    model = make_model(4)
    with pytest.raises(DataError, match=r"\(1, 3\).*4 items"):
        estimate_ability(model, np.ones((1, 3)))
    with pytest.raises(DataError, match="at least one model"):
        estimate_ability(model, np.ones((0, 4)))
    with pytest.raises(DataError, match=r"row 1 on item 'i2' is 7"):
        estimate_ability(model, np.array([[0, 0, 0, 0], [0, 1, 7, 1]]))
    with pytest.raises(DataError, match="inf"):
        estimate_ability(model, np.array([[0, 0, np.inf, 0]]))


def test_wrong_priors_are_refused():
    model = make_model(4, 2)
    with pytest.raises(FitError, match=r"2 dimension.*\(3,\)"):
        estimate_ability(model, np.ones((1, 4)), prior_mean=np.zeros(3))
    with pytest.raises(FitError, match="positive definite"):
        estimate_ability(model, np.ones((1, 4)), prior_cov=np.zeros((2, 2)))
