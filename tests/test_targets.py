"""Targets: weighted means per benchmark and overall, or a column known from elsewhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tinyeval.errors import ConfigError, DataError
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table
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


# --- columns of benchmarks ----------------------------------------------------------------------

TWO = {"benchmark": ["p", "p", "q", "q"], "weight": [1, 1, 1, 3]}


def test_a_benchmark_may_have_a_column_and_overall_then_counts_it():
    external = responses({"full_q": np.array([0.3, 0.9])}, **TWO)
    targets = make_targets(external, columns={"q": "full_q"})
    values = targets.values(external, SCORES)
    p, q = SCORES[:, :2].mean(1), np.array([0.3, 0.9])
    assert_allclose(values, np.column_stack([(2 * p + 4 * q) / 6, p, q]))
    assert_allclose(targets.own, [[1 / 6, 1 / 6, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]])
    assert list(targets.external) == [True, False, True]


def test_equal_benchmarks_count_alike_with_columns_too():
    external = responses({"full_q": np.array([0.3, 0.9])}, **TWO)
    targets = make_targets(external, benchmark_weights="equal", columns={"q": "full_q"})
    values = targets.values(external, SCORES)
    p, q = SCORES[:, :2].mean(1), np.array([0.3, 0.9])
    assert_allclose(values[:, 0], (p + q) / 2)


def test_overall_may_have_a_column_of_its_own_besides():
    models = {"full_q": np.array([0.3, 0.9]), "full": np.array([0.1, 0.2])}
    external = responses(models, **TWO)
    for targets in (
        make_targets(external, "full", columns={"q": "full_q"}),
        make_targets(external, columns={"q": "full_q", "overall": "full"}),
    ):
        values = targets.values(external, SCORES)
        assert_allclose(values[:, [0, 2]], [[0.1, 0.3], [0.2, 0.9]])
        assert_allclose(targets.own[0], 0)


def test_the_column_of_the_only_benchmark_is_the_overall_score():
    external = responses({"full": np.array([0.3, 0.9])}, benchmark=["p"] * 4)
    targets = make_targets(external, columns={"p": "full"})
    assert targets.columns == {"overall": "full"}
    assert_allclose(targets.values(external, SCORES)[:, 0], [0.3, 0.9])


def test_without_columns_the_answers_are_all_there_is():
    targets = make_targets(responses(**TWO))
    assert_allclose(targets.own, targets.weights)
    assert not targets.external.any()


def test_what_is_known_of_a_target_counts_its_column():
    external = responses({"full_q": np.array([0.3, 0.9])}, **TWO)
    targets = make_targets(external, columns={"q": "full_q"})
    scores = np.array([[1, np.nan, np.nan, np.nan], [1, 0, 1, 0]])  # 5/6, 1/2, all; all of all
    assert targets.are_known(scores).tolist() == [[True, False, True], [True, True, True]]


def test_columns_of_unknown_benchmarks_are_refused():
    external = responses({"full": np.array([0.3, 0.9])}, **TWO)
    with pytest.raises(ConfigError, match=r"given for 'r', but the benchmarks are 'p', 'q'"):
        make_targets(external, columns={"r": "full"})
    with pytest.raises(DataError, match="no column 'fall'"):
        make_targets(external, columns={"q": "fall"})


# --- averages over subjects ---------------------------------------------------------------------


def test_subjects_may_count_the_same_whatever_their_size():
    several = responses(
        benchmark=["p", "p", "p", "q"], subject=["a", "a", "b", "a"], weight=[1, 3, 2, 2]
    )
    values = make_targets(several, average="subjects").values(several, SCORES)
    a = (SCORES[:, 0] + 3 * SCORES[:, 1]) / 4
    p = (a + SCORES[:, 2]) / 2
    assert_allclose(values, np.column_stack([(6 * p + 2 * SCORES[:, 3]) / 8, p, SCORES[:, 3]]))
    by_items = make_targets(several).values(several, SCORES)
    assert_allclose(by_items[:, 1], (4 * a + 2 * SCORES[:, 2]) / 6)


def test_a_subject_without_weight_does_not_count():
    several = responses(subject=["a", "a", "b", "b"], weight=[1, 1, 0, 0])
    values = make_targets(several, average="subjects").values(several, SCORES)
    assert_allclose(values[:, 0], SCORES[:, :2].mean(1))


def test_subjects_must_be_there_to_average_over():
    with pytest.raises(DataError, match="there is no column 'subject'"):
        make_targets(responses(), average="subjects")
    with pytest.raises(DataError, match="2 items have no subject while others have: 'b', 'd'"):
        make_targets(responses(subject=["s", "", "s", ""]), average="subjects")
    with pytest.raises(DataError, match="'subject' holds numbers"):
        make_targets(responses(subject=[1.0, 2.0, 1.0, 2.0]), average="subjects")
    with pytest.raises(ConfigError, match="average must be items or subjects, found 'models'"):
        make_targets(responses(), average="models")


# --- part of the items --------------------------------------------------------------------------


def test_within_a_benchmark_its_own_score_is_the_target():
    external = responses({"full_q": np.array([0.3, 0.9])}, **TWO)
    targets = make_targets(external, columns={"q": "full_q"})
    part = external.take(None, np.array([2, 3]))
    own = targets.within(np.array([2, 3]), "q")
    assert_allclose(own.weights, [[0.25, 0.75]])
    assert_allclose(own.values(part, part.scores)[:, 0], [0.3, 0.9])
    mean = targets.within(np.array([0, 1]), "p")
    assert mean.columns == {}
    assert_allclose(mean.weights, [[0.5, 0.5]])


def test_within_any_items_the_overall_weights_stay_in_proportion():
    targets = make_targets(responses(**TWO))
    assert_allclose(targets.within(np.array([0, 3])).weights, [[0.25, 0.75]])
    none = make_targets(responses(weight=[1, 1, 0, 0])).within(np.array([2, 3]))
    assert_allclose(none.weights, [[0.5, 0.5]])
