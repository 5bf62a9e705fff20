"""Unanswered anchors against conditional normals, pattern by pattern."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.estimators import unanswered as module
from tinyeval.estimators.unanswered import alike, fill_unanswered, unanswered_variance

N = 9


def covariance(n=N, seed=0):
    root = np.random.default_rng(seed).normal(size=(n, 2 * n))
    return root @ root.T / n + 0.1 * np.eye(n)


def patterns(models, share, seed=0):
    """Missing cells; every model answers something."""
    missing = np.random.default_rng(seed).random((models, N)) < share
    missing[missing.all(axis=1), 0] = False
    return missing


@pytest.mark.slow
@given(
    st.lists(st.lists(st.booleans(), min_size=N, max_size=N), min_size=1, max_size=30),
    st.integers(1, 100),
)
def test_each_model_that_lacks_something_comes_once_with_what_it_lacks(missing, cells):
    missing = np.array(missing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CELLS_AT_ONCE", cells)
        found = {}
        for one in alike(missing):
            lacking = one.columns.shape[1]
            assert one.columns.size * lacking <= max(cells, lacking**2)
            for models, columns in zip(one.rows, one.columns, strict=True):
                for model in models.tolist():
                    assert model not in found
                    found[model] = columns.tolist()
    assert found == {k: np.flatnonzero(row).tolist() for k, row in enumerate(missing) if row.any()}


def test_models_are_taken_together_where_that_saves_work():
    missing = np.zeros((100, N), dtype=bool)
    missing[:50, 3:] = True  # one pattern of fifty models
    missing[np.arange(50, 59), np.arange(9)] = True  # nine patterns of one
    shapes = [(one.rows.shape, one.columns.shape) for one in alike(missing)]
    assert shapes == [((9, 1), (9, 1)), ((1, 50), (1, 6))]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.9])
def test_filled_anchors_are_conditional_means(share):
    cov, mean = 0.01 * covariance(), np.linspace(0.3, 0.7, N)
    answers = np.random.default_rng(1).random((40, N))
    answers[patterns(40, share)] = np.nan
    found = fill_unanswered(answers, mean, np.linalg.inv(cov))
    for row, filled in zip(answers, found, strict=True):
        lacks, seen = np.isnan(row), ~np.isnan(row)
        gain = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, lacks)])
        expected = mean[lacks] + (row[seen] - mean[seen]) @ gain
        assert_allclose(filled[lacks], np.clip(expected, 0, 1), atol=1e-12)
        assert_array_equal(filled[seen], row[seen])


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_the_variance_left_is_that_of_the_conditional_normal(share):
    cov, missing = covariance(), patterns(30, share)
    gradient = np.random.default_rng(1).normal(size=(30, N, 3))
    found = unanswered_variance(missing, np.linalg.inv(cov), gradient)
    for k, lacks in enumerate(missing):
        cross = cov[np.ix_(~lacks, lacks)]
        left = cov[np.ix_(lacks, lacks)]
        left = left - cross.T @ np.linalg.solve(cov[np.ix_(~lacks, ~lacks)], cross)
        g = gradient[k][lacks]
        assert_allclose(found[k], np.einsum("at,ab,bt->t", g, left, g), atol=1e-12)
    assert (found[~missing.any(axis=1)] == 0).all()


def test_the_answers_given_are_left_alone():
    answers = np.array([[0.5, np.nan]])
    fill_unanswered(answers, np.array([0.5, 0.5]), np.eye(2))
    assert np.isnan(answers[0, 1])
