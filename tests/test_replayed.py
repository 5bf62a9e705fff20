"""Held-out models as if they had been run fewer times: draws without replacement, and errors."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.build_plan import BuildPlan
from tinyeval.calibration.replayed import Replayed, replayed, thinned
from tinyeval.calibration.run_levels import RunLevel, by_level, fewer_than, level_of
from tinyeval.estimators.answered import Answered
from tinyeval.learning import learn
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table


def rng(seed=0):
    return np.random.default_rng(seed)


def repeated(n=30, items=40, runs=5, seed=1, missing=0.0):
    responses, fit = simulate(n, items, 2, seed, missing=missing)
    p = fit.model.probability(fit.ability)
    scores = np.where(responses.observed, rng(seed).binomial(runs, p) / runs, np.nan)
    trials = np.where(responses.observed, runs, 0).astype(np.uint16)
    return replace(responses, scores=scores.astype(np.float32), trials=trials)


def test_the_runs_are_divided_and_none_is_lost():
    matrix = repeated(missing=0.2)
    asked, rest = thinned(matrix, 2, rng())
    seen = matrix.observed
    assert_array_equal(asked.trials_on(matrix.items.ids)[seen], 2)
    assert_array_equal(rest.trials_on(matrix.items.ids)[seen], 3)
    together = np.nan_to_num(asked.scores) * 2 + np.nan_to_num(rest.scores) * 3
    assert_allclose(together[seen], matrix.scores[seen] * 5, atol=1e-5)
    assert np.isnan(asked.scores[~seen]).all()
    assert np.isnan(rest.scores[~seen]).all()


def test_a_draw_is_unbiased_and_varies_as_one_without_replacement():
    k, n = 2, 5
    cell = ResponseMatrix(
        np.full((20_000, 1), k / n, dtype=np.float32),
        Table(tuple(f"m{j}" for j in range(20_000))),
        Table(("q",)),
        np.full((20_000, 1), n, dtype=np.uint16),
    )
    for runs in (1, 2, 4):
        drawn = thinned(cell, runs, rng(runs))[0].scores
        assert abs(drawn.mean() - k / n) < 0.01
        without = k / n * (1 - k / n) / runs * (n - runs) / (n - 1)
        assert_allclose(drawn.var(dtype=float), without, rtol=0.05)


def test_a_cell_with_too_few_runs_gives_them_all():
    scores, trials = np.array([[1, 0.5]], dtype=np.float32), np.array([[1, 2]], dtype=np.uint16)
    matrix = ResponseMatrix(scores, Table(("m",)), Table(("a", "b")), trials)
    asked, rest = thinned(matrix, 2, rng())
    assert_array_equal(asked.scores, [[1, 0.5]])
    assert np.isnan(rest.scores).all()


def test_graded_runs_are_rounded_without_bias():
    scores = np.full((20_000, 1), 0.5, dtype=np.float32)  # 1.5 of 3
    ids = Table(tuple(f"m{j}" for j in range(20_000)))
    matrix = ResponseMatrix(scores, ids, Table(("q",)), np.full((20_000, 1), 3, dtype=np.uint16))
    asked, rest = thinned(matrix, 1, rng())
    assert abs(asked.scores.mean() - 0.5) < 0.02
    assert (rest.scores >= 0).all()
    assert (rest.scores <= 1).all()


@pytest.fixture(scope="module")
def part(fast):
    matrix = repeated()
    plan = BuildPlan.of(fast.replace(items=8), matrix)
    return learn(matrix.sorted(), plan), repeated(10, seed=1)


def test_the_runs_that_do_not_answer_are_the_true_score(part):
    learned, matrix = part
    found = replayed(learned, matrix, 2, seed=4)
    again = replayed(learned, matrix, 2, seed=4)
    assert_array_equal(found.truth, again.truth)
    assert (found.answers.trials == 2).all()
    y = matrix.scores.astype(float)
    assert_allclose(found.noise[:, 0], (5 / 4 * y * (1 - y) / 3).sum(1) / 40**2, rtol=1e-5)
    every = replayed(learned, matrix, None, seed=4)
    assert every.noise is None
    assert_allclose(every.truth[:, 0], y.mean(1), atol=1e-6)
    assert_array_equal(every.answers.trials, 5)


def test_errors_lose_the_share_of_the_true_scores_own_noise():
    truth, spread = np.array([[0.5], [0.5]]), np.array([[0.03], [0.03]])
    answers = Answered(np.zeros((2, 1)))
    noisy = Replayed(answers, truth, np.full((2, 1), 0.04**2), np.zeros((2, 1)))
    assert_allclose(noisy.error((truth + 0.05, spread), None), 0.05 * 3 / 5)
    exact = noisy._replace(noise=np.zeros((2, 1)))
    assert_allclose(exact.error((truth + 0.05, spread), None), 0.05)


def test_errors_against_the_same_runs_become_errors_against_the_expected_score():
    n = 40_000
    truth, draw = np.full((n, 1), 0.5), rng().standard_normal((n, 1))
    mean = truth + 0.03 * rng(1).standard_normal((n, 1))
    told = Replayed(Answered(np.zeros((n, 1))), truth, None, draw)
    narrow, wide = np.full((n, 1), 0.03), np.full((n, 1), 0.05)
    assert_allclose(told.error((mean, wide), (mean, narrow)).std(), 0.05, rtol=0.02)
    assert_allclose(told.error((mean, narrow), (mean, wide)), (mean - truth) * 3 / 5)
    assert_array_equal(told.error((mean, wide), None), mean - truth)
    known = told.error((mean, wide), (truth, np.full((n, 1), 1e-5)))
    assert_allclose(known.std(), 0.05, rtol=0.02)  # all was asked: only run noise is left


@pytest.mark.parametrize(
    ("usual", "levels"), [(1, ()), (2, (1,)), (3, (1,)), (4, (1, 2)), (9, (1, 2))]
)
def test_fewer_runs_are_calibrated_than_the_history_had(usual, levels):
    assert fewer_than(usual) == levels


def test_a_model_is_read_by_the_level_of_its_runs_or_the_next_below():
    levels = [RunLevel(n, None, None) for n in (1, 2, 5)]
    runs = np.array([1, 1.5, 2, 4.5, 4.95, 80, 0.5])
    assert [level_of(levels, n).trials for n in runs] == [1, 1, 2, 2, 5, 5, 1]
    found = {one.trials: rows.tolist() for one, rows in by_level(levels, runs)}
    assert found == {1: [0, 1, 6], 2: [2, 3], 5: [4, 5]}
