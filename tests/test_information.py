from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate

from tinyeval.errors import ConfigError
from tinyeval.irt.model import IRTModel
from tinyeval.selection.information import fisher_information, select_information


def rng(seed=0):
    return np.random.default_rng(seed)


def make_model(items=5, dimensions=2, guessing=0.2, seed=0):
    draw = rng(seed)
    return IRTModel(
        tuple(f"item{k}" for k in range(items)),
        draw.normal(1, 0.5, (items, dimensions)),
        draw.normal(size=items),
        np.full(items, guessing),
        np.zeros(dimensions),
        np.eye(dimensions),
    )


def along_the_range(difficulty, abilities, seed=0):
    """A history of one-dimensional items of these difficulties and equal discrimination."""
    responses, fit = simulate(len(abilities), len(difficulty), seed=seed)
    model = replace(
        fit.model, discrimination=np.ones((len(difficulty), 1)), intercept=-np.asarray(difficulty)
    )
    ability = np.asarray(abilities)[:, None]
    model = replace(
        model, ability_mean=ability.mean(axis=0), ability_cov=np.cov(ability.T)[None, None]
    )
    scores = (rng(1).random(responses.scores.shape) < model.probability(ability)).astype(np.float32)
    return history_of(replace(responses, scores=scores), replace(fit, model=model, ability=ability))


@pytest.mark.parametrize("guessing", [0.0, 0.25])
def test_information_is_the_variance_of_the_score_function(guessing):
    model, theta = make_model(guessing=guessing), rng(1).normal(size=(4, 2))
    u, step = np.array([0.6, -0.8]), 1e-5
    p = model.probability(theta)
    slope = (model.probability(theta + step * u) - model.probability(theta - step * u)) / (2 * step)
    # E (d log P(y) / du)^2 over the two answers.
    expected = p * (slope / p) ** 2 + (1 - p) * (slope / (1 - p)) ** 2
    np.testing.assert_allclose(fisher_information(model, theta, u), expected, rtol=1e-6)


def test_information_vanishes_far_from_the_difficulty():
    model = make_model(1, 1)
    far = fisher_information(model, np.array([[-1e4], [1e4]]), np.ones(1))
    np.testing.assert_array_equal(far, 0.0)


def test_each_bin_takes_its_item():
    abilities = np.linspace(-2, 2, 200)
    history = along_the_range(np.linspace(-2.5, 2.5, 51), abilities)
    anchors = select_information(history, 4, rng=rng())
    model = history.fit.model.take(history.positions(anchors.items))
    # The most informative item of a bin is the one whose difficulty is the bin's middle.
    np.testing.assert_allclose(np.sort(model.difficulty), [-1.5, -0.5, 0.5, 1.5], atol=0.051)


def test_a_prefix_spans_the_range_as_well():
    history = along_the_range(np.linspace(-2.5, 2.5, 101), np.linspace(-2, 2, 200))
    anchors = select_information(history, 40, rng=rng())
    difficulty = history.fit.model.take(history.positions(anchors.items)).difficulty
    for k in (3, 5, 8, 13):
        gaps = np.diff(np.sort([-2.2, *difficulty[:k], 2.2]))
        assert gaps.max() < 2.2 * 4.4 / (k + 1)


def test_discriminating_items_win():
    responses, fit = simulate(100, 40, seed=2)
    strong = np.arange(40) < 10
    model = replace(fit.model, discrimination=np.where(strong, 3.0, 0.5)[:, None])
    model = replace(model, intercept=np.zeros(40))
    p = model.probability(fit.ability)
    scores = (rng(3).random(p.shape) < p).astype(np.float32)
    history = history_of(replace(responses, scores=scores), replace(fit, model=model))
    anchors = select_information(history, 10, rng=rng())
    assert strong[history.positions(anchors.items)].sum() >= 9


def test_the_direction_is_that_of_the_target():
    responses, fit = simulate(80, 40, dimensions=2, seed=4)
    first = np.arange(40) < 36  # most items load on the first dimension, a few on the second
    loadings = np.where(first[:, None], [1.0, 0.0], [0.0, 1.4])
    model = replace(
        fit.model, discrimination=loadings, intercept=np.zeros(40), ability_cov=np.eye(2)
    )
    p = model.probability(fit.ability)
    scores = (rng(5).random(p.shape) < p).astype(np.float32)
    history = history_of(replace(responses, scores=scores), replace(fit, model=model))
    anchors = select_information(history, 12, rng=rng())
    assert first[history.positions(anchors.items)].all()


def test_useless_items_come_last():
    responses, fit = simulate(60, 40, seed=6)
    scores = responses.scores.copy()
    scores[:, :5] = 0.0
    scores[:, 5:10] = 1.0
    scores[2, 7] = 0.0  # 98 % solved
    history = history_of(replace(responses, scores=scores), fit)
    options = {"easiest": 0.95, "least_correlation": 0.1}
    anchors = select_information(history, 40, rng=rng(), **options)
    order = history.positions(anchors.items)
    mean, total = scores.mean(axis=0), scores.mean(axis=1)
    with np.errstate(invalid="ignore"):
        correlation = np.array([np.corrcoef(one, total)[0, 1] for one in scores.T])
    useful = (scores.std(axis=0) > 0.01) & (mean <= 0.95) & (np.abs(correlation) >= 0.1)
    assert 10 <= (~useful).sum() < 30
    assert useful[order[: useful.sum()]].all()
    assert not useful[order[useful.sum() :]].any()


def test_bins_are_taken_in_turn_until_there_are_enough():
    history = along_the_range(np.linspace(-2.5, 2.5, 51), np.linspace(-2, 2, 200))
    anchors = select_information(history, 12, rng=rng(), bins=3)
    difficulty = history.fit.model.take(history.positions(anchors.items)).difficulty
    middle = np.array([-4 / 3, 0.0, 4 / 3])
    nearest = np.abs(difficulty[:, None] - middle).argmin(axis=1)
    assert np.bincount(nearest).tolist() == [4, 4, 4]
    assert sorted(nearest[:3].tolist()) == [0, 1, 2]


def test_bins_below_one_are_refused():
    with pytest.raises(ConfigError, match="at least 1, found 0"):
        select_information(make_history(10, 10), 3, rng=rng(), bins=0)
