"""The Pyro posterior: its density, its gauge, recovery, calibration, and what it leaves alone."""

import random

import numpy as np
import pyarrow.parquet as pq
import pyro
import pytest
import torch
from helpers import real, simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tinyeval.errors import ConfigError, FitError
from tinyeval.irt.fit import fit_irt
from tinyeval.irt.model import IRTModel, sigmoid
from tinyeval.irt.posterior import Posterior, canonical_form, fit_posterior, generative_model
from tinyeval.responses import ResponseMatrix

QUICK = {"steps": 150, "learning_rate": 0.1}
"""Fewer and larger steps than the default, which is careful."""


@pytest.fixture(scope="module")
def large():
    responses, truth = simulate(200, 500, seed=1)
    return responses, in_unit_scale(truth), fit_posterior(responses, **QUICK)


@pytest.fixture(scope="module")
def small():
    responses, truth = simulate(20, 100, seed=2)
    return responses, in_unit_scale(truth), fit_posterior(responses)


def in_unit_scale(fit):
    """Discrimination and intercept of one dimension once abilities have mean 0, variance 1."""
    mean, sd = fit.ability.mean(), fit.ability.std()
    a = fit.model.discrimination[:, 0]
    return a * sd, fit.model.intercept + a * mean


def correlation(x, y):
    return np.corrcoef(x, y)[0, 1]


def log_joint(sites, scores, guessing):
    """The log density of the hierarchical model by its definition, cell by cell, in scipy."""
    theta, x, mean, scale = (sites[name] for name in ("ability", "items", "mean", "scale"))
    dims = theta.shape[1]
    total = stats.norm.logpdf(theta).sum()
    for k in range(dims + 1):
        spread = 2 if k == dims else 1
        total += stats.norm.logpdf(mean[k], 1 if k == 0 else 0, spread)
        total += stats.halfnorm.logpdf(scale[k], scale=spread)
        total += stats.norm.logpdf(x[:, k], mean[k], scale[k]).sum()
    for m, i in np.argwhere(~np.isnan(scores)):
        s = 1 / (1 + np.exp(-(x[i, :-1] @ theta[m] + x[i, -1])))
        p = guessing[i] + (1 - guessing[i]) * s
        total += scores[m, i] * np.log(p) + (1 - scores[m, i]) * np.log(1 - p)
    return total


@pytest.mark.parametrize("dims", [1, 3])
def test_pyro_model_has_the_documented_density(dims):
    rng = np.random.default_rng(dims)
    scores = rng.random((6, 5)).round(1)  # graded, zeros and ones among them
    scores[0, :3], scores[4, 4] = np.nan, 1.0
    guessing = np.array([0.0, 0.25, 0.5, 0.0, 0.1])
    sites = {
        "mean": rng.normal(size=dims + 1),
        "scale": rng.random(dims + 1) + 0.2,
        "ability": rng.normal(size=(6, dims)),
        "items": rng.normal(size=(5, dims + 1)),
    }
    values = {name: torch.tensor(value) for name, value in sites.items()}
    for filler in (0.0, 0.7):  # what stands in a missing cell is of no account
        trace = pyro.poutine.trace(pyro.condition(generative_model, data=values)).get_trace(
            torch.tensor(np.nan_to_num(scores, nan=filler)),
            torch.tensor(~np.isnan(scores)).double(),
            torch.tensor(guessing),
            dims,
        )
        assert float(trace.log_prob_sum()) == pytest.approx(log_joint(sites, scores, guessing))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_canonical_form_is_a_change_of_coordinates(seed, dims):
    rng = np.random.default_rng(seed)
    raw = Posterior(
        rng.normal(0.5, 2, (8, dims)),
        rng.random((8, dims)) + 0.1,
        rng.normal(-0.4, 1, (12, dims + 1)),
        rng.random((12, dims + 1)) + 0.1,
    )
    new = canonical_form(raw)
    before = raw.ability @ raw.items[:, :-1].T + raw.items[:, -1]
    after = new.ability @ new.items[:, :-1].T + new.items[:, -1]
    np.testing.assert_allclose(after, before, atol=1e-8)
    np.testing.assert_allclose(new.ability.mean(axis=0), 0, atol=1e-9)
    moments = new.items[:, :-1].T @ new.items[:, :-1]
    np.testing.assert_allclose(moments, np.diag(np.diag(moments)), atol=1e-8)
    assert (np.diff(np.diag(moments)) <= 1e-8).all()
    assert (new.items[:, :-1].sum(axis=0) >= 0).all()

    # Every standard deviation is that of the same linear map of independent normals.
    turn = np.linalg.lstsq(raw.items, new.items, rcond=None)[0]
    for sd, found in zip(raw.items_sd, new.items_sd, strict=True):
        np.testing.assert_allclose(found**2, np.diag(turn.T @ np.diag(sd**2) @ turn), rtol=1e-6)
    back = np.linalg.inv(turn[:-1, :-1])
    covs = np.stack([back @ np.diag(sd**2) @ back.T for sd in raw.ability_sd])
    np.testing.assert_allclose(new.ability_sd**2, np.diagonal(covs, axis1=1, axis2=2), rtol=1e-6)
    total = new.ability.T @ new.ability / 8 + covs.mean(axis=0)
    np.testing.assert_allclose(total, np.eye(dims), atol=1e-7)


@pytest.mark.slow
def test_recovers_the_parameters_of_many_models(large):
    responses, (a, d), fit = large
    assert correlation(fit.model.intercept, d) > 0.95
    assert correlation(fit.model.discrimination[:, 0], a) > 0.8
    assert abs(np.mean(fit.model.intercept - d)) < 0.05
    assert np.mean(fit.model.discrimination) == pytest.approx(np.mean(a), rel=0.1)
    assert fit.model.items == responses.items.ids
    assert fit.held_out == {}


@pytest.mark.slow
def test_agrees_with_the_map_fit_within_its_own_uncertainty(large, small):
    for responses, _, fit in (large, small):
        point = fit_irt(responses, dimensions=1)
        a, d = in_unit_scale(point)
        assert np.mean(np.abs(d - fit.model.intercept) < 2.5 * fit.model.intercept_sd) > 0.9
        gap = np.abs(a - fit.model.discrimination[:, 0])
        assert np.mean(gap < 2.5 * fit.model.discrimination_sd[:, 0]) > 0.9
        assert correlation(fit.ability[:, 0], point.ability[:, 0]) > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("name", ["terminal_bench_9", "lcb_repair_17"])
def test_agrees_with_the_map_fit_on_real_graded_scores_of_few_models(name):
    table = pq.read_table(real(name, "responses.parquet"))
    models = table.column("model").to_pylist()
    items = [column for column in table.column_names if column != "model"][:80]
    scores = np.array([table.column(item).to_numpy() for item in items], dtype=float).T
    responses = ResponseMatrix.from_arrays(scores, models, items)
    fit = fit_posterior(responses, **QUICK)
    _, d = in_unit_scale(fit_irt(responses, dimensions=1))
    assert np.mean(np.abs(d - fit.model.intercept) < 2.5 * fit.model.intercept_sd) > 0.9
    fitted = fit.model.probability(fit.ability)
    assert correlation(fitted.mean(axis=1), np.nanmean(scores, axis=1)) > 0.98


@pytest.mark.slow
def test_standard_deviations_are_calibrated_on_few_models(small):
    _, (a, d), fit = small
    errors = (fit.model.intercept - d) / fit.model.intercept_sd
    assert 0.6 < np.sqrt(np.mean(errors**2)) < 1.6
    errors = (fit.model.discrimination[:, 0] - a) / fit.model.discrimination_sd[:, 0]
    assert 0.6 < np.sqrt(np.mean(errors**2)) < 1.6


@pytest.mark.slow
def test_more_models_make_smaller_standard_deviations(large):
    responses, _, fit = large
    part = fit_posterior(responses.take(np.arange(25), np.arange(100)), **QUICK)
    ratio = fit.model.intercept_sd[:100] / part.model.intercept_sd
    assert (ratio < 1).mean() > 0.97
    assert 0.25 < np.median(ratio) < 0.7  # eight times the models: about 1 / sqrt(8)
    assert (fit.model.discrimination_sd[:100] < part.model.discrimination_sd).mean() > 0.97


@pytest.mark.slow
def test_missing_cells_carry_no_information_and_cost_precision(small):
    responses, (_, d), full = small
    scores = responses.scores.copy()
    hidden = np.random.default_rng(0).random(scores.shape) < 0.4
    hidden[:, :50] = False
    scores[hidden] = np.nan
    fit = fit_posterior(ResponseMatrix(scores, responses.models, responses.items), **QUICK)
    assert correlation(fit.model.intercept, d) > 0.85
    growth = fit.model.intercept_sd / full.model.intercept_sd
    assert np.median(growth[50:]) > 1.1 > np.median(growth[:50]) > 0.9
    observed = ~hidden
    p = fit.model.probability(fit.ability)
    expected = np.where(scores > 0, np.log(p), np.log(1 - p))[observed].mean()
    assert fit.log_likelihood == pytest.approx(expected)


@pytest.mark.slow
def test_graded_scores_are_fitted_as_they_are():
    responses, truth = simulate(40, 80, seed=3, graded=True)
    a, d = in_unit_scale(truth)
    fit = fit_posterior(responses, **QUICK)
    assert correlation(fit.model.intercept, d) > 0.97
    assert correlation(fit.model.discrimination[:, 0], a) > 0.75
    p = truth.model.probability(truth.ability)
    assert np.abs(fit.model.probability(fit.ability) - p).mean() < 0.04


@pytest.mark.slow
def test_fixed_guessing_is_the_floor_of_the_probabilities():
    _, truth = simulate(100, 80, seed=4)
    _, d = in_unit_scale(truth)
    chance = np.where(np.arange(80) % 2 == 0, 0.25, 0.0)
    p = chance + (1 - chance) * truth.model.probability(truth.ability)
    scores = np.random.default_rng(5).random(p.shape) < p
    responses = ResponseMatrix.from_arrays(scores, range(100), range(80))
    fit = fit_posterior(responses, guessing=chance, **QUICK)
    np.testing.assert_array_equal(fit.model.guessing, chance)
    assert correlation(fit.model.intercept, d) > 0.94
    bias = np.mean((fit.model.intercept - d)[chance > 0])
    ignorant = fit_posterior(responses, **QUICK)
    assert abs(bias) < 0.15 < np.mean((ignorant.model.intercept - d)[chance > 0])


@pytest.mark.slow
def test_two_dimensions_beat_one_and_come_in_canonical_form():
    responses, truth = simulate(80, 120, 2, seed=6)
    fit = fit_posterior(responses, dimensions=2, **QUICK)
    flat = fit_posterior(responses, dimensions=1, **QUICK)
    p = truth.model.probability(truth.ability)
    error, flat_error = (np.mean((f.model.probability(f.ability) - p) ** 2) for f in (fit, flat))
    assert error < 0.8 * flat_error
    moments = fit.model.discrimination.T @ fit.model.discrimination
    assert moments[0, 0] > moments[1, 1] > 100 * abs(moments[0, 1])
    assert (fit.model.discrimination.mean(axis=0) >= 0).all()
    np.testing.assert_allclose(fit.model.ability_mean, 0)
    np.testing.assert_allclose(fit.model.ability_cov, np.eye(2))
    assert (fit.model.discrimination_sd > 0).all()
    assert (np.cov(fit.ability.T).diagonal() < 1).all()  # the rest is posterior variance


@pytest.mark.slow
def test_a_dimension_that_the_answers_do_not_need_shrinks():
    responses, _ = simulate(60, 100, seed=7)
    model = fit_posterior(responses, dimensions=2, **QUICK).model
    size = np.sqrt((model.discrimination**2).mean(axis=0))
    assert size[1] < 0.35 * size[0]


@pytest.mark.slow
def test_same_seed_same_digits_and_another_seed_nearly_so():
    responses, _ = simulate(12, 40, seed=2)
    fit, again = (fit_posterior(responses, steps=20) for _ in range(2))
    np.testing.assert_array_equal(again.model.intercept, fit.model.intercept)
    np.testing.assert_array_equal(again.model.discrimination_sd, fit.model.discrimination_sd)
    np.testing.assert_array_equal(again.ability, fit.ability)
    one, other = (fit_posterior(responses, **QUICK, seed=seed).model for seed in (0, 1))
    assert not np.array_equal(other.intercept, one.intercept)
    gap = np.abs(other.intercept - one.intercept) / one.intercept_sd
    assert np.sqrt(np.mean(gap**2)) < 0.2


@pytest.mark.slow
def test_sorted_responses_have_one_posterior_whatever_their_order():
    responses, _ = simulate(12, 30, 2, seed=8, missing=0.2)
    rng = np.random.default_rng(0)
    moved = responses.take(rng.permutation(12), rng.permutation(30))
    fit = fit_posterior(responses, dimensions=2, steps=40)
    again = fit_posterior(moved.sorted(), dimensions=2, steps=40)
    np.testing.assert_array_equal(again.ability, fit.ability)
    for name in ("discrimination", "intercept", "discrimination_sd", "intercept_sd"):
        np.testing.assert_array_equal(getattr(again.model, name), getattr(fit.model, name))
    assert again.log_likelihood == fit.log_likelihood


def test_global_state_is_left_as_it_was():
    responses, _ = simulate(6, 8)
    store = pyro.get_param_store()
    store.clear()
    pyro.param("mine", torch.tensor(3.0))
    torch.manual_seed(7)
    states = torch.get_rng_state(), str(np.random.get_state()), random.getstate()
    fit_posterior(responses, steps=3)
    with pytest.raises(FitError):
        fit_posterior(responses, steps=50, learning_rate=1e6)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (str(np.random.get_state()), random.getstate()) == states[1:]
    assert list(store.keys()) == ["mine"]
    assert float(pyro.param("mine").detach()) == 3.0
    assert pyro.distributions.is_validation_enabled()
    store.clear()


def test_divergence_is_one_clear_error_without_warnings(recwarn):
    responses, _ = simulate(6, 8)
    with pytest.raises(FitError, match=r"diverged at step \d+ of 50; lower the learning_rate"):
        fit_posterior(responses, steps=50, learning_rate=1e6)
    assert len(recwarn) == 0


@pytest.mark.slow
def test_constant_items_and_models_stay_finite():
    responses, _ = simulate(8, 12)
    scores = responses.scores.copy()
    scores[:, 0], scores[:, 1], scores[0], scores[1] = 0.0, 1.0, 1.0, 0.0
    scores[0, 0] = scores[1, 1] = np.nan
    fit = fit_posterior(ResponseMatrix(scores, responses.models, responses.items), **QUICK)
    assert fit.model.intercept[0] == fit.model.intercept.min()
    assert fit.model.intercept[1] == fit.model.intercept.max()
    assert fit.ability[0, 0] == fit.ability.max()
    assert fit.ability[1, 0] == fit.ability.min()
    assert np.abs(fit.ability).max() < 5
    assert np.abs(fit.model.intercept).max() < 15


@pytest.mark.slow
def test_the_smallest_histories_can_be_fitted():
    for shape in ((1, 1), (1, 4), (2, 1)):
        scores = np.arange(np.prod(shape)).reshape(shape) % 2
        responses = ResponseMatrix.from_arrays(scores, range(shape[0]), range(shape[1]))
        fit = fit_posterior(responses, steps=20)
        assert isinstance(fit.model, IRTModel)
        assert fit.ability.shape == (shape[0], 1)
        assert (fit.model.intercept_sd > 0).all()


def test_progress_counts_up_to_the_number_of_steps():
    responses, _ = simulate(5, 6)
    calls = []
    fit_posterior(responses, steps=7, progress=lambda *call: calls.append(call))
    assert [call[0] for call in calls] == list(range(8))
    assert {call[1:] for call in calls} == {(7, "fitting the posterior")}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dimensions": 0}, "dimensions=0"),
        ({"steps": 0}, "steps=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan"),
        ({"guessing": 1.0}, r"guessing in \[0, 1\).* found 1.0"),
        ({"guessing": np.full(8, -0.1)}, r"guessing in \[0, 1\)"),
        ({"guessing": np.full(8, np.nan)}, r"guessing in \[0, 1\)"),
        ({"guessing": np.zeros(7)}, "one for each of 8 items"),
        ({"device": "abacus"}, "torch cannot use device 'abacus'"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    responses, _ = simulate(6, 8)
    with pytest.raises(ConfigError, match=message):
        fit_posterior(responses, **wrong)


def test_responses_that_cannot_be_fitted_are_named():
    responses, _ = simulate(6, 8)
    with pytest.raises(FitError, match="6 models and 8 items cannot tell 7 dimensions apart"):
        fit_posterior(responses, dimensions=7)
    scores = responses.scores.copy()
    scores[:, 3] = np.nan
    with pytest.raises(FitError, match=f"every item .* 1 have none: '{responses.items.ids[3]}'"):
        fit_posterior(ResponseMatrix(scores, responses.models, responses.items))
    scores = responses.scores.copy()
    scores[2] = np.nan
    with pytest.raises(FitError, match=f"every model .* none: '{responses.models.ids[2]}'"):
        fit_posterior(ResponseMatrix(scores, responses.models, responses.items))


def test_extreme_logits_do_not_break_the_density():
    values = {
        "ability": torch.full((1, 1), 1e4),
        "items": torch.tensor([[1e4, 0.0], [-1e4, 0.0]]),
    }
    trace = pyro.poutine.trace(pyro.condition(generative_model, data=values)).get_trace(
        torch.ones(1, 2), torch.ones(1, 2), torch.tensor([0.0, 0.25]), 1
    )
    trace.compute_log_prob()
    assert float(trace.nodes["answers"]["log_prob"].detach()) == pytest.approx(np.log(0.25))
    assert sigmoid(np.array(-1e8)) == 0.0
