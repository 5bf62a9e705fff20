"""The factored item covariance against dense matrices made from its definition."""

from dataclasses import fields, replace

import numpy as np
import pytest
from helpers import history_of, make_history, take_items, take_models
from numpy.testing import assert_allclose

from tinyeval.covariance import components
from tinyeval.covariance import item_covariance as module
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ConfigError
from tinyeval.history import History
from tinyeval.responses import ResponseMatrix
from tinyeval.targets import make_targets

SIZES = (0.0, 0.03, 0.3)
KINDS = {
    "plain": {},
    "two benchmarks": {"benchmarks": 2},
    "graded": {"graded": True},
    "missing": {"missing": 0.2},
    "more models than items": {"n_models": 90},
}


def sorted_parts(history):
    """Filled scores, fitted probabilities and target weights, models and items sorted by id."""
    rows = np.argsort(history.responses.models.ids)
    columns = np.argsort(history.responses.items.ids)
    at = np.ix_(rows, columns)
    filled, fitted = history.filled[at].astype(float), history.fitted[at].astype(float)
    return filled, fitted, history.targets.weights[:, columns]


def cov(values):
    """Sample covariance, shape (columns, columns)."""
    return np.cov(values, rowvar=False)


def dense(covariance, s):
    """C(s) as the docstring says it."""
    f, g = covariance.factors, covariance.drift
    c = f.T @ f + np.diag(covariance.noise)
    if s > 0:
        c += s**2 * (g.T @ g + np.diag(covariance.drift_rest)) + np.diag(covariance.floor)
    return c


@pytest.fixture(params=KINDS)
def history(request):
    return make_history(**{"n_models": 30, "n_items": 50, "dimensions": 2, **KINDS[request.param]})


@pytest.mark.parametrize("s", SIZES)
def test_every_view_is_of_the_same_dense_matrix(history, s):
    covariance = item_covariance(history)
    c, weights = dense(covariance, s), sorted_parts(history)[2]
    assert_allclose(covariance.variance(s), np.diag(c), rtol=1e-9)
    for k in (0, 17, 49):
        assert_allclose(covariance.row(k, s), c[k], atol=1e-12)
    assert_allclose(covariance.with_targets(s), c @ weights.T, atol=1e-7)
    assert_allclose(covariance.target_variance(s), np.diag(weights @ c @ weights.T), atol=1e-7)
    assert np.linalg.eigvalsh(c).min() > -1e-9


@pytest.mark.parametrize(("irt_share", "shrinkage"), [(0.5, 0.3), (0, 0.3), (1, 0.3), (0.2, 1)])
def test_without_drift_it_is_the_blend_of_two_covariances(history, irt_share, shrinkage):
    filled, fitted, _ = sorted_parts(history)
    covariance = item_covariance(history, irt_share=irt_share, shrinkage=shrinkage)
    sample, own = cov(filled), (fitted * (1 - fitted)).mean(0)
    dispersion = ((filled - fitted) ** 2).sum() / (own.sum() * len(filled))
    own = own * min(1, dispersion) if dispersion < 0.5 else own
    expected = irt_share * (cov(fitted) + np.diag(own))
    expected += (1 - irt_share) * ((1 - shrinkage) * sample + shrinkage * np.diag(np.diag(sample)))
    assert_allclose(dense(covariance, 0), expected, atol=1e-9)
    assert_allclose(covariance.mean, filled.mean(0))


def test_graded_answers_scatter_less_than_coin_flips():
    graded = item_covariance(make_history(graded=True), irt_share=1)
    binary = item_covariance(make_history(), irt_share=1)
    assert 0.1 < graded.noise.mean() / binary.noise.mean() < 0.3  # means of five answers


@pytest.mark.parametrize("length", [1.0, 2.5])
def test_the_drift_is_the_kernel_over_difficulty_and_loadings(history, length):
    _, fitted, _ = sorted_parts(history)
    p = fitted.mean(0).clip(0.002, 0.998)
    difficulty = np.log(p / (1 - p))
    loadings = history.fit.model.discrimination[np.argsort(history.responses.items.ids)]
    loadings = loadings / np.sqrt((loadings**2).sum(1).mean())
    x = np.column_stack([(difficulty - difficulty.mean()) / difficulty.std(), loadings]) / length
    kernel = 1 + np.exp(-0.5 * ((x[:, None] - x) ** 2).sum(2))
    covariance = item_covariance(history, length=length)
    field = covariance.drift.T @ covariance.drift + np.diag(covariance.drift_rest)
    assert_allclose(field, kernel, atol=1e-4)
    assert_allclose(np.diag(field), 2, atol=1e-9)


def test_a_truncated_drift_keeps_its_variance_and_errs_no_more_than_what_it_drops():
    history = make_history(n_items=400, dimensions=3)
    covariance = item_covariance(history)
    assert covariance.drift.shape == (module.DRIFT_RANK, 400)
    assert_allclose((covariance.drift**2).sum(0) + covariance.drift_rest, 2, atol=1e-9)
    assert 0 < covariance.drift_rest.max() < 0.2


def test_truncated_views_keep_every_variance(monkeypatch):
    history = make_history()
    whole = item_covariance(history)
    monkeypatch.setattr(components, "MAX_RANK", 3)
    short = item_covariance(history.take(np.arange(len(history.responses.models))))
    assert short.factors.shape == (6, 60)
    assert_allclose(short.variance(0), whole.variance(0), rtol=1e-9)
    assert np.linalg.eigvalsh(dense(short, 0)).min() > 0


def test_under_drift_no_item_is_certain():
    history = make_history(n_models=40)
    scores = history.responses.scores.copy()
    scores[:, :20] = 0
    unsolved = ResponseMatrix(scores, history.responses.models, history.responses.items)
    covariance = item_covariance(history_of(unsolved, history.fit))
    columns = [covariance.items.index(one) for one in unsolved.items.ids[:20]]
    assert_allclose(covariance.mean[columns], 0)
    for s in (0.01, 0.1):
        own = covariance.own_variance(s)
        assert (own >= covariance.noise - 1e-12).all()
        gained = covariance.variance(s) - covariance.variance(0)
        assert (gained[columns] > 1.999 * s**2).all()
        least = module.DRIFT_NOISE * np.minimum(1, 5 * np.sqrt(covariance.variance(0)))
        assert (covariance.variance(s) >= least).all()


def test_larger_drift_leaves_more_open(history):
    covariance = item_covariance(history)
    variances = np.array([covariance.target_variance(s) for s in (0, 0.01, 0.1, 0.3)])
    assert (np.diff(variances, axis=0) > 0).all()


@pytest.mark.parametrize("options", [{}, {"missing": 0.2, "benchmarks": 2}, {"column": True}])
def test_the_order_of_models_and_items_changes_nothing(options):
    history = make_history(30, 50, 2, **options)
    rng = np.random.default_rng(0)
    shuffled = take_models(take_items(history, rng.permutation(50)), rng.permutation(30))
    one, other = item_covariance(history), item_covariance(shuffled)
    assert one.items == other.items == tuple(sorted(history.responses.items.ids))
    for part in fields(one)[1:]:
        assert_allclose(
            getattr(one, part.name), getattr(other, part.name), atol=1e-9, err_msg=part.name
        )


# --- a score known from elsewhere ---------------------------------------------------------------


def test_an_external_score_covaries_as_in_the_sample():
    history = make_history(30, 50, 2, column=True)
    filled, _, _ = sorted_parts(history)
    full = history.responses.models.column("full")[np.argsort(history.responses.models.ids)]
    covariance = item_covariance(history, irt_share=0, shrinkage=0)
    joint = cov(np.column_stack([filled, full]))
    assert_allclose(covariance.with_targets(0)[:, 0], joint[:-1, -1], atol=1e-9)
    assert_allclose(
        covariance.target_variance(0)[0] - covariance.target_noise[0], joint[-1, -1], rtol=1e-9
    )
    assert covariance.target_mean == pytest.approx(full.mean())


def test_an_external_score_keeps_what_abilities_cannot_explain():
    history = make_history(60, 50, 1, column=True)
    full = history.responses.models.column("full")
    covariance = item_covariance(history)
    assert 0.5 * 0.01**2 < covariance.target_noise[0] < 2 * 0.01**2  # the noise of simulate()
    noisy = history.responses.models.with_columns(
        full=np.clip(full + np.random.default_rng(0).normal(0, 0.1, 60), 0, 1)
    )
    scores = history.responses.scores
    other = history_of(ResponseMatrix(scores, noisy, history.responses.items), history.fit, "full")
    assert item_covariance(other).target_noise[0] > 20 * covariance.target_noise[0]


def test_an_items_own_noise_is_no_part_of_an_external_score():
    history = make_history(30, 50, 2, column=True, benchmarks=2)
    covariance = item_covariance(history)
    assert (covariance.weights[0] == 0).all()
    assert_allclose(covariance.weights[1:], sorted_parts(history)[2][1:])
    assert (covariance.target_noise[1:] == 0).all()


def test_an_external_score_moves_with_drift_by_its_own_scale():
    history = make_history(40, 50, 2, column=True)
    full = 0.2 + 0.5 * (history.fitted @ history.targets.weights[0])
    models = history.responses.models.with_columns(full=full)
    scores, items = history.responses.scores, history.responses.items
    scaled = item_covariance(history_of(ResponseMatrix(scores, models, items), history.fit, "full"))
    plain = item_covariance(history_of(ResponseMatrix(scores, models, items), history.fit))
    shift = [one.with_targets(0.3) - one.with_targets(0) for one in (scaled, plain)]
    own = (plain.weights * (plain.own_variance(0.3) - plain.own_variance(0))).T
    assert_allclose(shift[0], 0.5 * (shift[1] - own), atol=1e-6)


def with_columns(history, **columns):
    """The same history with columns of the models table as the targets of these benchmarks."""
    responses = history.responses
    models = responses.models.with_columns(**columns)
    responses = ResponseMatrix(responses.scores, models, responses.items)
    targets = make_targets(responses, columns={name: name for name in columns})
    return History(responses, targets, history.fit)


def test_a_benchmark_that_is_known_from_elsewhere_leaves_the_others_as_they_are():
    history = make_history(40, 60, 2, benchmarks=3)
    plain = item_covariance(history)
    full = 0.2 + 0.5 * (history.fitted @ history.targets.weights[2])
    covariance = item_covariance(with_columns(history, bench1=full))
    for s in SIZES:
        cross, other = covariance.with_targets(s), plain.with_targets(s)
        assert_allclose(cross[:, [1, 3]], other[:, [1, 3]], atol=1e-12)
    assert (covariance.weights[2] == 0).all()
    assert_allclose(covariance.weights[0], plain.weights[1] / 3 + plain.weights[3] / 3, atol=1e-12)
    assert (covariance.target_noise[[1, 3]] == 0).all()


def test_the_overall_score_is_the_mean_of_benchmarks_wherever_they_come_from():
    history = make_history(40, 60, 2, benchmarks=3)
    rng = np.random.default_rng(0)
    columns = {
        f"bench{k}": np.clip(history.filled @ history.targets.weights[k + 1] * 0.8, 0, 1)
        + 0.01 * rng.random(40)
        for k in (0, 1)
    }
    covariance = item_covariance(with_columns(history, **columns))
    cross, variance = covariance.with_targets(0), covariance.target_variance(0)
    assert_allclose(covariance.target_mean[0], covariance.target_mean[1:].mean())
    assert_allclose(cross[:, 0], cross[:, 1:].mean(1), atol=0.01 * np.abs(cross).max())
    assert 0 < variance[0] < variance[1:].max()


# --- little data --------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_models", "n_items"), [(1, 5), (2, 1), (2, 5), (5, 3)])
def test_little_data_gives_finite_moments(n_models, n_items):
    history = take_models(make_history(max(n_models, 2), n_items), np.arange(n_models))
    covariance = item_covariance(history)
    for s in SIZES:
        assert np.isfinite(dense(covariance, s)).all()
        assert (covariance.variance(s) > 0).all()
        assert np.isfinite(covariance.with_targets(s)).all()
        assert (covariance.target_variance(s) > 0).all()


def test_models_that_all_answer_alike_leave_no_sample_covariance():
    history = make_history(10, 20)
    scores = np.tile(history.responses.scores[0], (10, 1))
    alike = ResponseMatrix(scores, history.responses.models, history.responses.items)
    covariance = item_covariance(history_of(alike, history.fit), irt_share=0)
    assert covariance.factors.shape[1] == 20
    assert_allclose(dense(covariance, 0), 0, atol=1e-12)


def test_items_that_nobody_solved_shift_together():
    history = make_history(30, 50, seed=4)
    scores = history.responses.scores.copy()
    scores[:, :3] = 0.0
    history = History(replace(history.responses, scores=scores), history.targets, history.fit)
    solved, never = np.arange(3, 50), np.arange(3)
    assert (scores[:, solved] > 0).any(axis=0).all()
    covariance = item_covariance(history, unsolved=0.5)
    kernel = item_covariance(history).drift
    apart = covariance.drift.T @ covariance.drift - kernel.T @ kernel
    assert_allclose(apart[np.ix_(never, never)], 0.25, atol=1e-9)
    assert_allclose(apart[solved], 0.0, atol=1e-9)
    with pytest.raises(ConfigError, match="unsolved must be a number from 0 to 100, found -1"):
        item_covariance(history, unsolved=-1)
