from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate

from tinyeval.errors import ConfigError
from tinyeval.selection.clustering import select_by_correctness
from tinyeval.selection.sparse_eval import select_sparse_eval


def rng(seed=0):
    return np.random.default_rng(seed)


def test_without_rounds_they_are_the_anchor_points():
    history = make_history(40, 50, seed=1)
    anchors = select_sparse_eval(history, 8, rng=rng(), rounds=0)
    start = select_by_correctness(history, 8, rng=rng())
    assert set(anchors.items) == set(start.items)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, 3])
def test_a_round_replaces_one_anchor(rounds):
    history = make_history(40, 50, seed=2)
    before, after = (
        set(select_sparse_eval(history, 10, rng=rng(), rounds=k).items)
        for k in (rounds - 1, rounds)
    )
    assert len(before & after) == 9


def test_an_anchor_that_tells_nothing_gives_way_to_what_is_missing():
    responses, fit = simulate(120, 40, seed=3)
    scores = np.zeros((120, 40), dtype=np.float32)
    group = rng(4).integers(0, 2, (120, 2))
    scores[:, :25] = group[:, [0]]  # half the score hangs on an answer given 25 times
    scores[:, 25:39] = group[:, [1]]
    scores[:, 39] = rng(5).integers(0, 2, 120)
    history = history_of(replace(responses, scores=scores), fit)
    anchors = select_sparse_eval(history, 3, rng=rng(), rounds=1)
    kind = np.repeat([0, 1, 2], [25, 14, 1])[history.positions(anchors.items)]
    assert {0, 1} <= set(kind)
    assert kind[0] in (0, 1)
    assert 2 not in kind[:2]


@pytest.mark.slow
def test_the_most_important_anchor_comes_first():
    responses, fit = simulate(100, 30, seed=6)
    scores = rng(7).integers(0, 2, (100, 30)).astype(np.float32)
    scores[:, :20] = scores[:, [0]]
    history = history_of(replace(responses, scores=scores), fit)
    # Twenty equal items make up two thirds of the score.
    firsts = [
        history.positions(select_sparse_eval(history, 8, rng=rng(seed), rounds=0).items)[0]
        for seed in range(5)
    ]
    assert sum(one < 20 for one in firsts) >= 4


@pytest.mark.parametrize("options", [{"rounds": -1}, {"epochs": 0}])
def test_impossible_settings_are_refused(options):
    with pytest.raises(ConfigError, match=r"expected rounds >= 0 and epochs >= 1"):
        select_sparse_eval(make_history(10, 10), 3, rng=rng(), **options)
