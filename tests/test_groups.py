"""Groups of models: numbered alike whatever the order, folds of whole groups, sides kept apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from tinyeval.errors import ConfigError
from tinyeval.groups import MIN_GROUPS, check_groups, fold_numbers, keep_apart, number_groups
from tinyeval.tables import Table

GROUPS = st.lists(st.integers(0, 12), min_size=1, max_size=80)


def table(values, ids=None):
    ids = ids or [f"m{k:03d}" for k in range(len(values))]
    return Table(tuple(ids), {"family": np.array(list(values), dtype=object)})


def rng(seed=0):
    return np.random.default_rng(seed)


def dense(values):
    return np.unique(values, return_inverse=True)[1].ravel()


# --- numbers ------------------------------------------------------------------------------------


def test_without_a_column_every_model_is_a_group():
    models = Table(("a", "b", "c", "d"))
    assert_array_equal(number_groups(models, None, rng()), rng().permutation(4))


@given(GROUPS, st.integers(0, 5))
def test_models_share_a_number_if_they_share_a_name(values, seed):
    number = number_groups(table([f"f{v}" for v in values]), "family", rng(seed))
    assert_array_equal(number[:, None] == number, np.equal.outer(values, values))
    assert set(number) == set(range(len(set(values))))


@given(GROUPS, st.randoms(use_true_random=False))
def test_the_order_of_models_changes_nothing(values, shuffler):
    ids = [f"m{k}" for k in range(len(values))]
    order = list(range(len(values)))
    shuffler.shuffle(order)
    names = [f"f{v}" if v else "" for v in values]
    one = number_groups(table(names, ids), "family", rng())
    mixed = table([names[k] for k in order], [ids[k] for k in order])
    assert_array_equal(one[order], number_groups(mixed, "family", rng()))


def test_a_model_of_an_unknown_group_is_a_group_of_its_own():
    number = number_groups(table(["a", "", "a", "", "m003"]), "family", rng())
    assert number[0] == number[2]
    assert len(set(number)) == 4
    numbers = Table(("a", "b", "c", "d"), {"family": np.array([1.0, np.nan, 1.0, np.nan])})
    assert len(set(number_groups(numbers, "family", rng()))) == 3


# --- folds --------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 10), st.integers(0, 3))
def test_models_by_themselves_are_dealt_out_in_turn(n, folds, seed):
    number = rng(seed).permutation(n)
    assert_array_equal(fold_numbers(number, folds), number % min(folds, n))


@given(GROUPS, st.integers(1, 8))
def test_a_fold_holds_whole_groups_and_no_fold_is_empty(values, folds):
    group = dense(values)
    fold = fold_numbers(group, folds)
    for one in set(group):
        assert len(set(fold[group == one])) == 1
    assert set(fold) == set(range(min(folds, len(set(group)))))


@given(GROUPS, st.integers(2, 8))
def test_folds_differ_by_no_more_than_the_largest_group(values, folds):
    group = dense(values)
    filled = np.bincount(fold_numbers(group, folds), minlength=min(folds, group.max() + 1))
    assert np.ptp(filled) <= np.bincount(group).max()


# --- sides --------------------------------------------------------------------------------------


@pytest.mark.slow
@given(GROUPS, st.data())
def test_no_group_stays_on_both_sides_and_none_is_lost(values, data):
    group = dense(values)
    n = len(group)
    side = np.array(data.draw(st.lists(st.sampled_from("so-"), min_size=n, max_size=n)))
    source, held_out = keep_apart(group, side == "s", side == "o")
    assert not set(group[source]) & set(group[held_out])
    assert not (source & (side != "s")).any()
    assert not (held_out & (side != "o")).any()
    for one in set(group):
        on = group == one
        both = {"s", "o"} <= set(side[on])
        kept = source[on].sum(), held_out[on].sum()
        there = (side[on] == "s").sum(), (side[on] == "o").sum()
        assert kept == there if not both else kept in ((there[0], 0), (0, there[1]))


def test_models_by_themselves_stay_where_they_are():
    source = np.arange(10) < 7
    kept = keep_apart(rng().permutation(10), source, ~source)
    assert_array_equal(kept, [source, ~source])


@given(st.lists(st.integers(0, 4), min_size=5, max_size=60), st.integers(1, 59))
def test_with_five_groups_on_two_sides_neither_is_emptied(values, border):
    group = np.append(np.arange(MIN_GROUPS), values)
    shuffled = rng(border).permutation(group)
    source = np.arange(len(group)) < min(border, len(group) - 1)
    for side in keep_apart(shuffled, source, ~source):
        assert side.any()


def test_runs_that_all_begin_and_end_alike_are_shared_out():
    """Ten checkpoints of 30 runs, the weakest two of each predicted from the other eight."""
    step, run = np.tile(np.arange(10), 30), np.repeat(np.arange(30), 10)
    source, held_out = keep_apart(run, step >= 2, step < 2)
    assert (len(set(run[source])), len(set(run[held_out]))) == (15, 15)


def test_where_one_group_holds_both_sides_one_is_empty():
    group = np.zeros(6, dtype=int)
    source, held_out = keep_apart(group, np.arange(6) < 3, np.arange(6) > 3)
    assert source.any() != held_out.any()


# --- errors -------------------------------------------------------------------------------------


def test_a_column_that_is_not_there():
    with pytest.raises(ConfigError, match=r"no column 'run'; its columns are: family$"):
        check_groups(table("abcdef"), "run")
    with pytest.raises(ConfigError, match=r"no column 'run'; its columns are: none$"):
        check_groups(Table(("a", "b")), "run")


def test_too_few_groups():
    with pytest.raises(
        ConfigError, match="at least 5 groups of models, found 2 in the column 'family': 'a', 'b';"
    ):
        check_groups(table("aabbaabb"), "family")


def test_a_column_without_names():
    with pytest.raises(ConfigError, match="found 0 in the column 'family': it is empty; name"):
        check_groups(table([""] * 9), "family")


def test_enough_groups():
    check_groups(table("aabbccddee"), "family")
    check_groups(table(["a", "a", "", "", "", ""]), "family")
    check_groups(Table(("a",)), None)
