"""Weights of means of several runs in the IRT fit: the documented objective, by its definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import simulate
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.irt.alternating import fit_map, log_likelihood
from tinyeval.irt.fit import fit_irt
from tinyeval.irt.packed import pack
from tinyeval.irt.run_weights import correlation, run_weights


def repeated(runs, seed=2, n=50, items=40, own=0.0, missing=0.0):
    """Means of ``runs`` runs, a number or one per model; ``own`` is what single items add."""
    responses, fit = simulate(n, items, 1, seed, missing=missing)
    rng = np.random.default_rng(seed)
    p = fit.model.probability(fit.ability)
    p = 1 / (1 + np.exp(-np.log(p / (1 - p)) - own * rng.normal(size=p.shape)))
    trials = np.broadcast_to(np.reshape(runs, (-1, 1)), p.shape)
    scores = np.where(responses.observed, rng.binomial(trials, p) / trials, np.nan)
    trials = np.where(responses.observed, trials, 0).astype(np.uint16)
    return replace(responses, scores=scores.astype(np.float32), trials=trials)


def test_equal_numbers_of_runs_need_no_weights():
    assert run_weights(simulate(10, 10)[0]) is None
    assert run_weights(repeated(5, missing=0.2)) is None


def test_weights_are_relative_to_the_usual_number():
    runs = np.array([5] * 30 + [1] * 10 + [2] * 10)
    matrix = repeated(runs, missing=0.2)
    phi, found = correlation(matrix), run_weights(matrix)
    assert_array_equal(found == 0, ~matrix.observed)
    for n, rows in ((5, slice(0, 30)), (1, slice(30, 40)), (2, slice(40, 50))):
        weight = n / (1 + (n - 1) * phi) / (5 / (1 + 4 * phi))
        assert_allclose(found[rows][matrix.observed[rows]], weight, rtol=1e-6)


def test_the_correlation_of_runs_rises_with_what_single_items_add():
    found = [correlation(repeated(5, own=own)) for own in (0.0, 1.0, 3.0)]
    assert found[0] < 0.12
    assert found[0] < found[1] < found[2]
    certain = repeated(4)
    certain = replace(certain, scores=np.round(certain.scores))  # every run is the same
    assert correlation(certain) == 1


@pytest.mark.parametrize("chance", [0.0, 0.2])
def test_the_fit_maximises_the_weighted_likelihood(chance):
    matrix = repeated(np.array([6] * 25 + [1] * 25), missing=0.1)
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.2, 3, matrix.scores.shape).astype(np.float32)
    everyone, every = np.arange(50), np.arange(40)
    guessing = np.full(40, chance, dtype=np.float32)
    data = pack(matrix.scores, everyone, every, True, guessing, torch.device("cpu"), 7, weights)
    state = fit_map(data, 1)
    y, w = np.nan_to_num(matrix.scores), np.where(matrix.observed, weights, 0.0)

    def value(ability, items):
        p = chance + (1 - chance) / (1 + np.exp(-(ability @ items[:, :-1].T + items[:, -1])))
        own = (w * (y * np.log(p) + (1 - y) * np.log(1 - p))).sum()
        away = (items - state.mean.numpy()) ** 2 * state.precision.numpy()
        return own, own - 0.5 * (ability**2).sum() - 0.5 * away.sum()

    ability, items = (one.numpy().astype(float) for one in (state.ability, state.items))
    assert_allclose(log_likelihood(data, state), value(ability, items)[0], rtol=1e-4)
    best = value(ability, items)[1]
    for seed in range(20):  # no neighbour is better by more than the fit's tolerance
        step = np.random.default_rng(seed)
        other = ability + 0.05 * step.normal(size=ability.shape)
        moved = items + 0.05 * step.normal(size=items.shape)
        assert value(other, items)[1] < best
        assert value(ability, moved)[1] < best


def test_weights_of_one_change_nothing():
    matrix = repeated(3, missing=0.1)
    ones = np.ones(matrix.scores.shape, dtype=np.float32)
    told = (np.arange(50), np.arange(40), True, np.zeros(40, np.float32), torch.device("cpu"), 9)
    plain, weighted = (fit_map(pack(matrix.scores, *told, w), 1) for w in (None, ones))
    assert_array_equal(plain.items.numpy(), weighted.items.numpy())


def test_a_fit_of_mixed_numbers_follows_the_cells_that_were_run_more():
    """Agents run once pull on an item less than agents run twenty times."""
    matrix = repeated(np.array([20] * 40 + [1] * 10))
    fit = fit_irt(matrix, dimensions=1)
    plain = fit_irt(replace(matrix, trials=None), dimensions=1)
    often = matrix.scores[:40]

    def off(one):
        return ((one.model.probability(one.ability)[:40] - often) ** 2).mean()

    assert off(fit) < off(plain)
