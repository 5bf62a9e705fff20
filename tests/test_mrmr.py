from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics import mutual_info_score

from tinyeval.errors import ConfigError
from tinyeval.selection.mrmr import mutual_information, ross_information, select_mrmr


def rng(seed=0):
    return np.random.default_rng(seed)


def members_of(levels):
    return np.stack([levels == k for k in range(levels.max() + 1)]).astype(np.float32)


def with_scores(scores):
    """A history of these answers."""
    responses, fit = simulate(*np.shape(scores))
    return history_of(replace(responses, scores=np.asarray(scores, dtype=np.float32)), fit)


def positions(history, anchors):
    return history.positions(anchors.items).tolist()


def ross_by_definition(levels, score):
    """The estimate of Ross (2014), model by model."""
    distance = np.abs(score[:, None] - score)
    own = levels[:, None] == levels
    kept = np.flatnonzero(own.sum(axis=1) > 1)
    terms = []
    for m in kept:
        k = min(5, own[m].sum() - 1)
        radius = np.sort(distance[m, own[m]])[k]
        nearer = (distance[m, kept] < radius - 1e-12).sum()
        terms.append(digamma(k) - digamma(own[m].sum()) - digamma(nearer))
    return digamma(len(kept)) + np.mean(terms) if terms else 0.0


@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_relevance_is_that_of_ross(seed, models, n_levels):
    draw = rng(seed)
    levels = draw.integers(0, n_levels, models)
    score = draw.random(models) + 0.3 * levels * draw.integers(0, 2)
    found = ross_information(levels, score)
    assert found == pytest.approx(ross_by_definition(levels, score), abs=1e-9)


def test_relevance_is_that_of_scikit_learn():
    levels, score = rng(1).integers(0, 2, (90, 30)), rng(2).random(90)
    levels[:, 0], levels[:, 1], levels[1:, 2] = score > 0.4, 0, 1
    found = [ross_information(one, score) for one in levels.T]
    expected = mutual_info_regression(
        levels, score, discrete_features=True, n_neighbors=5, random_state=0
    )
    np.testing.assert_allclose(np.maximum(found, 0.0), expected, atol=1e-9)


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(2, 40))
@settings(max_examples=20, deadline=None)
def test_redundancy_is_the_discrete_mutual_information(seed, models):
    levels = rng(seed).integers(0, 3, (models, 6))
    levels[:, 0] = 0
    levels[:, 1] = levels[:, 2]
    for k in range(6):
        found = mutual_information(members_of(levels), k)
        expected = [mutual_info_score(levels[:, k], other) for other in levels.T]
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["quotient", "difference"])
def test_each_item_is_the_best_of_the_rest(scheme):
    history = make_history(60, 30, seed=3, column=True)  # scores without ties
    scores, score = history.filled.astype(int), history.target_values[:, 0]
    relevance = np.maximum([ross_information(one, score) for one in scores.T], 0.0)
    redundancy = np.array([[mutual_info_score(a, b) for a in scores.T] for b in scores.T])
    chosen = positions(history, select_mrmr(history, 12, rng=rng(), scheme=scheme))
    assert chosen[0] == np.argmax(relevance)
    for k in range(1, 12):
        mean = redundancy[chosen[:k]].mean(axis=0)
        gain = relevance - mean if scheme == "difference" else relevance / (mean + 1e-10)
        gain[chosen[:k]] = -np.inf
        assert chosen[k] == np.argmax(gain)


def test_a_copy_is_redundant():
    history = make_history(80, 20, seed=4, column=True)
    first = positions(history, select_mrmr(history, 1, rng=rng()))[0]
    scores = np.array(history.filled)
    copies = {first, (first + 1) % 20, (first + 2) % 20}
    scores[:, list(copies)] = scores[:, [first]]
    doubled = history_of(replace(history.responses, scores=scores), history.fit, "full")
    chosen = positions(doubled, select_mrmr(doubled, 2, rng=rng(), scheme="difference"))
    assert chosen[0] in copies
    assert chosen[1] not in copies


def test_the_schemes_differ():
    history = make_history(60, 60, dimensions=3, seed=6)
    quotient, difference = (
        select_mrmr(history, 20, rng=rng(), scheme=one) for one in ("quotient", "difference")
    )
    assert quotient.items[0] == difference.items[0]
    assert set(quotient.items) != set(difference.items)


def test_models_that_tie_leave_the_choice_to_chance_and_not_to_the_order():
    scores = np.tile([[0.0, 1.0] * 10, [1.0, 0.0] * 10], (10, 1))  # every model scores 1/2
    drawn = {
        tuple(positions(h := with_scores(scores), select_mrmr(h, 3, rng=rng(k)))) for k in range(20)
    }
    assert len(drawn) > 10


def test_graded_items_are_ranked_by_what_they_tell():
    ability = np.linspace(0.1, 0.9, 60)
    scores = rng(2).random((60, 12))
    scores[:, 0] = ability
    scores[:, 1:6] = 0.2 * scores[:, 1:6] + 0.8 * ability[:, None]
    history = with_scores(scores)
    anchors = select_mrmr(history, 4, rng=rng(), scheme="difference")
    assert positions(history, anchors)[0] in range(6)
    again = select_mrmr(history, 4, rng=rng(), scheme="difference")
    assert anchors.items == again.items


def test_a_missing_answer_counts_as_the_nearer_score():
    history = make_history(50, 20, seed=7)
    model = replace(history.fit.model, intercept=np.full(20, 50.0))
    scores = history.responses.scores.copy()
    scores[:5] = 1.0
    hidden = scores.copy()
    hidden[:5, ::2] = np.nan  # the fit is certain of a right answer there
    fit = replace(history.fit, model=model)
    whole, gaps = (history_of(replace(history.responses, scores=s), fit) for s in (scores, hidden))
    first, second = (select_mrmr(one, 8, rng=rng()) for one in (whole, gaps))
    assert first.items == second.items


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ConfigError, match=r"quotient, difference, found 'ratio'"):
        select_mrmr(make_history(10, 10), 3, rng=rng(), scheme="ratio")
