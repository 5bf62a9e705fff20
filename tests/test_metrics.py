"""Figures of merit against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.backtesting.metrics import error_metrics, interval_metrics, rank_metrics

VALUES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=30).map(
    lambda pairs: np.array(pairs, dtype=float).T / 8
)


def signs(values):
    """+1, 0 or -1 for every ordered pair of models; a tau-b is a correlation of these."""
    return np.sign(values[:, None] - values).ravel()


def ranks(values):
    """How many models are below each, those that are level counted half."""
    return np.array([(values < one).sum() + (values == one).sum() / 2 for one in values])


@pytest.mark.slow
@given(VALUES)
def test_rank_correlations_count_ties(values):
    truth, predicted = values
    found = rank_metrics(truth, predicted)
    for name, numbers in (("kendall", signs), ("spearman", ranks)):
        a, b = numbers(truth), numbers(predicted)
        a, b = a - a.mean(), b - b.mean()
        size = np.sqrt((a @ a) * (b @ b))
        assert found[name] == pytest.approx(a @ b / size if size else np.nan, nan_ok=True)


@pytest.mark.parametrize("truth", [[0.5, 0.5, 0.5], [0.1, 0.4, 0.2]])
def test_models_that_are_all_level_have_no_rank_correlation(truth):
    found = rank_metrics(np.array(truth), np.full(3, 0.3))
    assert np.isnan([found["kendall"], found["spearman"]]).all()


@pytest.mark.slow
@given(VALUES)
def test_pairs_are_counted_by_hand(values):
    truth, predicted = values
    right = total = 0
    for i in range(len(truth)):
        for j in range(i):
            if truth[i] != truth[j]:
                total += 1
                right += (predicted[i] - predicted[j]) * (truth[i] - truth[j]) > 0
    assert rank_metrics(truth, predicted)["pairs"] == pytest.approx(
        right / total if total else np.nan, nan_ok=True
    )


def test_errors_by_hand():
    found = error_metrics(np.array([0.5, 0.6, 0.7, 0.8]), np.array([0.6, 0.6, 0.5, 0.9]))
    assert found["mae"] == pytest.approx(0.1)
    assert found["rmse"] == pytest.approx(np.sqrt((0.01 + 0.04 + 0.01) / 4))
    assert found["bias"] == pytest.approx(0)
    assert found["worst"] == pytest.approx(0.2)
    assert set(found) == {"mae", "rmse", "bias", "worst", "kendall", "spearman", "pairs"}


def test_the_bias_is_that_of_the_prediction():
    assert error_metrics(np.array([0.5, 0.6]), np.array([0.6, 0.8]))["bias"] == pytest.approx(0.15)


def test_a_perfect_and_a_reversed_order():
    truth = np.array([0.1, 0.4, 0.2, 0.9])
    perfect, reverse = rank_metrics(truth, 2 * truth), rank_metrics(truth, -truth)
    assert perfect == pytest.approx({"kendall": 1, "spearman": 1, "pairs": 1})
    assert reverse == pytest.approx({"kendall": -1, "spearman": -1, "pairs": 0})


def test_one_model_has_errors_but_no_ranks():
    found = error_metrics(np.array([0.5]), np.array([0.4]))
    assert found["mae"] == pytest.approx(0.1)
    assert np.isnan([found["kendall"], found["spearman"], found["pairs"]]).all()


def test_intervals_hold_their_ends():
    truth = np.array([0.5, 0.5, 0.5, 0.5])
    lower, upper = np.array([0.4, 0.5, 0.2, 0.6]), np.array([0.6, 0.7, 0.5, 0.7])
    found = interval_metrics(truth, lower, upper)
    assert found["coverage"] == 0.75
    assert found["width"] == pytest.approx((0.2 + 0.2 + 0.3 + 0.1) / 4)
