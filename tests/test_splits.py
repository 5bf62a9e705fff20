"""Splits: disjoint, without duplicates, by id and score alone, and each kind as documented."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyeval.backtesting.splits import make_splits
from tinyeval.errors import ConfigError, DataError
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table

NAN = float("nan")


@pytest.fixture(scope="module")
def responses():
    return simulate(40, 30, seed=1)[0]


def with_column(responses, **columns):
    models = responses.models.with_columns(
        **{name: np.array(values) for name, values in columns.items()}
    )
    return replace(responses, models=models)


def ids(pair):
    return tuple(set(side.models.ids) for side in pair)


def scores_of(matrix):
    return matrix.scores.mean(1)


# --- every kind ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["random", "top", "bottom", "few:7", "spread:9", "group:org", "date:year"]),
    st.integers(0, 1000),
    st.permutations(range(40)),
)
def test_sides_are_disjoint_and_do_not_depend_on_the_order_of_rows(kind, seed, order):
    matrix, _ = simulate(40, 30, seed=1)
    names = sorted(matrix.models.ids)
    org = [f"org{names.index(one) % 9}" for one in matrix.models.ids]
    year = [2000.0 + names.index(one) % 7 for one in matrix.models.ids]
    matrix = with_column(matrix, org=org, year=year)
    split = list(make_splits(matrix, kind, 2, seed))
    again = list(make_splits(matrix.take(np.array(order)), kind, 2, seed))
    assert len(split) == (2 if kind[:3] in ("ran", "few", "spr", "gro") else 1)
    for pair, other in zip(split, again, strict=True):
        source, test = ids(pair)
        assert not source & test
        assert (source, test) == ids(other)
        assert pair[0].models.ids == tuple(sorted(source))
        assert pair[0].items.ids == matrix.items.ids


def test_no_model_is_tested_on_its_own_copy(responses):
    doubled = ResponseMatrix(
        np.vstack([responses.scores, responses.scores]),
        Table((*responses.models.ids, *(f"copy-of-{one}" for one in responses.models.ids))),
        responses.items,
    )
    for source, test in make_splits(doubled, "random", 3):
        assert source.n_models + test.n_models == 40
        copies = {row.tobytes() for row in source.scores} & {row.tobytes() for row in test.scores}
        assert not copies


def test_repeats_differ_and_seeds_differ(responses):
    first, second = (ids(pair) for pair in make_splits(responses, "random", 2, 0))
    other = ids(next(make_splits(responses, "random", 1, 1)))
    assert first != second
    assert first != other
    assert ids(next(make_splits(responses, "random", 1, 0))) == first


# --- each kind ----------------------------------------------------------------------------------


def test_random_is_three_quarters_to_one(responses):
    for source, test in make_splits(responses, "random", 3):
        assert (source.n_models, test.n_models) == (30, 10)


def test_every_model_is_tested_at_times(responses):
    tested = [ids(pair)[1] for pair in make_splits(responses, "random", 40)]
    assert set.union(*tested) == set(responses.models.ids)


def test_top_is_the_strongest_15_percent_after_the_weakest_60(responses):
    ((source, test),) = make_splits(responses, "top", 5)
    assert (source.n_models, test.n_models) == (24, 6)
    ordered = np.sort(scores_of(responses))
    assert np.sort(scores_of(source)) == pytest.approx(ordered[:24])
    assert np.sort(scores_of(test)) == pytest.approx(ordered[-6:])


def test_bottom_is_its_mirror(responses):
    ((source, test),) = make_splits(responses, "bottom", 5)
    assert (source.n_models, test.n_models) == (24, 6)
    ordered = np.sort(scores_of(responses))
    assert np.sort(scores_of(source)) == pytest.approx(ordered[-24:])
    assert np.sort(scores_of(test)) == pytest.approx(ordered[:6])


def test_spread_takes_as_many_models_from_each_tenth_of_the_range():
    # 40 weak models and 20 spread evenly: at random two source models in three would be weak ones
    level = np.concatenate([np.full(40, 3), np.arange(3, 103, 5)])
    scores = np.arange(100) < level[:, None]
    scores = scores ^ (np.arange(100) == np.arange(60)[:, None] % 3)  # no two alike
    names = [f"m{k:02d}" for k in range(60)]
    matrix = ResponseMatrix.from_arrays(scores, names, [f"i{k}" for k in range(100)])
    for source, test in make_splits(matrix, "spread:20", 3):
        assert source.n_models == 20
        score = scores_of(source)
        bins = np.minimum((score - score.min()) / np.ptp(score) * 10, 9).astype(int)
        assert set(np.bincount(bins, minlength=10)) <= {1, 2, 3}
        assert not set(source.models.ids) & set(test.models.ids)


def test_few_is_that_many_source_models(responses):
    for source, test in make_splits(responses, "few:7", 3):
        assert (source.n_models, test.n_models) == (7, 33)


def test_groups_stay_together(responses):
    org = [f"org{k % 8}" for k in range(40)]
    matrix = with_column(responses, org=org)
    tested = set()
    for source, test in make_splits(matrix, "group:org", 10):
        one, other = set(source.models.column("org")), set(test.models.column("org"))
        assert not one & other
        assert test.n_models in (5, 10)
        tested |= other
    assert len(tested) > 4


def test_the_newest_quarter_is_tested_and_equal_dates_stay_together(responses):
    dates = [f"2024-{1 + k // 4:02d}-15" for k in range(40)]
    matrix = with_column(responses, date=dates)
    ((source, test),) = make_splits(matrix, "date:date", 5)
    assert max(source.models.column("date")) < min(test.models.column("date"))
    assert (source.n_models, test.n_models) == (28, 12)


def test_models_without_a_date_are_on_neither_side(responses):
    numbers = np.where(np.arange(40) < 10, NAN, 2000.0 + np.arange(40))
    texts = np.where(np.arange(40) < 10, "", [f"{year:.0f}" for year in 2000 + np.arange(40)])
    for values in (numbers, texts):
        ((source, test),) = make_splits(with_column(responses, date=values), "date:date")
        assert (source.n_models, test.n_models) == (22, 8)
        undated = set(responses.models.ids[:10])
        assert not undated & (set(source.models.ids) | set(test.models.ids))


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "magic",
        "random:2",
        "top:1",
        "few",
        "few:x",
        "spread",
        "spread:x",
        "few:-3",
        "group",
        "date:",
    ],
)
def test_an_unknown_split_is_refused_with_the_known_ones(responses, kind):
    with pytest.raises(ConfigError, match=r"unknown split .* known are: random, top, bottom"):
        next(make_splits(responses, kind))


def test_a_missing_column_is_refused(responses):
    for kind in ("group:org", "date:org"):
        with pytest.raises(DataError, match="no column 'org'"):
            next(make_splits(responses, kind))


@pytest.mark.parametrize("kind", ["few:4", "few:40", "few:0"])
def test_a_side_without_models_is_refused(responses, kind):
    with pytest.raises(DataError, match="at least 5 and 1 are needed"):
        next(make_splits(responses, kind))


def test_too_few_models_are_refused():
    with pytest.raises(DataError, match=r"leaves 4 source and 2 test models of 6"):
        next(make_splits(simulate(6, 10)[0], "random"))


def test_one_group_or_too_few_dates_are_refused(responses):
    with pytest.raises(DataError, match="holds one group only"):
        next(make_splits(with_column(responses, org=["a"] * 40), "group:org"))
    dates = ["2024"] * 7 + [""] * 33
    with pytest.raises(DataError, match="holds 7 dates; at least 8 are needed"):
        next(make_splits(with_column(responses, date=dates), "date:date"))


def test_equal_dates_cannot_be_split(responses):
    with pytest.raises(DataError, match="leaves 0 source"):
        next(make_splits(with_column(responses, date=["2024"] * 40), "date:date"))


def test_a_group_of_most_models_is_not_tested(responses):
    matrix = with_column(responses, org=["large"] * 32 + ["one"] * 4 + ["two"] * 4)
    for source, test in make_splits(matrix, "group:org", 10):
        assert source.n_models > test.n_models
