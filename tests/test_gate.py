"""The gate: a prior that knows the history, and Bayes' rule by quadrature."""

import numpy as np
import pytest
from helpers import make_history
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

from tinyeval.estimators.gate import (
    CROWD,
    LEAST,
    LEAST_REACH,
    ODDS,
    REACH,
    WIDE,
    posterior_beyond,
    prior_beyond,
    share_beyond_chance,
)


def even(low, high):
    """Scores of 101 models that leave no end of their range thin."""
    return np.linspace(low, high, 101)


@pytest.mark.parametrize("spread", [0.002, 0.03, 0.1])
@pytest.mark.parametrize("mean", [0.0, 0.15, 0.4, 0.55, 0.97])
def test_the_posterior_is_that_of_bayes(mean, spread):
    low, high, prior = 0.2, 0.5, np.array([0.2, 0.4, 0.6, 0.3])

    def density(t):
        away = max(t - high, low - t, 0.0)
        edge, reach = prior[[1, 3]] if t > high else prior[[0, 2]]
        return norm.pdf(t, mean, spread) * (edge * (1 + away / reach) ** -2 if away else 1.0)

    def total(function, start, stop):
        points = [min(max(mean + k * spread, start), stop) for k in (-3, 0, 3)]
        return quad(function, start, stop, points=points, epsabs=1e-13, limit=500)[0]

    sides = [(0.0, low), (high, 1.0)]
    beyond = sum(total(density, *side) for side in sides)
    gate, expected = posterior_beyond(np.array([mean]), np.array([spread]), low, high, prior)
    assert_allclose(gate, beyond / (beyond + total(density, low, high)), atol=1e-6)
    if beyond > 1e-9:
        middle = sum(total(lambda t: t * density(t), *side) for side in sides) / beyond
        assert_allclose(expected, middle, atol=1e-6)


def test_far_within_nothing_is_beyond():
    gate, expected = posterior_beyond(
        np.array([0.5]), np.array([0.001]), 0.2, 0.8, np.array([0.5, 0.5, 1.0, 1.0])
    )
    assert gate.tolist() == [0.0]
    assert expected.tolist() == [0.5]


def test_both_ends_are_alike():
    mean, spread = np.array([0.05, 0.3, 0.62]), np.array([0.05, 0.02, 0.1])
    prior = np.array([0.1, 0.4, 0.5, 0.2])
    gate, expected = posterior_beyond(mean, spread, 0.25, 0.6, prior)
    mirror = posterior_beyond(1 - mean, spread, 0.4, 0.75, prior[[1, 0, 3, 2]])
    assert_allclose(mirror, [gate, 1 - expected], atol=1e-12)


def test_an_older_bank_has_one_reach_for_both_ends():
    mean, spread = np.array([0.05, 0.3, 0.62]), np.array([0.05, 0.02, 0.1])
    old, new = np.array([0.1, 0.4, 0.5]), np.array([0.1, 0.4, 0.5, 0.5])
    found = [posterior_beyond(mean, spread, 0.25, 0.6, one) for one in (old, new)]
    assert_allclose(*found, atol=0)


def test_a_range_that_ends_at_0_or_1_has_nothing_beyond():
    gate, _ = posterior_beyond(
        np.array([0.0, 1.0]), np.array([0.1, 0.1]), 0.0, 1.0, np.array([0.5, 0.5, 1.0, 1.0])
    )
    assert gate.tolist() == [0.0, 0.0]


def test_a_wide_history_expects_more_beyond_and_further_out():
    narrow, wide = (prior_beyond(even(0.2, high), 1.0, ODDS) for high in (0.25, 0.6))
    assert_allclose(wide, [ODDS] * 2 + [REACH * 0.98 * 0.4] * 2)
    assert_allclose(narrow, [ODDS * 0.98 * 0.05 / WIDE] * 2 + [REACH * 0.98 * 0.05] * 2)


def test_scores_that_differ_by_chance_alone_expect_next_to_nothing():
    prior = prior_beyond(even(0.2, 0.6), 0.0, ODDS)
    assert_allclose(prior, [ODDS * LEAST] * 2 + [LEAST_REACH] * 2)


def test_no_width_at_all_is_no_trouble():
    prior = prior_beyond(np.full(9, 0.5), 1.0, ODDS)
    gate, expected = posterior_beyond(np.array([0.5, 0.9]), np.array([0.01, 0.01]), 0.5, 0.5, prior)
    assert np.isfinite(expected).all()
    assert gate[1] > 0.99


def test_a_history_that_thins_out_expects_less_there_and_not_as_far():
    scores = np.concatenate([even(0.2, 0.3), [0.45, 0.6, 0.6]])
    below, above, near, far = prior_beyond(scores, 1.0, ODDS)
    assert below == ODDS
    assert_allclose(above, ODDS * 10 * 2 / 104)
    assert_allclose(far / near, above / below)
    scores = np.concatenate([even(0.2, 0.3), [0.6]])
    assert prior_beyond(scores, 1.0, ODDS)[1] >= ODDS * CROWD


def test_alpha_is_cronbachs():
    history = make_history(40, 60, seed=2)
    scores = history.responses.scores.astype(float)
    n = scores.shape[1]
    cronbach = n / (n - 1) * (1 - scores.var(0).sum() / scores.sum(1).var())
    assert_allclose(share_beyond_chance(history), cronbach * (n - 1) / n, rtol=1e-6)
