"""The contract of every selector in the registry."""

import importlib.util
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from helpers import history_of, make_history, simulate, take_items, take_models

from tinyeval.errors import ConfigError
from tinyeval.selection import SELECTORS, get_selector
from tinyeval.tables import Table

HISTORIES = {
    "plain": lambda: make_history(40, 60, 2),
    "benchmarks": lambda: make_history(30, 50, benchmarks=3, seed=1),
    "missing": lambda: make_history(40, 50, missing=0.3, seed=2),
    "graded": lambda: make_history(30, 40, graded=True, seed=3),
    "column": lambda: make_history(30, 40, column=True, seed=4),
    "few models": lambda: make_history(5, 40, seed=5),
}


QUICK = {"sparse_eval": {"rounds": 3, "epochs": 10}}
"""Less training where the contract, and not the quality, is what counts."""


@pytest.fixture(params=SELECTORS)
def select(request):
    module = SELECTORS[request.param].function.partition(":")[0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not written yet")
    return partial(get_selector(request.param), **QUICK.get(request.param, {}))


def rng(seed=0):
    return np.random.default_rng(seed)


def with_item_columns(history, **columns):
    items = Table(history.responses.items.ids, columns)
    return history_of(replace(history.responses, items=items), history.fit)


@pytest.mark.parametrize("make", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("n", [1, 2, 15])
def test_anchors_are_n_known_items_with_weights(select, make, n):
    history = make()
    anchors = select(history, n, rng=rng())
    assert len(anchors) == len(set(anchors.items)) == n
    assert set(anchors.items) <= set(history.responses.items.ids)
    assert (anchors.weights >= 0).all()
    assert anchors.weights.sum() == pytest.approx(1)


def test_all_items_can_be_chosen(select):
    history = make_history(20, 25, benchmarks=2)
    anchors = select(history, 25, rng=rng())
    assert set(anchors.items) == set(history.responses.items.ids)


@pytest.mark.parametrize("n", [0, -1, 26])
def test_an_impossible_number_is_refused(select, n):
    with pytest.raises(ConfigError, match=r"has 25"):
        select(make_history(10, 25), n, rng=rng())


def test_same_seed_same_anchors(select):
    history = make_history(20, 40)
    first, second = (select(history, 10, rng=rng(7)) for _ in range(2))
    assert first.items == second.items
    np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize("make", HISTORIES.values(), ids=HISTORIES)
def test_order_of_models_and_items_does_not_matter(select, make):
    history = make()
    order = rng(1).permutation
    shuffled = take_models(history, order(history.responses.n_models))
    shuffled = take_items(shuffled, order(history.responses.n_items))
    anchors, again = (select(one, 12, rng=rng(3)) for one in (history, shuffled))
    assert set(anchors.items) == set(again.items)
    weights = dict(zip(again.items, again.weights, strict=True))
    np.testing.assert_allclose(anchors.weights, [weights[k] for k in anchors.items], atol=1e-6)


@pytest.mark.parametrize("n", [1, 10, 30])
def test_items_that_are_constant_or_equal_are_tolerated(select, n):
    responses, fit = simulate(20, 30)
    scores = responses.scores.copy()
    scores[:, :10] = 1.0
    scores[:, 10:20] = 0.0
    scores[:, 20:25] = scores[:, [25]]
    anchors = select(history_of(replace(responses, scores=scores), fit), n, rng=rng())
    assert len(anchors) == n


def test_models_that_all_answer_alike_are_tolerated(select):
    responses, fit = simulate(10, 20)
    scores = np.tile(responses.scores[:1], (10, 1))
    anchors = select(history_of(replace(responses, scores=scores), fit), 8, rng=rng())
    assert len(anchors) == 8


def test_items_without_weight_are_tolerated(select):
    history = make_history(15, 20)
    history = with_item_columns(history, weight=np.repeat([1.0, 0.0], [8, 12]))
    for n in (1, 8, 20):
        assert len(select(history, n, rng=rng())) == n


def test_the_history_and_the_global_random_state_stay_as_they_are(select):
    history = make_history(20, 30, missing=0.1)
    before, state = history.responses.scores.copy(), np.random.get_state()[1].copy()
    select(history, 10, rng=rng())
    np.testing.assert_array_equal(before, history.responses.scores)
    np.testing.assert_array_equal(state, np.random.get_state()[1])


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=r"'randon'.*random, stratified"):
        get_selector("randon")
