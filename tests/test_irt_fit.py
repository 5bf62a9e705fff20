"""The MAP fit: a scipy oracle for its objective, recovery, invariances, and hostile inputs."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from helpers import real, simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize

from tinyeval.errors import ConfigError, FitError
from tinyeval.irt import fit as fit_module
from tinyeval.irt.fit import fit_irt
from tinyeval.irt.packed import pack
from tinyeval.responses import ResponseMatrix


def correlation(x, y):
    return np.corrcoef(x, y)[0, 1]


def fitted(fit):
    return fit.model.probability(fit.ability)


def distance(fit, truth):
    """Root mean square difference of fitted and true probabilities."""
    return np.sqrt(np.mean((fitted(fit) - fitted(truth)) ** 2))


def matrix(scores):
    scores = np.asarray(scores, dtype=float)
    return ResponseMatrix.from_arrays(scores, range(scores.shape[0]), range(scores.shape[1]))


def unpack(parameters, models, dims):
    """Abilities, shape (models, dims), and items, shape (items, dims + 1), of a flat vector."""
    cut = models * dims
    return parameters[:cut].reshape(models, dims), parameters[cut:].reshape(-1, dims + 1)


def probabilities(parameters, guessing, models, dims):
    ability, items = unpack(parameters, models, dims)
    logits = ability @ items[:, :-1].T + items[:, -1]
    return guessing + (1 - guessing) / (1 + np.exp(-logits))


def loss(parameters, scores, guessing, mean, precision):
    """The documented objective, negative, by its definition and in float64."""
    ability, items = unpack(parameters, len(scores), len(mean) - 1)
    p = probabilities(parameters, guessing, len(scores), len(mean) - 1)
    value = np.nansum(scores * np.log(p) + (1 - scores) * np.log(1 - p))
    return -value + 0.5 * (ability**2).sum() + 0.5 * ((items - mean) ** 2 * precision).sum()


@pytest.mark.parametrize(
    ("dims", "options", "chance"),
    [
        (1, {}, 0.0),
        (2, {}, 0.0),
        (2, {"missing": 0.3}, 0.0),
        (2, {"graded": True}, 0.0),
        (1, {}, 0.2),
        (2, {"missing": 0.3, "graded": True}, 0.2),
    ],
)
def test_solution_is_the_maximum_of_the_documented_objective(dims, options, chance):
    responses = simulate(14, 20, dims, seed=3, **options)[0].sorted()
    guessing = (chance * np.linspace(0, 2, 20)).astype(np.float32)
    everything, graded = (np.arange(14), np.arange(20)), bool(options.get("graded"))
    packed = pack(responses.scores, *everything, graded, guessing, torch.device("cpu"), 8)
    state = fit_module.fit_map(packed, dims, None)
    prior = state.mean.double().numpy(), state.precision.double().numpy()
    arguments = responses.scores.astype(float), guessing.astype(float), *prior
    found = np.concatenate([part.double().numpy().ravel() for part in (state.ability, state.items)])
    assert np.abs(approx_fprime(found, loss, 1e-6, *arguments)).max() < 0.1
    start = np.abs(approx_fprime(0.5 * found, loss, 1e-6, *arguments)).max()
    assert start > 1  # so that 0.1 is small

    best = minimize(loss, found, args=arguments, method="L-BFGS-B", options={"maxfun": 20_000})
    assert loss(found, *arguments) - best.fun < 0.02
    p = probabilities(found, guessing, 14, dims)
    np.testing.assert_allclose(p, probabilities(best.x, guessing, 14, dims), atol=0.02)

    # The public result is that state.
    fit = fit_irt(responses, dimensions=dims, guessing=guessing)
    np.testing.assert_allclose(fitted(fit), p, atol=1e-4)
    np.testing.assert_array_equal(fit.model.guessing, guessing)


def test_one_dimension_is_recovered():
    responses, truth = simulate(200, 500, seed=1)
    fit = fit_irt(responses, dimensions=1)
    assert fit.model.items == responses.items.ids
    scale, centre = truth.ability.std(), truth.ability.mean()
    a = truth.model.discrimination[:, 0]
    assert correlation(fit.model.intercept, truth.model.intercept + a * centre) > 0.95
    assert correlation(fit.model.discrimination[:, 0], a * scale) > 0.8
    assert correlation(fit.ability[:, 0], truth.ability[:, 0]) > 0.98
    assert fit.model.discrimination.mean() == pytest.approx(scale * a.mean(), rel=0.1)
    middle = np.abs(truth.model.difficulty) < 3
    assert correlation(fit.model.difficulty[middle], truth.model.difficulty[middle]) > 0.95
    assert distance(fit, truth) < 0.05


def test_two_dimensions_are_recovered():
    responses, truth = simulate(200, 300, 2, seed=2)
    fit = fit_irt(responses, dimensions=2)
    assert distance(fit, truth) < 0.065
    assert distance(fit, truth) < 0.75 * distance(fit_irt(responses, dimensions=1), truth)
    assert (fit.model.discrimination.mean(axis=0) >= 0).all()


def test_a_dimension_too_many_shrinks():
    responses, truth = simulate(150, 300, seed=3)
    fit = fit_irt(responses, dimensions=2)
    size = np.sqrt((fit.model.discrimination**2).mean(axis=0))
    assert size.min() < 0.45 * size.max()
    assert distance(fit, truth) < 1.5 * distance(fit_irt(responses, dimensions=1), truth)


def test_missing_cells_are_predicted_from_the_others():
    full, truth = simulate(120, 150, 2, seed=4)
    hidden = np.random.default_rng(0).random(full.scores.shape) < 0.4
    scores = np.where(hidden, np.nan, full.scores)
    fit = fit_irt(ResponseMatrix(scores, full.models, full.items), dimensions=2)
    p = fitted(fit)
    y = full.scores.astype(float)
    log_likelihood = y * np.log(p) + (1 - y) * np.log(1 - p)
    assert fit.log_likelihood == pytest.approx(log_likelihood[~hidden].mean(), abs=1e-5)
    naive = np.clip(np.nanmean(scores, axis=0), 0.01, 0.99) * np.ones_like(p)
    naive_likelihood = y * np.log(naive) + (1 - y) * np.log(1 - naive)
    assert log_likelihood[hidden].mean() > naive_likelihood[hidden].mean() + 0.05
    assert distance(fit, truth) < 0.1


def test_a_block_that_is_missing_altogether_leaves_the_scale_alone():
    full, truth = simulate(150, 120, seed=5)
    scores = full.scores.copy()
    weak = np.argsort(truth.ability[:, 0])[:75]
    scores[np.ix_(weak, np.arange(60))] = np.nan  # the hard half was never asked of the weak
    fit = fit_irt(ResponseMatrix(scores, full.models, full.items), dimensions=1)
    assert correlation(fit.model.intercept, truth.model.intercept) > 0.93
    assert correlation(fit.ability[:, 0], truth.ability[:, 0]) > 0.96


def test_graded_scores_are_recovered_better_than_their_rounding():
    responses, truth = simulate(60, 100, seed=6, graded=True)
    rounded = ResponseMatrix(np.round(responses.scores), responses.models, responses.items)
    fit = fit_irt(responses, dimensions=1)
    assert correlation(fit.model.intercept, truth.model.intercept) > 0.97
    assert distance(fit, truth) < 0.05
    assert distance(fit, truth) < 0.6 * distance(fit_irt(rounded, dimensions=1), truth)


def test_fixed_guessing_is_a_floor_and_removes_its_bias():
    _, truth = simulate(200, 100, seed=7)
    chance = np.where(np.arange(100) % 2 == 0, 0.25, 0.0)
    p = chance + (1 - chance) * fitted(truth)
    responses = matrix(np.random.default_rng(8).random(p.shape) < p)
    fit = fit_irt(responses, dimensions=1, guessing=chance)
    assert (fitted(fit) >= chance).all()
    assert np.sqrt(np.mean((fitted(fit) - p) ** 2)) < 0.07
    target = truth.model.intercept + truth.model.discrimination[:, 0] * truth.ability.mean()
    assert correlation(fit.model.intercept, target) > 0.95
    with_floor = chance > 0
    ignorant = fit_irt(responses, dimensions=1)
    assert abs(np.mean((fit.model.intercept - target)[with_floor])) < 0.15
    assert np.mean((ignorant.model.intercept - target)[with_floor]) > 0.3


@pytest.mark.slow
def test_dimensions_are_chosen_by_hidden_cells():
    for true in (1, 3):
        responses, _ = simulate(200, 300, true, seed=true)
        fit = fit_irt(responses, dimensions=(1, 2, 3, 5))
        assert fit.model.dimensions == max(fit.held_out, key=fit.held_out.get) >= true
        assert fit.log_likelihood == fit.held_out[fit.model.dimensions]
        assert all(-0.7 < value < -0.3 for value in fit.held_out.values())
        direct = fit_irt(responses, dimensions=fit.model.dimensions)
        np.testing.assert_array_equal(fit.model.intercept, direct.model.intercept)
        assert direct.held_out == {}
        assert direct.log_likelihood > fit.log_likelihood  # in-sample against hidden


def test_fit_is_deterministic_and_leaves_the_generator_alone():
    responses, _ = simulate(30, 40, 2, seed=9, missing=0.1)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = (fit_irt(responses, dimensions=(1, 2), seed=4) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.held_out == second.held_out
    assert fit_irt(responses, dimensions=(1, 2), seed=5).held_out != first.held_out
    for name in ("discrimination", "intercept", "ability_mean", "ability_cov"):
        np.testing.assert_array_equal(getattr(first.model, name), getattr(second.model, name))
    np.testing.assert_array_equal(first.ability, second.ability)


@pytest.mark.slow
@pytest.mark.parametrize("block_size", [1, 7, 10_000])
def test_block_size_changes_nothing(block_size):
    responses, _ = simulate(25, 40, 2, seed=10, missing=0.2)
    chance = np.linspace(0, 0.3, 40)
    fit = fit_irt(responses, dimensions=2, guessing=chance)
    other = fit_irt(responses, dimensions=2, guessing=chance, block_size=block_size)
    np.testing.assert_allclose(other.model.intercept, fit.model.intercept, atol=1e-3)
    np.testing.assert_allclose(other.model.discrimination, fit.model.discrimination, atol=1e-3)
    np.testing.assert_allclose(other.ability, fit.ability, atol=1e-3)
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-5)


@pytest.mark.slow
def test_order_of_models_and_items_changes_no_more_than_rounding():
    responses, _ = simulate(30, 50, 2, seed=11, missing=0.2)
    chance = np.linspace(0, 0.3, 50)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(30), rng.permutation(50)
    fit = fit_irt(responses, dimensions=(1, 2), guessing=chance)
    moved = fit_irt(responses.take(rows, columns), dimensions=(1, 2), guessing=chance[columns])
    assert moved.model.items == tuple(responses.items.ids[k] for k in columns)
    assert moved.model.dimensions == fit.model.dimensions
    np.testing.assert_allclose(moved.ability, fit.ability[rows], atol=1e-4)
    for name in ("discrimination", "intercept", "guessing"):
        expected = getattr(fit.model, name)[columns]
        np.testing.assert_allclose(getattr(moved.model, name), expected, atol=1e-4, err_msg=name)
    again = fit_irt(responses.take(rows, columns).sorted(), dimensions=(1, 2), guessing=chance)
    np.testing.assert_array_equal(again.ability, fit.ability)
    assert again.held_out == fit.held_out


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_small_matrix_gives_finite_numbers(data):
    models, items = data.draw(st.integers(2, 6)), data.draw(st.integers(1, 6))
    cell = st.sampled_from([0.0, 0.5, 1.0, float("nan")])
    cells = data.draw(st.lists(cell, min_size=models * items, max_size=models * items))
    scores = np.array(cells).reshape(models, items)
    diagonal = np.arange(max(models, items))
    scores[diagonal % models, diagonal % items] = 1.0
    chance = data.draw(st.sampled_from([0.0, 0.25, 0.9]))
    fit = fit_irt(matrix(scores), dimensions=data.draw(st.integers(1, 3)), guessing=chance)
    assert np.isfinite(fit.ability).all()
    assert np.isfinite(fit.log_likelihood)
    assert ((fitted(fit) >= chance - 1e-7) & (fitted(fit) <= 1)).all()
    np.linalg.cholesky(fit.model.ability_cov)  # positive definite, as ability estimation needs
    assert fit.model.dimensions <= max(1, min(models - 1, items) // 2)


def test_moments_of_the_source_abilities_go_with_the_model():
    fit = fit_irt(simulate(40, 60, 2, seed=12)[0], dimensions=2)
    np.testing.assert_allclose(fit.model.ability_mean, fit.ability.mean(axis=0))
    expected = np.cov(fit.ability.T, bias=True)
    np.testing.assert_allclose(fit.model.ability_cov, expected, atol=1e-5)
    assert (np.diag(expected) > 0.5).all()
    assert (np.diag(expected) < 1.2).all()


def test_constant_items_and_models_take_their_places():
    responses, _ = simulate(40, 60, seed=13)
    scores = responses.scores.copy()
    scores[:, 0], scores[:, 1] = 0.0, 1.0
    scores[0, 2:], scores[1, 2:] = 1.0, 0.0
    fit = fit_irt(ResponseMatrix(scores, responses.models, responses.items), dimensions=1)
    means = fitted(fit).mean(axis=0)
    assert means[0] == means.min() < 0.05
    assert means[1] == means.max() > 0.95
    assert fit.ability[0, 0] == fit.ability.max()
    assert fit.ability[1, 0] == fit.ability.min()
    assert np.abs(fit.ability).max() < 5
    assert np.abs(fit.model.intercept).max() < 10


@pytest.mark.parametrize(
    "scores",
    [
        np.ones((5, 6)),
        np.zeros((5, 6)),
        np.full((5, 6), 0.5),
        np.tril(np.ones((40, 40))),  # a perfect Guttman scale: infinite without a prior
        np.kron(np.eye(3), np.ones((8, 9))),  # three classes that share nothing
        np.repeat(np.eye(4), 10, axis=0),  # copies of four models
        np.where(np.eye(20) > 0, 1.0, np.nan),  # one answer per model and item
        [[1.0], [0.0]],
    ],
    ids=["ones", "zeros", "halves", "guttman", "classes", "copies", "diagonal", "two"],
)
def test_degenerate_matrices_are_fitted_closely(scores):
    fit = fit_irt(matrix(scores), dimensions=(1, 2, 4))
    observed = ~np.isnan(np.asarray(scores))
    gap = np.abs(fitted(fit) - np.asarray(scores))[observed]
    assert gap.mean() < 0.35
    assert np.abs(fit.model.intercept).max() < 40


@pytest.mark.slow
@pytest.mark.parametrize("name", ["arc_challenge_official", "lcb_exec_testgen_46"])
def test_real_models_are_ordered_as_their_scores(name):
    table = pq.read_table(real(name, "responses.parquet"))
    items = [column for column in table.column_names if column != "model"]
    scores = np.array([table.column(item).to_numpy() for item in items], dtype=float).T
    models = table.column("model").to_pylist()
    fit = fit_irt(ResponseMatrix.from_arrays(scores, models, items), dimensions=2)
    p = np.where(np.isnan(scores), np.nan, fitted(fit))
    assert correlation(np.nanmean(p, axis=1), np.nanmean(scores, axis=1)) > 0.99
    assert correlation(np.nanmean(p, axis=0), np.nanmean(scores, axis=0)) > 0.99
    naive = np.nanmean((scores - np.nanmean(scores, axis=0)) ** 2)
    assert np.nanmean((scores - p) ** 2) < 0.85 * naive


def test_progress_is_reported():
    calls = []
    fit_irt(simulate(20, 30)[0], dimensions=(1, 2), progress=lambda *call: calls.append(call))
    assert all(0 <= done <= total and isinstance(what, str) for done, total, what in calls)
    assert any("dimensions" in what for _, _, what in calls)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dimensions": 0}, "whole numbers from 1, found 0"),
        ({"dimensions": []}, "dimensions"),
        ({"dimensions": (1, -2)}, "dimensions"),
        ({"guessing": 1.0}, r"guessing must lie in \[0, 1\)"),
        ({"guessing": -0.1}, r"guessing must lie in \[0, 1\)"),
        ({"guessing": float("nan")}, r"guessing must lie in \[0, 1\)"),
        ({"device": "abacus"}, "unknown device 'abacus'"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ConfigError, match=message):
        fit_irt(simulate(6, 8)[0], **wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_asking_for_an_absent_gpu_is_an_error_but_auto_is_not():
    responses, _ = simulate(6, 8)
    with pytest.raises(ConfigError, match="no GPU"):
        fit_irt(responses, device="cuda")
    auto = fit_irt(responses, dimensions=1, device="auto")
    np.testing.assert_array_equal(auto.ability, fit_irt(responses, dimensions=1).ability)


def test_items_and_models_without_answers_are_named():
    responses, _ = simulate(6, 8)
    for cut, name in (
        (np.s_[:, 3], responses.items.ids[3]),
        (np.s_[2, :], responses.models.ids[2]),
    ):
        scores = responses.scores.copy()
        scores[cut] = np.nan
        with pytest.raises(FitError, match=f"no answers at all: '{name}'"):
            fit_irt(ResponseMatrix(scores, responses.models, responses.items))
    with pytest.raises(FitError, match="at least two models"):
        fit_irt(responses.take(models=np.array([0])))


@pytest.mark.slow
def test_many_responses_are_fitted_from_coarse_to_fine_as_well(monkeypatch):
    responses, truth = simulate(150, 240, 2, seed=14, missing=0.1)
    whole = fit_irt(responses, dimensions=(1, 2))
    monkeypatch.setattr(fit_module, "COARSE_MODELS", 80)
    monkeypatch.setattr(fit_module, "COARSE_ITEMS", 120)
    fine = fit_irt(responses, dimensions=(1, 2))
    assert fine.model.dimensions == whole.model.dimensions == 2
    assert distance(fine, whole) < 0.3 * distance(whole, truth)
    direct = fit_irt(responses, dimensions=2).log_likelihood
    coarse = fit_irt(responses, dimensions=2, seed=1).log_likelihood
    assert coarse == pytest.approx(direct, abs=1e-3)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(150), rng.permutation(240)
    moved = fit_irt(responses.take(rows, columns), dimensions=2)
    assert moved.log_likelihood == pytest.approx(direct, abs=1e-3)


def test_an_item_that_the_coarse_part_never_saw_is_fitted(monkeypatch):
    responses, _ = simulate(60, 80, seed=15)
    scores = responses.scores.copy()
    scores[:-1, 5] = np.nan  # one answer alone
    monkeypatch.setattr(fit_module, "COARSE_MODELS", 20)
    monkeypatch.setattr(fit_module, "COARSE_ITEMS", 30)
    fit = fit_irt(ResponseMatrix(scores, responses.models, responses.items), dimensions=1)
    assert np.isfinite(fit.model.intercept).all()
    assert np.abs(fit.model.intercept).max() < 10
