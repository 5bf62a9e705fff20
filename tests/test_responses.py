"""Response matrices: identity by id, scores in [0, 1], and what never changes under one's feet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from tinyeval.errors import DataError
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table, as_ids

NAN = float("nan")


def matrix(scores, models=None, items=None):
    scores = np.asarray(scores, dtype=float)
    rows = models or [f"m{k}" for k in range(scores.shape[0])]
    return ResponseMatrix.from_arrays(
        scores, rows, items or [f"i{k}" for k in range(scores.shape[1])]
    )


@pytest.fixture
def small():
    return matrix([[0, 1, 0.5], [1, NAN, 0.25]], ["b", "a"], ["z", "x", "y"])


# --- ids ----------------------------------------------------------------------------------------


def test_ids_become_text():
    assert as_ids([1, "b", 2.5], "item") == ("1", "b", "2.5")


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_an_empty_id_is_refused(empty):
    with pytest.raises(DataError, match="every item needs an id"):
        as_ids(["a", empty], "item")


def test_ids_that_appear_twice_are_counted_and_the_first_named():
    with pytest.raises(DataError, match=r"model ids must be unique, but 4 .*'a', 'b', 'c', \.\.\."):
        as_ids(list("dcbadcbaz"), "model")


def test_ids_that_are_the_same_text_are_the_same_id():
    with pytest.raises(DataError, match="unique"):
        as_ids([1, "1"], "item")


# --- tables -------------------------------------------------------------------------------------


def test_a_table_holds_float64_numbers_and_text():
    table = Table(
        ("a", "b"),
        {
            "size": np.array([7, 70]),
            "open": np.array([True, False]),
            "org": np.array(["x", None], dtype=object),
            "mixed": np.array(["x", 3], dtype=object),
        },
    )
    assert {name: one.dtype.kind for name, one in table.columns.items()} == {
        "size": "f",
        "open": "f",
        "org": "O",
        "mixed": "O",
    }
    assert table.column("org").tolist() == ["x", ""]
    assert table.column("mixed").tolist() == ["x", "3"]
    assert len(table) == 2


def test_a_column_of_another_length_is_refused():
    with pytest.raises(DataError, match=r"column 'size' has shape \(3,\), expected \(2,\)"):
        Table(("a", "b"), {"size": np.zeros(3)})


def test_a_tables_columns_cannot_be_written():
    given_array = np.array([1.0, 2.0])
    table = Table(("a", "b"), {"size": given_array})
    with pytest.raises(ValueError, match="read-only"):
        table.columns["size"][0] = 5
    with pytest.raises(TypeError):
        table.columns["other"] = given_array
    given_array[0] = 5
    assert table.column("size").tolist() == [1.0, 2.0]


def test_index_finds_ids_in_the_order_asked():
    assert Table(("a", "b", "c")).index(["c", "a"]).tolist() == [2, 0]
    with pytest.raises(DataError, match=r"2 unknown item\(s\): 'x', 'y'"):
        Table(("a", "b")).index(["x", "a", "y"], "item")


def test_a_missing_column_takes_the_default_or_names_the_known_ones():
    table = Table(("a", "b"), {"size": np.zeros(2), "org": np.array(["x", "y"])})
    assert table.column("weight", 1).tolist() == [1.0, 1.0]
    assert table.column("note", "none").tolist() == ["none", "none"]
    with pytest.raises(DataError, match=r"no column 'note'.*: org, size"):
        table.column("note")
    with pytest.raises(DataError, match="known columns are: none"):
        Table(("a",)).column("note")


def test_taking_rows_and_adding_columns_leaves_the_table_alone():
    table = Table(("a", "b", "c"), {"size": np.arange(3.0)})
    part = table.take(np.array([2, 0])).with_columns(org=np.array(["x", "y"]))
    assert part.ids == ("c", "a")
    assert part.column("size").tolist() == [2.0, 0.0]
    assert set(table.columns) == {"size"}


# --- the matrix ---------------------------------------------------------------------------------


def test_scores_are_float32_and_missing_is_nan(small):
    assert small.scores.dtype == np.float32
    assert (small.n_models, small.n_items) == (2, 3)
    assert small.observed.tolist() == [[True, True, True], [True, False, True]]


@pytest.mark.parametrize("bad", [-0.01, 1.01, 55.0, np.inf, -np.inf])
def test_a_score_outside_0_to_1_is_refused_by_name(bad):
    with pytest.raises(
        DataError, match=r"1 do not; the first is .* of model 'm1' on item 'i2'; divide percentages"
    ):
        matrix([[0, 1, 0], [1, NAN, bad]])


@pytest.mark.parametrize("shape", [(2,), (3, 2), (2, 3, 1)])
def test_another_shape_than_the_ids_is_refused(shape):
    with pytest.raises(DataError, match=r"expected \(models, items\) = \(2, 3\)"):
        ResponseMatrix(np.zeros(shape), Table(("a", "b")), Table(("x", "y", "z")))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_an_empty_matrix_is_refused(shape):
    with pytest.raises(DataError, match="at least one model and one item"):
        matrix(np.zeros(shape))


def test_ids_that_appear_twice_are_refused():
    with pytest.raises(DataError, match="model ids must be unique"):
        matrix(np.zeros((2, 2)), models=["a", "a"])
    with pytest.raises(DataError, match="item ids must be unique"):
        matrix(np.zeros((2, 2)), items=["a", "a"])


def test_scores_cannot_be_written_but_the_callers_array_can(small):
    with pytest.raises(ValueError, match="read-only"):
        small.scores[0, 0] = 1
    mine = np.zeros((2, 2), dtype=np.float32)
    matrix(mine)
    mine[0, 0] = 1


def test_benchmarks_are_sorted_names(small):
    assert small.benchmarks == ("benchmark",)
    items = small.items.with_columns(benchmark=np.array(["q", "p", "q"]))
    assert ResponseMatrix(small.scores, small.models, items).benchmarks == ("p", "q")


# --- looking things up --------------------------------------------------------------------------


def test_take_by_positions_and_by_mask_agree(small):
    by_position = small.take(np.array([1]), np.array([0, 2]))
    by_mask = small.take(np.array([False, True]), np.array([True, False, True]))
    assert by_position.models.ids == by_mask.models.ids == ("a",)
    assert by_position.items.ids == by_mask.items.ids == ("z", "y")
    assert_array_equal(by_position.scores, [[1, 0.25]])
    assert_array_equal(by_mask.scores, by_position.scores)


def test_take_of_nothing_is_refused(small):
    with pytest.raises(DataError, match="at least one model and one item"):
        small.take(np.zeros(2, dtype=bool))


def test_select_names_models_and_items(small):
    part = small.select(["a", "b"], ["y", "x"])
    assert_array_equal(part.scores, np.float32([[0.25, NAN], [0.5, 1]]))
    with pytest.raises(DataError, match=r"1 unknown model\(s\): 'c'"):
        small.select(models=["a", "c"])
    with pytest.raises(DataError, match=r"1 unknown item\(s\): 'w'"):
        small.select(items=["w"])


def test_align_leaves_unknown_items_unanswered(small):
    assert_array_equal(small.align(["w", "y", "z"]), np.float32([[NAN, 0.5, 0], [NAN, 0.25, 1]]))
    assert small.align([]).shape == (2, 0)


@pytest.mark.slow
@given(st.permutations(range(4)), st.permutations(range(5)), st.randoms())
def test_what_is_looked_up_by_id_does_not_depend_on_the_order(rows, columns, random):
    whole = matrix(np.linspace(0, 1, 20).reshape(4, 5))
    shuffled = whole.take(np.array(rows), np.array(columns))
    wanted = random.sample(whole.items.ids, 3)
    models = random.sample(whole.models.ids, 2)
    assert_array_equal(whole.select(models, wanted).scores, shuffled.select(models, wanted).scores)
    assert_array_equal(whole.select(models).align(wanted), shuffled.select(models).align(wanted))


# --- duplicates ---------------------------------------------------------------------------------


def test_of_equal_models_the_alphabetically_first_stays():
    scores = [[0, 1, NAN], [0, 1, 1], [0, 1, NAN], [0, 1, NAN], [0, 0, NAN]]
    kept, dropped = matrix(scores, list("dceab")).drop_duplicates()
    assert kept.models.ids == ("c", "a", "b")
    assert dropped == ("d", "e")


def test_without_duplicates_nothing_changes(small):
    assert small.drop_duplicates() == (small, ())


@pytest.mark.parametrize(("one", "other"), [(0.0, -0.0), (NAN, -NAN)])
def test_equal_answers_are_duplicates_whatever_their_bits(one, other):
    _, dropped = matrix([[one, 1], [other, 1]]).drop_duplicates()
    assert dropped == ("m1",)


@given(
    arrays(np.float64, (6, 3), elements=st.sampled_from([0.0, 0.5, 1.0, NAN])),
    st.permutations(range(6)),
)
def test_duplicates_by_brute_force_in_any_order(scores, order):
    kept, dropped = matrix(scores).take(np.array(order)).drop_duplicates()
    same = [
        [np.array_equal(one, other, equal_nan=True) for other in scores[:k]]
        for k, one in enumerate(scores)
    ]
    assert set(dropped) == {f"m{k}" for k, row in enumerate(same) if any(row)}
    assert set(kept.models.ids) == {f"m{k}" for k in range(6)} - set(dropped)


def test_scores_out_of_range_are_found_slab_by_slab(monkeypatch):
    monkeypatch.setattr("tinyeval.compute.row_blocks.CELLS", 8)
    scores = np.full((7, 4), 0.5)
    scores[3, 2], scores[6, 0] = 50.0, -1.0
    models, items = [f"m{k}" for k in range(7)], [f"q{k}" for k in range(4)]
    with pytest.raises(DataError, match="but 2 do not; the first is 50 of model 'm3'"):
        ResponseMatrix.from_arrays(scores, models, items)


def test_taking_everything_copies_nothing():
    scores = np.zeros((3, 4), dtype=np.float32)
    responses = ResponseMatrix.from_arrays(scores, list("abc"), list("defg"))
    same = responses.take(np.arange(3), np.ones(4, dtype=bool))
    assert np.shares_memory(same.scores, responses.scores)
    assert not np.shares_memory(responses.take(np.array([2, 1, 0])).scores, responses.scores)


# --- trials -------------------------------------------------------------------------------------


@pytest.fixture
def counted(small):
    trials = np.array([[3, 1, 2], [1, 0, 4]])
    return ResponseMatrix(small.scores, small.models, small.items, trials)


def test_trials_go_wherever_the_scores_go(counted):
    assert counted.trials.dtype == np.uint16
    assert counted.take([1], [2, 0]).trials.tolist() == [[4, 1]]
    assert counted.select(["a", "b"], ["x", "z"]).trials.tolist() == [[0, 1], [1, 3]]
    assert counted.take().trials.tolist() == counted.trials.tolist()
    assert counted.take(models=np.array([False, True])).trials.tolist() == [[1, 0, 4]]
    with pytest.raises(ValueError, match="read-only"):
        counted.trials[0, 0] = 9


def test_trials_on_items_are_aligned_as_scores_are(counted, small):
    asked = ["y", "nothing", "x"]
    assert counted.trials_on(asked).tolist() == [[2, 0, 1], [4, 0, 0]]
    assert small.trials_on(asked).tolist() == [[1, 0, 1], [1, 0, 0]]
    assert small.trials_on(asked).dtype == np.uint16
    assert_array_equal(counted.trials_on(asked) > 0, ~np.isnan(counted.align(asked)))


def test_one_trial_each_is_not_kept(small):
    ones = (~np.isnan(small.scores)).astype(np.int64)
    assert ResponseMatrix(small.scores, small.models, small.items, ones).trials is None
    assert small.trials is None


def test_trials_without_duplicates(counted):
    copied = matrix([[0, 1], [0, 1]], ["b", "a"])
    copied = ResponseMatrix(copied.scores, copied.models, copied.items, np.array([[2, 3], [4, 5]]))
    kept, dropped = copied.drop_duplicates()
    assert dropped == ("b",)
    assert kept.trials.tolist() == [[4, 5]]


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([[1, 1], [1, 1]], r"whole numbers of trials, \(2, 3\), found int64 \(2, 2\)"),
        ([[1.0, 1, 1], [1, 0, 1]], "whole numbers of trials.*float64"),
        ([[1, 1, 1], [1, 1, 1]], "1 cells break the rule"),
        ([[0, 1, 0], [1, 0, 1]], "2 cells break the rule"),
        ([[-1, 1, 1], [1, 0, 1]], "1 cells break the rule"),
        ([[70_000, 1, 1], [1, 0, 1]], "1 cells break the rule of 1 to 65,535 trials per score"),
    ],
)
def test_trials_must_fit_the_scores(small, trials, message):
    with pytest.raises(DataError, match=message):
        ResponseMatrix(small.scores, small.models, small.items, np.array(trials))
