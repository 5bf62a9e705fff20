"""What is computed row by row is what the IRT model says of every cell."""

import numpy as np
import pytest
from helpers import simulate
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.compute.row_blocks import column_means, pick_columns, times, whole
from tinyeval.history import History, filled_in, probabilities
from tinyeval.irt.fit import fit_irt
from tinyeval.targets import make_targets


@pytest.fixture(scope="module", params=[0.0, 0.25])
def history(request):
    responses, _ = simulate(40, 60, 2, seed=3, missing=0.1)
    fit = fit_irt(responses, dimensions=2, guessing=request.param)
    return History(responses, make_targets(responses), fit)


@pytest.mark.parametrize("cells", [1, 200, 10**6])
def test_probabilities_are_those_of_the_model(history, cells, monkeypatch):
    monkeypatch.setattr("tinyeval.history.CACHED", cells)
    found = probabilities(history.fit.model, history.fit.ability)
    expected = history.fit.model.probability(history.fit.ability)
    assert found.shape == expected.shape
    assert (len(found), found.size) == (len(expected), expected.size)
    for cut in (slice(0, 40), slice(5, 6), slice(7, 30), slice(38, 99), slice(4, 4)):
        assert_allclose(found[cut], expected[cut], atol=2e-6)
        assert found[cut].dtype == np.float32
    assert_allclose(whole(found), expected, atol=2e-6)
    assert_array_equal(np.asarray(found), found[:])
    assert_array_equal(np.asarray(found, dtype=np.float64), whole(found))
    assert_allclose(times(found, np.ones(60)), expected.sum(1), rtol=1e-5)
    assert_allclose(column_means(found), expected.mean(0), rtol=1e-5)


def test_only_missing_cells_are_filled(history):
    scores, fitted = history.responses.scores, probabilities(history.fit.model, history.fit.ability)
    found, missing = filled_in(scores, fitted), np.isnan(scores)
    assert missing.any()
    for cut in (slice(0, 40), slice(3, 4), slice(9, 31), slice(35, 99), slice(2, 2)):
        assert_array_equal(found[cut], np.where(missing, fitted[:], scores)[cut])
    assert_array_equal(pick_columns(found, np.array([5, 1])), found[:][:, [5, 1]].astype(float))
    found[0:3][:] = 0.0
    assert_array_equal(found[0:3], np.where(missing, fitted[:], scores)[:3])


def test_a_large_history_computes_what_a_small_one_keeps(history, monkeypatch):
    monkeypatch.setattr("tinyeval.history.KEPT_CELLS", 100)
    monkeypatch.setattr("tinyeval.compute.row_blocks.CELLS", 500)
    large = History(history.responses, history.targets, history.fit)
    assert not isinstance(large.filled, np.ndarray)
    assert_allclose(whole(large.fitted), history.fitted, atol=2e-6)
    assert_allclose(whole(large.filled), history.filled, atol=2e-6)
    assert_allclose(large.target_values, history.target_values, atol=1e-6)
    assert_allclose(large.answers(np.arange(7)), history.answers(np.arange(7)), atol=2e-6)


def test_complete_scores_are_not_copied(history, monkeypatch):
    monkeypatch.setattr("tinyeval.history.KEPT_CELLS", 100)
    complete = history.responses.take(None, ~np.isnan(history.responses.scores).any(axis=0))
    fit = fit_irt(complete, dimensions=1)
    assert History(complete, make_targets(complete), fit).filled is complete.scores
