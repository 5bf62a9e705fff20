"""Components of a view: exact on a short side, sought where both are long, and nothing lost."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tinyeval.covariance import components as module
from tinyeval.covariance.components import compress


def view_of(models, items, rank=6, seed=0):
    rng = np.random.default_rng(seed)
    strength = 3.0 * 0.5 ** np.arange(rank)
    signal = rng.standard_normal((models, rank)) * strength @ rng.standard_normal((rank, items))
    matrix = (signal + 0.1 * rng.standard_normal((models, items))).astype(np.float32)
    return matrix, matrix.astype(np.float64).mean(0), rng.standard_normal((models, 2))


@pytest.mark.parametrize(("models", "items"), [(30, 80), (80, 30)])
def test_all_components_give_the_covariance(models, items):
    matrix, mean, targets = view_of(models, items)
    found = compress(matrix, mean, 2.0, targets)
    view = (matrix - mean) / 2.0
    assert_allclose(found.factors.T @ found.factors, view.T @ view, atol=1e-8)
    assert_allclose(found.factors.T @ found.targets, view.T @ targets, atol=1e-8)
    assert_allclose(found.left, 0, atol=1e-8)


@pytest.mark.parametrize(("models", "items"), [(60, 150), (150, 60)])
def test_what_is_sought_is_what_is_exact(models, items, monkeypatch):
    matrix, mean, targets = view_of(models, items)
    monkeypatch.setattr(module, "MAX_RANK", 6)
    exact = compress(matrix, mean, 3.0, targets)
    monkeypatch.setattr(module, "EXACT_SIDE", 20)
    monkeypatch.setattr("tinyeval.compute.row_blocks.CELLS", 1000)
    sought = compress(matrix, mean, 3.0, targets)
    assert sought.factors.shape == exact.factors.shape
    size = np.abs(exact.factors.T @ exact.factors).max()
    assert_allclose(
        sought.factors.T @ sought.factors, exact.factors.T @ exact.factors, atol=0.01 * size
    )
    assert_allclose(sought.left, exact.left, atol=0.01 * size)
    assert_allclose(np.abs(sought.targets), np.abs(exact.targets), atol=0.1)
    assert_allclose(
        sought.left + (sought.factors**2).sum(0),
        (((matrix - mean) / 3.0) ** 2).sum(0),
        rtol=1e-4,
    )
    again = compress(matrix, mean, 3.0, targets)
    np.testing.assert_array_equal(again.factors, sought.factors)
