"""Targets: weighted means per benchmark and overall, or a column known from elsewhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tinyeval.errors import DataError
from tinyeval.responses import ResponseMatrix, Table
from tinyeval.targets import external_scores, item_weights, make_targets

SCORES = np.array([[0, 1, 1, 0.5], [1, 1, 0, 0.25]])


def responses(models=None, **items):
    columns = {name: np.array(values) for name, values in items.items()}
    return ResponseMatrix(SCORES, Table(("m", "n"), models or {}), Table(tuple("abcd"), columns))


def test_one_benchmark_is_the_plain_mean():
    targets = make_targets(responses())
    assert targets.names == ("overall",)
    assert_allclose(targets.values(responses(), SCORES), SCORES.mean(1, keepdims=True))


def test_one_benchmark_is_the_weighted_mean_by_hand():
    weighted = responses(weight=[1, 0, 2, 1])
    values = make_targets(weighted).values(weighted, SCORES)[:, 0]
    assert_allclose(values, [(0 + 2 + 0.5) / 4, (1 + 0 + 0.25) / 4])


def test_several_benchmarks_follow_overall_sorted():
    several = responses(benchmark=["q", "p", "q", "q"], weight=[1, 3, 1, 2])
    targets = make_targets(several)
    assert targets.names == ("overall", "p", "q")
    values = targets.values(several, SCORES)
    assert_allclose(values[0], [(0 + 3 + 1 + 1) / 7, 1, (0 + 1 + 1) / 4])
    assert_allclose(targets.weights.sum(1), 1)


def test_equal_benchmarks_count_alike_whatever_their_size():
    several = responses(benchmark=["q", "p", "q", "q"])
    values = make_targets(several, benchmark_weights="equal").values(several, SCORES)
    assert_allclose(values[:, 0], values[:, 1:].mean(1))
    by_items = make_targets(several).values(several, SCORES)
    assert_allclose(by_items[:, 0], SCORES.mean(1))


@given(
    st.lists(st.floats(0.01, 100), min_size=4, max_size=4),
    st.lists(st.sampled_from("pqr"), min_size=4, max_size=4),
    st.permutations(range(4)),
)
def test_values_do_not_depend_on_the_order_of_items(weight, benchmark, order):
    one = responses(weight=weight, benchmark=benchmark)
    other = one.take(None, np.array(order))
    for kind in ("items", "equal"):
        a, b = (make_targets(r, benchmark_weights=kind) for r in (one, other))
        assert a.names == b.names
        assert_allclose(a.values(one, one.scores), b.values(other, other.scores), atol=1e-12)


@pytest.mark.parametrize(
    "weight", [[1, 1, 1, -1], [0, 0, 0, 0], [1, 1, 1, np.nan], [1, 1, 1, np.inf]]
)
def test_weights_that_mean_nothing_are_refused(weight):
    with pytest.raises(DataError, match="finite, not negative and not all 0; check the column"):
        item_weights(responses(weight=weight))


def test_a_benchmark_without_weight_is_refused_by_name():
    with pytest.raises(DataError, match=r"these benchmarks has weight 0: 'q'"):
        make_targets(responses(benchmark=["p", "p", "q", "q"], weight=[1, 1, 0, 0]))


def test_a_column_takes_the_place_of_overall_only():
    external = responses({"full": np.array([0.3, 0.9])}, benchmark=["p", "p", "q", "q"])
    targets = make_targets(external, "full")
    values = targets.values(external, SCORES)
    assert targets.names == ("overall", "p", "q")
    assert_allclose(values[:, 0], [0.3, 0.9])
    assert_allclose(values[:, 1], SCORES[:, :2].mean(1))


def test_a_column_follows_its_models():
    external = responses({"full": np.array([0.3, 0.9])})
    targets = make_targets(external, "full")
    swapped = external.take(np.array([1, 0]))
    assert_allclose(targets.values(swapped, swapped.scores)[:, 0], [0.9, 0.3])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.3, 1.1], r"1 do not or are missing: 'n'"),
        ([-0.1, np.nan], r"2 do not or are missing: 'm', 'n'"),
        (["high", "low"], "'full' of the models table is not a number"),
    ],
)
def test_a_column_that_is_no_score_is_refused(values, message):
    external = responses({"full": np.array(values)})
    with pytest.raises(DataError, match=message):
        external_scores(external, "full")
    with pytest.raises(DataError, match=message):
        make_targets(external, "full")


def test_a_missing_column_is_refused_with_the_known_ones():
    with pytest.raises(DataError, match=r"no column 'size'.*: full"):
        make_targets(responses({"full": np.array([0.3, 0.9])}), "size")


def test_a_benchmark_named_like_the_score_over_all_is_refused():
    with pytest.raises(DataError, match=r"a benchmark is named 'overall'.*rename it"):
        make_targets(responses(benchmark=["overall", "overall", "p", "p"]))
    assert make_targets(responses(benchmark=["overall"] * 4)).names == ("overall",)
