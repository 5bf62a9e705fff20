"""The curve of error against number of items: falling, smooth, and through what was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from tinyeval.backtesting.curve import Curve, falling


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12))
def test_falling_is_isotonic_regression(values):
    expected = IsotonicRegression(increasing=False).fit_transform(range(len(values)), values)
    assert falling(np.array(values)) == pytest.approx(expected, abs=1e-9)


def test_random_items_of_a_small_benchmark_are_interpolated_exactly():
    """The standard error of a sample without replacement is a straight line in its scale."""

    def error(n):
        return 0.3 * np.sqrt(1 / n - 1 / 101)

    curve = Curve({10: error(10), 80: error(80)}, total=100)
    for n in (10, 17, 40, 79, 80):
        assert curve.at(n) == pytest.approx(error(n))
    smallest = next(n for n in range(10, 81) if error(n) <= 0.04)
    assert curve.smallest(0.04) == smallest


def test_it_falls_although_measurements_do_not():
    curve = Curve({10: 0.04, 20: 0.02, 40: 0.03, 80: 0.01}, total=1000)
    errors = [curve.at(n) for n in range(10, 81)]
    assert (np.diff(errors) <= 1e-12).all()
    assert curve.at(20) == pytest.approx(curve.at(40)) == pytest.approx(np.sqrt(0.02 * 0.03))


def test_outside_of_what_was_measured_nothing_is_claimed():
    curve = Curve({10: 0.04, 20: 0.02}, total=1000)
    assert (curve.at(5), curve.at(500)) == (pytest.approx(0.04), pytest.approx(0.02))
    assert curve.smallest(0.0199) is None
    assert curve.smallest(0.5) == 10
    assert curve.smallest(0.02) == 20
