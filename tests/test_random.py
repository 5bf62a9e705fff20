from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.selection.random import allocate, select_random, select_stratified
from tinyeval.tables import Table


def rng(seed=0):
    return np.random.default_rng(seed)


def with_strata(sizes, weight=1.0):
    """A history whose items fall into strata of these sizes, stratum k with weight[k] per item."""
    history = make_history(10, sum(sizes))
    stratum = np.repeat(np.arange(len(sizes)), sizes)
    names = np.array([f"s{k}" for k in stratum])
    items = Table(
        history.responses.items.ids,
        {"subject": names, "weight": np.broadcast_to(weight, len(sizes))[stratum]},
    )
    return history_of(replace(history.responses, items=items), history.fit)


def strata_of(history, anchors):
    return history.responses.items.column("subject")[history.positions(anchors.items)]


def test_every_item_is_equally_likely():
    history = make_history(5, 10)
    drawn = [select_random(history, 3, rng=rng(k)).items for k in range(2000)]
    counts = np.array([sum(one in items for items in drawn) for one in history.responses.items.ids])
    # 600 expected, standard deviation sqrt(2000 * 0.3 * 0.7) = 20.5
    assert np.abs(counts - 600).max() < 90


def test_the_weighted_mean_of_a_stratified_sample_is_unbiased():
    history = with_strata([30, 20, 10], weight=[1.0, 2.0, 5.0])
    scores = history.filled[0]
    truth = history.targets.weights[0] @ scores
    estimates = []
    for seed in range(800):
        anchors = select_stratified(history, 12, rng=rng(seed))
        estimates.append(anchors.weights @ scores[history.positions(anchors.items)])
    assert np.mean(estimates) == pytest.approx(truth, abs=4 * np.std(estimates) / np.sqrt(800))


def test_stratified_samples_vary_less_than_random_ones():
    history = with_strata([30, 30])
    scores = np.repeat([0.1, 0.9], 30)

    def sd(select):
        drawn = (select(history, 10, rng=rng(k)) for k in range(200))
        return np.std([one.weights @ scores[history.positions(one.items)] for one in drawn])

    assert sd(select_stratified) < 1e-9 < 0.05 < sd(select_random)


def test_strata_get_their_share_and_weigh_their_share():
    history = with_strata([50, 30, 20], weight=[1.0, 1.0, 2.5])
    anchors = select_stratified(history, 13, rng=rng())
    strata = strata_of(history, anchors)
    # shares 50 : 30 : 50 of 13 items
    assert [int((strata == f"s{k}").sum()) for k in range(3)] == [5, 3, 5]
    weight = [anchors.weights[strata == f"s{k}"].sum() for k in range(3)]
    np.testing.assert_allclose(weight, [5 / 13, 3 / 13, 5 / 13])


@pytest.mark.parametrize("seed", range(5))
def test_prefixes_are_balanced(seed):
    history = with_strata([40, 40, 20])
    anchors = select_stratified(history, 50, rng=rng(seed))
    strata = strata_of(history, anchors)
    for k in range(1, 51):
        for name, share in (("s0", 0.4), ("s1", 0.4), ("s2", 0.2)):
            assert abs((strata[:k] == name).sum() - share * k) < 2.5


def test_small_strata_are_not_always_last():
    history = with_strata([5] * 6)
    first = {strata_of(history, select_stratified(history, 6, rng=rng(k)))[0] for k in range(60)}
    assert len(first) == 6


def test_items_of_unlike_weight_weigh_alike_as_in_the_target():
    history = make_history(5, 6)
    items = Table(history.responses.items.ids, {"weight": np.arange(1.0, 7.0)})
    history = history_of(replace(history.responses, items=items), history.fit)
    anchors = select_random(history, 3, rng=rng())
    target = history.targets.weights[0][history.positions(anchors.items)]
    np.testing.assert_allclose(anchors.weights, target / target.sum())


@given(
    strata=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20)), min_size=1, max_size=8).filter(
        lambda strata: sum(share for share, _ in strata) > 0.01
    ),
    fraction=st.floats(0, 1),
)
def test_allocation_adds_up_and_never_exceeds_a_stratum(strata, fraction):
    share, size = (np.array(part) for part in zip(*strata, strict=True))
    n = round(fraction * size.sum())
    count = allocate(n, share, size, rng=rng())
    assert count.sum() == n
    assert ((count >= 0) & (count <= size)).all()
    ideal = n * share / share.sum()
    if (np.ceil(ideal) <= size).all():  # nothing capped: within one item of proportional
        assert (np.abs(count - ideal) < 1 + 1e-6).all()


@pytest.mark.parametrize(
    ("n", "share", "size", "expected"),
    [
        (10, [0.5, 0.3, 0.2], [99, 99, 99], [5, 3, 2]),
        (7, [0.45, 0.35, 0.2], [99, 99, 99], [3, 3, 1]),  # ideal 3.15, 2.45, 1.4
        (10, [0.8, 0.1, 0.1], [4, 99, 99], [4, 3, 3]),
        (10, [0.9, 0.1, 0.0], [4, 3, 99], [4, 3, 3]),
        (1, [0.5, 0.4, 0.1], [9, 9, 9], [1, 0, 0]),
    ],
)
def test_allocation_by_largest_remainders(n, share, size, expected):
    count = allocate(n, np.array(share), np.array(size), rng=rng())
    np.testing.assert_array_equal(count, expected)


def test_equal_remainders_are_broken_at_random():
    counts = [allocate(2, np.ones(4), np.full(4, 9), rng=rng(k)) for k in range(100)]
    assert (np.sum(counts, axis=0) > 30).all()


@pytest.mark.parametrize("select", [select_random, select_stratified])
def test_all_items_together_weigh_as_in_the_target(select):
    history = with_strata([4, 3, 5], weight=[1.0, 2.0, 0.5])
    anchors = select(history, 12, rng=rng())
    target = history.targets.weights[0, history.positions(anchors.items)]
    np.testing.assert_allclose(anchors.weights, target)
