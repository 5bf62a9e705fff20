"""Answers that are k of n runs: the estimator against brute force, and against itself without."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate, split_models
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.covariance.run_noise import DOUBT, run_noise
from tinyeval.errors import BankError
from tinyeval.estimators.base import Estimate
from tinyeval.estimators.kriging import fit_kriging
from tinyeval.estimators.regression import fit_kernel_ridge
from tinyeval.estimators.shift import fit_shift
from tinyeval.estimators.shift_tables import Runs
from tinyeval.estimators.stack import Stack, fit_stack
from tinyeval.estimators.trials import Repeats, by_runs, find_repeats, moved
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import equal_weights


def rng(seed=0):
    return np.random.default_rng(seed)


def repeated_history(n=60, items=50, runs=5, seed=3, **options):
    """A history of means of several runs, its fit the truth."""
    responses, fit = simulate(n, items, 2, seed, **options)
    p = fit.model.probability(fit.ability)
    right = np.random.default_rng(seed).binomial(runs, p)
    scores = np.where(responses.observed, right / runs, np.nan)
    trials = np.where(responses.observed, runs, 0).astype(np.uint16)
    return history_of(replace(responses, scores=scores.astype(np.float32), trials=trials), fit)


def some(history, n):
    ids = sorted(history.responses.items.ids)
    return equal_weights(tuple(rng(1).permutation(ids)[:n]))


@pytest.fixture(scope="module")
def history():
    return repeated_history(benchmarks=2)


@pytest.fixture(scope="module")
def anchors(history):
    return some(history, 12)


@pytest.fixture(scope="module")
def stack(history, anchors):
    return fit_stack(history, anchors, rng=rng())


def answers_of(history, anchors, n=9):
    return history.responses.align(anchors.items)[:n].astype(float)


# --- run noise ----------------------------------------------------------------------------------


def test_run_noise_is_the_mean_of_its_unbiased_estimates_shrunk():
    history = repeated_history(missing=0.2)
    y, n = history.filled.astype(float), history.responses.trials
    single = np.where(n > 0, 5 / 4 * y * (1 - y), 0).sum(0) / (n > 0).sum(0)
    p = history.fit.model.probability(history.fit.ability).astype(np.float32)
    b = (p * (1 - p)).mean(0)
    rho = ((n > 0).sum(0) * single).sum() / ((n > 0).sum(0) * b).sum()
    models = (n > 0).sum(0)
    found = run_noise(history)
    expected = (models * single + DOUBT * rho * b) / (models + DOUBT)
    assert_allclose(found.single, expected, rtol=1e-5)
    assert_allclose(found.inverse, 0.2)
    assert found.usual == 5
    # here nothing but run noise scatters around the true probabilities
    assert_allclose(found.single.mean(), (p * (1 - p)).mean(), rtol=0.03)


def test_numbers_of_runs_may_differ_between_cells():
    history = repeated_history()
    once = np.array(history.responses.trials)
    once[:20] = 1
    scores = np.where(once == 1, np.round(history.responses.scores), history.responses.scores)
    mixed = replace(history.responses, scores=scores.astype(np.float32), trials=once)
    found = run_noise(history_of(mixed, history.fit))
    assert_allclose(found.inverse, (20 + 40 / 5) / 60)
    rest = history_of(
        mixed.take(np.arange(20, 60)), replace(history.fit, ability=history.fit.ability[20:])
    )
    assert_allclose(found.single, run_noise(rest).single, atol=0.02)


def test_a_history_that_was_not_repeated_has_no_run_noise():
    history = make_history(40, 30)
    assert run_noise(history) is None
    few = np.ones(history.responses.scores.shape, dtype=np.uint16)
    few[:10] = 4  # a quarter of the models
    assert run_noise(history_of(replace(history.responses, trials=few), history.fit)) is None


# --- kriging ------------------------------------------------------------------------------------


def conditional(cov, cross, variance, deviations):
    """Mean and variance of Gaussian targets given some deviations, by the textbook."""
    gain = np.linalg.solve(cov, cross)
    return deviations @ gain, variance - (cross * gain).sum(0)


@pytest.mark.parametrize("missing", [(), (2, 7)])
@pytest.mark.parametrize("runs", [1, 2, 5, 40])
def test_expected_score_and_score_of_the_runs_are_those_of_brute_force(
    history, anchors, runs, missing
):
    covariance = item_covariance(history)
    repeats = find_repeats(history, anchors, covariance)
    noise = run_noise(history)
    s, weights = 0.1, history.targets.own
    n_items = len(covariance.items)
    every = covariance.factors.T @ covariance.factors + s**2 * covariance.drift.T @ covariance.drift
    every += np.diag(covariance.own_variance(s) + 1e-6)
    held = np.minimum(noise.single * noise.inverse, covariance.own_variance(0.0))
    latent = every - np.diag(held)
    assert np.linalg.eigvalsh(latent)[0] > 0
    # the vector (p, y of the new runs), whose targets are W p and W y
    own = np.diag(noise.single / runs)
    index = history.positions(anchors.items)
    kept = np.array([k for k in range(len(index)) if k not in missing])
    asked = index[kept]
    cov = (latent + own)[np.ix_(asked, asked)]
    cross = np.hstack([(latent @ weights.T)[asked], ((latent + own) @ weights.T)[asked]])
    variance = np.concatenate(
        [np.diag(weights @ latent @ weights.T), np.diag(weights @ (latent + own) @ weights.T)]
    )
    answers = answers_of(history, anchors)
    answers[:, list(missing)] = np.nan
    mean, var = conditional(cov, cross, variance, answers[:, kept] - covariance.mean[asked])
    kriging = repeats.kriging(
        fit_kriging(history, anchors, rng=rng(), drift=(s,)), np.full(len(index), 1 / runs)
    )
    means, variances, _ = kriging.hypotheses(answers)
    targets = len(weights)
    expected = np.tile(covariance.target_mean, 2) + mean
    assert_allclose(means[0][:, : 2 * targets], expected, atol=1e-5)
    assert_allclose(variances[0, 0, : 2 * targets], var, atol=1e-5)
    assert n_items == 50


def test_with_as_many_runs_the_score_of_the_runs_is_what_kriging_says_without(history, anchors):
    plain = fit_kriging(history, anchors, rng=rng())
    repeats = find_repeats(history, anchors, item_covariance(history))
    # as where nothing had to be cut
    uncut = {"single": 5 * repeats.held, "unasked": 5 * repeats.unasked_held}
    repeats = replace(repeats, **uncut)
    again = repeats.kriging(plain, np.full(12, 1 / 5))
    answers = answers_of(history, anchors)
    for one, other in zip(
        plain.hypotheses(answers)[:2], again.hypotheses(answers)[:2], strict=True
    ):
        assert_allclose(np.split(other, 3, axis=-1)[1], one, atol=1e-9)
        assert_allclose(np.split(other, 3, axis=-1)[2], one, atol=1e-9)


# --- shifted difficulty and kernel ridge --------------------------------------------------------


def test_shifted_difficulty_without_run_noise_is_as_before(history, anchors):
    shift, answers = fit_shift(history, anchors, rng=rng()), answers_of(history, anchors)
    answers[0, 3:] = np.nan
    plain = shift.predict(answers)
    none = Runs(np.zeros(12), np.zeros(3), np.full(answers.shape, 0.5), np.full(12, 0.2))
    found = shift.predict_runs(answers, none)
    for kind in (slice(0, 3), slice(3, 6)):
        assert_allclose(found.mean[:, kind], plain.mean, atol=1e-12)
        assert_allclose(found.spread[:, kind], plain.spread, atol=1e-12)


def test_shifted_difficulty_believes_an_answer_the_more_runs_it_has(history, anchors):
    shift, answers = fit_shift(history, anchors, rng=rng()), answers_of(history, anchors)
    spreads, distance = [], []
    for runs in (1, 2, 5, 1000):
        share = Runs(
            np.full(12, 0.6), np.full(3, 0.6), np.full(answers.shape, 1 / runs), np.full(12, 0.2)
        )
        found = shift.predict_runs(answers, share)
        spreads.append(found.spread[:, 0].mean())
        distance.append(np.abs(found.mean[:, :3] - found.mean[:, 3:]).max())
    assert (np.diff(spreads) < 0).all()
    assert distance[-1] < 1e-3 < distance[0]  # of very many runs, both scores are the same


def test_kernel_ridge_reads_noisy_answers_as_what_they_stand_for(history, anchors):
    kernel, answers = fit_kernel_ridge(history, anchors, rng=rng()), answers_of(history, anchors)
    assert_array_equal(kernel.predict(answers, np.zeros(12)).mean, kernel.predict(answers).mean)
    noise = np.linspace(0.01, 0.2, 12)
    found = kernel.predict(answers, noise)
    pull = kernel.cov @ np.linalg.inv(kernel.cov + np.diag(noise))
    x = kernel.mean + (answers - kernel.mean) @ pull.T
    assert_allclose(found.mean, np.clip(kernel.predict(x).mean, 0, 1), atol=1e-9)
    assert (found.spread > kernel.predict(answers).spread).all()
    # an answer of which nothing can be known counts as none
    blind, gone = np.zeros(12), answers.copy()
    blind[4], gone[:, 4] = 1e7, np.nan
    assert_allclose(kernel.predict(answers, blind).mean, kernel.predict(gone).mean, atol=1e-4)
    assert_allclose(kernel.predict(answers, blind).spread, kernel.predict(gone).spread, rtol=1e-3)
    noisy = kernel.predict(gone, noise)
    assert_allclose(kernel.predict(answers, noise + blind).spread, noisy.spread, rtol=1e-3)


# --- stack --------------------------------------------------------------------------------------


def test_without_repeats_numbers_of_runs_change_nothing():
    source, new = split_models(make_history(60, 40, seed=2), 45)
    anchors = some(source, 10)
    stack, answers = fit_stack(source, anchors, rng=rng()), answers_of(new, anchors)
    assert stack.repeats is None
    assert not any(name.startswith("repeats") for name in stack.state())
    told = stack.predict(answers, np.full(answers.shape, 7))
    plain = stack.predict(answers)
    for name in ("mean", "spread", "novelty"):
        assert_array_equal(getattr(told, name), getattr(plain, name))
    assert told.run_mean is None


def test_a_single_run_is_assumed_where_the_number_is_not_known(stack, history, anchors):
    answers = answers_of(history, anchors)
    one = stack.predict(answers, np.ones(answers.shape, dtype=np.uint16))
    assert_array_equal(stack.predict(answers).mean, one.mean)


def test_the_spread_falls_with_the_number_of_runs(stack, history, anchors):
    answers = answers_of(history, anchors)
    found = [stack.predict(answers, np.full(answers.shape, n)) for n in (1, 2, 5, 50)]
    assert (np.diff([one.spread[:, 0].mean() for one in found]) < 0).all()
    assert (found[-1].spread[:, 0] < found[0].spread[:, 0]).all()
    # with very many runs the score of the runs is the expected one
    many = stack.predict(answers, np.full(answers.shape, 60_000))
    assert_allclose(many.run_mean, many.mean, atol=2e-3)


def test_models_are_predicted_alike_alone_and_among_others(stack, history, anchors):
    answers = answers_of(history, anchors)
    answers[2, 5:] = np.nan
    trials = np.where(np.isnan(answers), 0, 5).astype(np.uint16)
    trials[3] = 1
    trials[4, 6] = 3
    together = stack.predict(answers, trials)
    for k in range(len(answers)):
        alone = stack.predict(answers[k : k + 1], trials[k : k + 1])
        for name in ("mean", "spread", "novelty", "run_mean", "run_spread"):
            assert_allclose(getattr(together, name)[k], getattr(alone, name)[0], atol=1e-9)


def test_of_items_all_asked_the_score_of_the_runs_is_known_and_the_expected_one_is_not():
    history = repeated_history(items=20)
    anchors = some(history, 20)
    stack, answers = fit_stack(history, anchors, rng=rng()), answers_of(history, anchors)
    found = stack.predict(answers, np.ones(answers.shape))
    assert_allclose(found.run_mean[:, 0], answers.mean(1), atol=0.01)
    noise = np.sqrt(stack.repeats.single.mean() / 20)
    assert found.run_spread[:, 0].max() < 0.25 * noise
    assert (found.spread[:, 0] > 0.5 * noise).all()
    assert (found.spread[:, 0] < 1.2 * noise).all()


def test_a_stack_is_rebuilt_from_its_state(stack, history, anchors):
    again = Stack.from_state(stack.state())
    answers = answers_of(history, anchors)
    for trials in (None, np.full(answers.shape, 2)):
        one, other = stack.predict(answers, trials), again.predict(answers, trials)
        assert_array_equal(one.mean, other.mean)
        assert_array_equal(one.run_spread, other.run_spread)


def test_expected_scores_are_recovered_and_the_spread_says_how_well():
    history = repeated_history(160, 80, seed=8)
    source, test = np.arange(120), np.arange(120, 160)
    part = history_of(
        history.responses.take(source), replace(history.fit, ability=history.fit.ability[source])
    )
    anchors = some(part, 25)
    stack = fit_stack(part, anchors, rng=rng())
    p = history.fit.model.probability(history.fit.ability)[test]
    errors = {}
    for runs in (1, 2, 5):
        answers = rng(runs).binomial(runs, p) / runs
        asked = answers[:, part.positions(anchors.items)]
        found = stack.predict(asked, np.full(asked.shape, runs))
        for kind, z in {
            "expected": (found.mean[:, 0] - p.mean(1)) / found.spread[:, 0],
            "runs": (found.run_mean[:, 0] - answers.mean(1)) / found.run_spread[:, 0],
        }.items():
            errors[kind, runs] = np.sqrt((z**2).mean())
    assert all(0.6 < one < 1.25 for one in errors.values()), errors


# --- parts --------------------------------------------------------------------------------------


def test_hostile_states_are_refused(stack):
    state = stack.repeats.state()
    for name in ("single", "unasked", "usual"):
        with pytest.raises(BankError, match=name):
            Repeats.from_state({**state, name: np.ones((2, 2))})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"single": np.full(12, -1.0)}, "below 0"),
        ({"held": np.full(12, 5.0)}, "more run noise than"),
        ({"single": np.ones(3), "held": np.ones(3), "share": np.ones(3)}, "other anchors"),
    ],
)
def test_run_noise_that_cannot_be_is_refused(stack, change, said):
    if "weights" not in change and len(next(iter(change.values()))) == 3:
        change = change | {"weights": np.ones((3, 3))}
    with pytest.raises(BankError, match=said):
        replace(stack, repeats=replace(stack.repeats, **change))


def test_a_variance_is_moved_by_what_two_targets_differ():
    assert_allclose(
        moved(np.array([2.0, 2.0]), np.array([1.0, 1.0]), np.array([1.5, 0.5])), [2.5, 1]
    )


def test_models_with_equal_numbers_of_runs_go_together():
    inverse = np.array([[1, 1], [0.5, 0.5], [1, 1], [0.5, 1]])
    found = sorted(one.tolist() for one in by_runs(inverse))
    assert found == [[0, 2], [1], [3]]
    assert [one.tolist() for one in by_runs(inverse[:1])] == [[0]]


def test_estimates_are_joined():
    one = Estimate(mean=np.zeros((1, 1)), spread=np.ones((1, 1)), novelty=np.zeros(1))
    assert Estimate.join([one, one]).mean.shape == (2, 1)
    assert Estimate.join([one, one]).run_mean is None
    runs = replace(one, run_mean=np.full((1, 1), 0.3), run_spread=np.ones((1, 1)))
    assert Estimate.join([runs, runs]).of_runs()[0].tolist() == [[0.3], [0.3]]
    assert ResponseMatrix.from_arrays([[1]], ["a"], ["q"]).usual_trials == 1
