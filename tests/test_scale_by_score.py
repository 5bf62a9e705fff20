"""The scale of the spread by predicted score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tinyeval.calibration.scale_by_score import (
    DOUBT,
    REACH,
    fit_scale,
    scale_of,
    scaled_ratios,
)


def cases(n=400, sizes=1, seed=0, slope=2.0):
    """Means in [0, 1] and ratios whose average grows with them."""
    rng = np.random.default_rng(seed)
    mean = rng.random((sizes, n, 1))
    return mean, np.abs(rng.normal(size=mean.shape)) * (0.2 + slope * mean)


def test_the_scale_is_the_kernel_mean_of_the_ratios_shrunk_to_one():
    mean, ratio = cases(50)
    found = fit_scale(mean, ratio)
    order = np.argsort(mean[0, :, 0])
    for k, u in enumerate(np.linspace(0, 1, found.at.shape[1])):
        total = weight = 0.0
        for i, one in enumerate(order):
            near = np.exp(-0.5 * ((u - (i + 0.5) / 50) / REACH) ** 2)
            total, weight = total + near * ratio[0, one, 0], weight + near
        expected = (total + DOUBT * ratio.mean()) / (weight + DOUBT) / ratio.mean()
        assert found.value[0, k, 0] == pytest.approx(expected)
        assert found.at[0, k, 0] == pytest.approx(np.quantile(mean, u))


def test_errors_that_grow_with_the_score_are_seen():
    found = fit_scale(*cases())
    assert (np.diff(found.value[0, ::2, 0]) > 0).all()
    assert found.value[0, 0, 0] < 0.6
    assert found.value[0, -1, 0] > 1.4


def test_a_handful_of_models_says_little():
    mean, ratio = cases(5)
    found = fit_scale(mean, ratio)
    assert np.abs(found.value - 1).max() < 0.5


@given(st.permutations(range(12)))
def test_the_order_of_models_changes_nothing(order):
    mean, ratio = cases(12, sizes=2)
    mean = np.round(mean, 1)  # with ties
    one, other = fit_scale(mean, ratio), fit_scale(mean[:, order], ratio[:, order])
    assert_allclose(one.value, other.value)
    assert_allclose(one.at, other.at)


def test_it_is_read_as_numpy_interpolates():
    rng = np.random.default_rng(0)
    at, value = np.sort(rng.random((11, 3)), axis=0), rng.random((11, 3)) + 0.5
    mean = rng.random((40, 3)) * 1.4 - 0.2
    found = scale_of(at, value, mean)
    for t in range(3):
        assert_allclose(found[:, t], np.interp(mean[:, t], at[:, t], value[:, t]))


def test_models_predicted_alike_make_no_gap():
    found = fit_scale(np.full((1, 20, 1), 0.3), np.ones((1, 20, 1)))
    assert_allclose(scale_of(found.at[0], found.value[0], np.array([[0.1], [0.3], [0.9]])), 1.0)
    jump = scale_of(np.zeros((2, 1)), np.array([[1.0], [3.0]]), np.array([[-0.1], [0.1]]))
    assert_allclose(jump, [[1.0], [3.0]])


def test_where_nothing_is_known_it_is_one():
    one_knot = np.zeros((1, 3)), np.ones((1, 3))
    assert_allclose(scale_of(*one_knot, np.random.default_rng(0).random((5, 3))), 1)
    flat = fit_scale(np.zeros((1, 4, 1)), np.zeros((1, 4, 1)))
    assert np.isfinite(flat.value).all()


def test_no_model_is_judged_by_itself():
    folds = [cases(60, seed=seed) for seed in range(3)]
    before = scaled_ratios(folds)
    mean, ratio = folds[0]
    worse = np.where(mean > 0.5, 5.0, 1.0)
    folds[0] = mean, worse * ratio
    after = scaled_ratios(folds)
    assert_allclose(after[:, :60], (worse * before[:, :60]))
    assert np.abs(after[:, 60:] / before[:, 60:] - 1).max() > 0.05


def test_scaled_ratios_are_alike_at_low_and_high_scores():
    folds = [cases(300, seed=seed) for seed in range(4)]
    mean = np.concatenate([one for one, _ in folds], axis=1)[0, :, 0]
    raw = np.concatenate([one for _, one in folds], axis=1)[0, :, 0]
    ratio = scaled_ratios(folds)[0, :, 0]
    assert raw[mean > 0.8].mean() > 3 * raw[mean < 0.2].mean()
    assert ratio[mean > 0.8].mean() < 2 * ratio[mean < 0.2].mean()


def test_one_fold_and_folds_without_models_are_fine():
    mean, ratio = cases(30, sizes=2)
    empty = np.empty((2, 0, 1)), np.empty((2, 0, 1))
    assert_allclose(scaled_ratios([(mean, ratio)]), scaled_ratios([(mean, ratio), empty]))
