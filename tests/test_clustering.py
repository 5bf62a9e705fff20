from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate

from tinyeval.selection.clustering import select_by_correctness, select_by_irt
from tinyeval.selection.random import select_random
from tinyeval.tables import Table


def rng(seed=0):
    return np.random.default_rng(seed)


def grouped(weight=None):
    """Twelve items in groups of 6, 4 and 2; a few models set each group's items apart slightly."""
    responses, fit = simulate(30, 12)
    pattern = rng(1).integers(0, 2, (30, 3)).astype(np.float32)
    group = np.repeat([0, 1, 2], [6, 4, 2])
    scores = pattern[:, group].copy()
    scores[np.arange(12), np.arange(12)] = 0.5
    columns = {} if weight is None else {"weight": np.asarray(weight)[group]}
    items = Table(responses.items.ids, columns)
    return history_of(replace(responses, scores=scores, items=items), fit), group


def test_planted_clusters_are_found_and_weighed():
    history, group = grouped()
    anchors = select_by_correctness(history, 3, rng=rng())
    assert group[history.positions(anchors.items)].tolist() == [0, 1, 2]
    np.testing.assert_allclose(anchors.weights, [6 / 12, 4 / 12, 2 / 12])


def test_weights_are_shares_of_the_target_weight():
    history, group = grouped(weight=[1.0, 1.0, 7.0])
    anchors = select_by_correctness(history, 3, rng=rng())
    assert group[history.positions(anchors.items)].tolist() == [2, 0, 1]
    np.testing.assert_allclose(anchors.weights, [14 / 24, 6 / 24, 4 / 24])


def test_items_of_little_weight_draw_no_centre():
    history, group = grouped(weight=[0.001, 1.0, 1.0])
    anchors = select_by_correctness(history, 2, rng=rng())
    assert set(group[history.positions(anchors.items)]) == {1, 2}


def test_anchors_stand_for_the_items_better_than_random_ones_do():
    history = make_history(40, 60, seed=4)
    anchors = select_by_correctness(history, 5, rng=rng(2))
    points = history.filled.T.astype(float)
    chosen = history.positions(anchors.items)

    def loss(items):
        return ((points[:, None] - points[items]) ** 2).sum(axis=2).min(axis=1).sum()

    assert loss(chosen) < min(loss(rng(k).choice(60, 5, replace=False)) for k in range(200))


def test_duplicate_items_share_the_weight_of_their_cluster():
    responses, fit = simulate(10, 6)
    scores = np.zeros((10, 6), dtype=np.float32)
    scores[:, 4:] = responses.scores[:, [0]]
    history = history_of(replace(responses, scores=scores), fit)
    anchors = select_by_correctness(history, 4, rng=rng())
    weights = dict(zip(history.positions(anchors.items).tolist(), anchors.weights, strict=True))
    same, other = ([w for k, w in weights.items() if (k < 4) == first] for first in (True, False))
    assert len(same) in (2, 3)
    np.testing.assert_allclose(same, 4 / 6 / len(same))
    np.testing.assert_allclose(other, 2 / 6 / len(other))


def test_irt_embedding_tells_difficulties_apart():
    responses, fit = simulate(20, 40)
    easy = np.arange(40) < 20
    model = replace(fit.model, intercept=np.where(easy, 4.0, -4.0), discrimination=np.ones((40, 1)))
    history = history_of(responses, replace(fit, model=model))
    anchors = select_by_irt(history, 2, rng=rng())
    assert set(easy[history.positions(anchors.items)]) == {True, False}
    np.testing.assert_allclose(anchors.weights, 0.5)


def test_heaviest_anchors_come_first():
    anchors = select_by_irt(make_history(20, 50), 12, rng=rng())
    assert (np.diff(anchors.weights) <= 1e-12).all()


@pytest.mark.parametrize("select", [select_by_correctness, select_by_irt])
def test_all_items_together_weigh_as_in_the_target(select):
    responses, fit = simulate(15, 12)
    items = Table(responses.items.ids, {"weight": np.arange(1.0, 13.0)})
    history = history_of(replace(responses, items=items), fit)
    anchors = select(history, 12, rng=rng())
    target = history.targets.weights[0, history.positions(anchors.items)]
    np.testing.assert_allclose(anchors.weights, target)


def mean_error(history, scores, draw):
    """Error of the weighted mean of 20 items, over models, averaged over ten draws."""
    errors = []
    for k in range(10):
        anchors = draw(history, 20, rng=rng(k))
        estimate = scores[:, history.positions(anchors.items)] @ anchors.weights
        errors.append(np.abs(estimate - scores.mean(axis=1)).mean())
    return np.mean(errors)


def test_anchors_by_correctness_represent_the_source_models_answers():
    history = make_history(80, 200, seed=9)
    chosen = mean_error(history, history.filled, select_by_correctness)
    assert chosen < 0.85 * mean_error(history, history.filled, select_random)


def test_anchors_by_irt_represent_the_probabilities():
    history = make_history(80, 200, seed=9)
    chosen = mean_error(history, history.fitted, select_by_irt)
    assert chosen < 0.3 * mean_error(history, history.fitted, select_random)
