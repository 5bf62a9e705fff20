"""Sums slab by slab are those of the whole matrix in double precision."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tinyeval.compute import row_blocks as module
from tinyeval.compute.row_blocks import column_means, column_squares, slabs, times


@pytest.mark.parametrize("cells", [1, 7, 50, 10**6])
def test_every_sum_is_that_of_the_whole(cells, monkeypatch):
    monkeypatch.setattr(module, "CELLS", cells)
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 13, 5)).astype(np.float32)
    assert [k for cut in slabs(one.shape) for k in range(13)[cut]] == list(range(13))
    double, weights = one.astype(np.float64), rng.random((5, 2))
    assert_allclose(times(one, weights), double @ weights, rtol=1e-13)
    assert_allclose(times(one, weights[:, 0]), double @ weights[:, 0], rtol=1e-13)
    assert_allclose(column_means(one), double.mean(0), rtol=1e-13)
    for right in (other, double.mean(0), 0.5):
        assert_allclose(column_squares(one, right), ((double - right) ** 2).sum(0), rtol=1e-12)


def test_a_slab_holds_a_row_at_least():
    assert list(slabs((2, 10**9))) == [slice(0, 1), slice(1, 2)]
