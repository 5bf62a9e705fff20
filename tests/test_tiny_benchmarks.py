import numpy as np
import pytest
from helpers import make_history, split_models

from tinyeval.errors import ConfigError
from tinyeval.estimators import tiny_benchmarks
from tinyeval.estimators.irt_based import fit_gp_irt
from tinyeval.estimators.tiny_benchmarks import fit_tiny_benchmarks, refitted
from tinyeval.selection.random import select_random


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ({1: 0.030, 2: 0.020, 4: 0.019}, 2),
        ({1: 0.0214, 2: 0.020, 4: 0.019}, 1),
        ({1: 0.030, 2: 0.0216, 4: 0.019}, 4),
        ({1: 0.019, 2: 0.020, 4: 0.030}, 1),
    ],
)
def test_the_fewest_dimensions_near_the_best_are_taken(monkeypatch, errors, chosen):
    def error(history, rng):
        return np.array([errors[history.fit.model.dimensions], 0.0])

    monkeypatch.setattr(tiny_benchmarks, "validation_error", error)
    history = make_history(20, 30, seed=1)
    anchors = select_random(history, 8, rng=rng())
    fitted = fit_tiny_benchmarks(history, anchors, rng=rng(), dimensions=[4, 1, 2, 2])
    assert fitted.model.dimensions == chosen


def test_with_one_number_it_is_gp_irt_on_that_fit():
    source, test = split_models(make_history(40, 40, dimensions=2, seed=2), 30)
    anchors = select_random(source, 10, rng=rng())
    answers = test.filled[:, source.positions(anchors.items)]
    found = fit_tiny_benchmarks(source, anchors, rng=rng(3), dimensions=[2]).predict(answers)
    again = refitted(source, 2)
    assert again.fit.model.dimensions == 2
    seed = int(rng(3).integers(2**31))
    expected = fit_gp_irt(again, anchors, rng=rng(seed)).predict(answers)
    np.testing.assert_array_equal(found.mean, expected.mean)


def test_the_error_is_measured_on_the_same_models_for_every_number(monkeypatch):
    drawn = []

    def error(history, rng):
        drawn.append(tuple(rng.permutation(20)))
        return np.zeros(1)

    monkeypatch.setattr(tiny_benchmarks, "validation_error", error)
    history = make_history(20, 30, seed=4)
    fit_tiny_benchmarks(history, select_random(history, 8, rng=rng()), rng=rng())
    assert len(drawn) == 2
    assert drawn[0] == drawn[1]


@pytest.mark.slow
def test_one_dimension_is_enough_for_one_ability():
    history = make_history(160, 300, seed=1)
    anchors = select_random(history, 10, rng=rng())
    fitted = fit_tiny_benchmarks(history, anchors, rng=rng(), dimensions=(1, 2, 5))
    assert fitted.model.dimensions == 1


@pytest.mark.parametrize("dimensions", [[], [0, 2]])
def test_impossible_dimensions_are_refused(dimensions):
    history = make_history(10, 10)
    anchors = select_random(history, 3, rng=rng())
    with pytest.raises(ConfigError, match="numbers above 0"):
        fit_tiny_benchmarks(history, anchors, rng=rng(), dimensions=dimensions)
