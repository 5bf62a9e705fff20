"""Trials: what a bank would have predicted, with or without a memory of earlier trials."""

import time

import numpy as np
import pytest
from helpers import simulate

from tinyeval.backtesting import trial
from tinyeval.backtesting.trial import DRAWS, Memory, run_trial
from tinyeval.build_plan import BuildPlan
from tinyeval.building import build
from tinyeval.responses import ResponseMatrix


@pytest.fixture(scope="module")
def sides():
    """40 source and 12 test models on 30 items."""
    responses = simulate(52, 30, seed=4)[0]
    return responses.take(np.arange(40)), responses.take(np.arange(40, 52))


def method(fast, selector, estimator, **changes):
    options = {"epochs": 10} if estimator == "mlp" else {}
    parts = {"estimator": {"method": estimator, "options": options}, "irt": {"dimensions": [1]}}
    return fast.replace(items=8, selection={"method": selector}, **parts | changes)


PAIRS = [
    ("optimal_design", "kriging"),
    ("random", "mean"),
    ("anchor_points", "kernel_ridge"),
    ("anchor_points_irt", "gp_irt"),
    ("mrmr", "mlp"),
]


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_a_trial_predicts_what_a_bank_would(sides, fast, pair):
    source, test = sides
    settings = method(fast, *pair)
    found = run_trial(source, test, settings, calibrated=True)
    bank = build(source, settings=settings).predict(test)
    assert found.scores[0] == pytest.approx([one.score for one in bank], abs=1e-9)
    assert found.bounds.shape == (2, 1, 12)
    assert found.bounds[0, 0] == pytest.approx([one.lower for one in bank], abs=1e-9)
    assert found.bounds[1, 0] == pytest.approx([one.upper for one in bank], abs=1e-9)
    assert found.truth == pytest.approx(test.scores.mean(axis=1), abs=1e-6)
    assert found.scores.shape == (DRAWS if pair[0] == "random" else 1, 12)


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_a_memory_changes_nothing(sides, fast, pair):
    source, test = sides
    memory = Memory()
    # The same selection for another estimator first, so that the memory has it.
    run_trial(source, test, method(fast, pair[0], "ridge"), memory=memory)
    found = run_trial(source, test, method(fast, *pair), memory=memory)
    alone = run_trial(source, test, method(fast, *pair))
    np.testing.assert_array_equal(found.scores, alone.scores)


def test_fits_and_selections_are_done_once(sides, fast, monkeypatch):
    source, test = sides
    calls = []
    for owner, name in ((trial, "make_history"), (BuildPlan, "choose_anchors")):
        real = getattr(owner, name)

        def counted(*arguments, name=name, real=real):
            calls.append(name)
            return real(*arguments)

        monkeypatch.setattr(owner, name, counted)
    memory = Memory()
    for estimator in ("ridge", "kernel_ridge"):
        run_trial(source, test, method(fast, "mrmr", estimator), memory=memory)
    assert calls == ["make_history", "choose_anchors"]
    run_trial(source, test, method(fast, "mrmr", "ridge", seed=1), memory=memory)
    run_trial(source, test, method(fast, "mrmr", "ridge").replace(items=9), memory=memory)
    assert calls == ["make_history", *["choose_anchors"] * 3]
    run_trial(source, test, method(fast, "mrmr", "ridge", irt={"dimensions": [2]}), memory=memory)
    assert calls[-2:] == ["make_history", "choose_anchors"]


def test_what_the_memory_provides_counts_with_the_time_it_took(sides, fast, monkeypatch):
    source, test = sides
    for owner, name in ((trial, "make_history"), (BuildPlan, "choose_anchors")):
        real = getattr(owner, name)

        def slow(*arguments, real=real):
            time.sleep(0.5)
            return real(*arguments)

        monkeypatch.setattr(owner, name, slow)
    memory, settings = Memory(), method(fast, "mrmr", "ridge")
    first = run_trial(source, test, settings, memory=memory)
    assert memory.saved == 0
    start = time.perf_counter()
    again = run_trial(source, test, settings, memory=memory)
    took = time.perf_counter() - start
    assert memory.saved > 1
    assert first.seconds > memory.saved
    assert memory.saved < again.seconds <= memory.saved + took


def test_a_model_without_answers_is_anywhere(sides, fast):
    source, test = sides
    scores = test.scores.copy()
    scores[3] = np.nan
    blank = ResponseMatrix(scores, test.models, test.items)
    found = run_trial(source, blank, method(fast, "mrmr", "ridge"), calibrated=True)
    assert np.isnan(found.truth[3])
    assert np.isfinite(np.delete(found.truth, 3)).all()
    assert list(found.bounds[:, 0, 3]) == [0, 1]
    assert found.scores[0, 3] == pytest.approx(source.scores.mean(), abs=0.1)


def test_a_trial_that_is_not_calibrated_has_no_bounds(sides, fast):
    assert run_trial(*sides, method(fast, "random", "mean")).bounds is None
