"""Folds of the calibration: enough held-out models and no more, learned from a bounded number."""

import numpy as np
import pytest
from helpers import simulate

from tinyeval.calibration import folds as module
from tinyeval.calibration.folds import draw_folds, some_models


def plan(responses, folds=10, seed=0):
    score = np.nanmean(responses.scores, axis=1)
    return [fold for fold in draw_folds(responses.models, score, folds, seed) if not fold.beyond]


@pytest.mark.parametrize(("enough", "drawn"), [(1, 1), (20, 2), (21, 3), (10**6, 10)])
def test_random_folds_end_when_enough_models_were_held_out(enough, drawn, monkeypatch):
    responses, _ = simulate(100, 12)
    whole = plan(responses)
    monkeypatch.setattr(module, "ENOUGH_HELD_OUT", enough)
    found = plan(responses)
    assert len(found) == drawn
    for fold, same in zip(found, whole, strict=False):
        np.testing.assert_array_equal(fold.held_out, same.held_out)


def test_a_bounded_number_of_models_is_drawn(monkeypatch):
    mask = np.arange(40) % 4 > 0
    np.testing.assert_array_equal(some_models(mask, 0), np.flatnonzero(mask))
    monkeypatch.setattr(module, "MOST_SOURCE", 12)
    chosen = some_models(mask, 3)
    assert len(set(chosen)) == 12
    assert mask[chosen].all()
    assert (np.diff(chosen) > 0).all()
    assert set(some_models(mask, 4)) != set(chosen)


def test_scores_that_tie_but_for_rounding_are_folded_alike():
    responses, _ = simulate(60, 12)
    score = np.round(np.nanmean(responses.scores.astype(float), axis=1), 1)
    assert len(set(score)) < 12
    noise = np.random.default_rng(0).uniform(-1e-13, 1e-13, len(score))
    pairs = zip(
        draw_folds(responses.models, score, 5, 0),
        draw_folds(responses.models, score + noise, 5, 0),
        strict=True,
    )
    for one, other in pairs:
        np.testing.assert_array_equal(one.source, other.source)
        np.testing.assert_array_equal(one.held_out, other.held_out)
