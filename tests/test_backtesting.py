"""Backtests: the same protocol for every method, and tables that say what was measured."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate

from tinyeval.backtesting import trial
from tinyeval.backtesting.backtest import Backtest, backtest
from tinyeval.backtesting.splits import make_splits
from tinyeval.build_plan import BuildPlan
from tinyeval.building import build
from tinyeval.errors import ConfigError, DataError
from tinyeval.learning import learn
from tinyeval.responses import ResponseMatrix

METHODS = ("default", "random+mean", "random+ridge")
FIGURES = ("mae", "rmse", "bias", "worst", "kendall", "spearman", "pairs")


@pytest.fixture(scope="module")
def responses():
    return simulate(60, 50, seed=2)[0]


@pytest.fixture(scope="module")
def result(responses, fast):
    return backtest(responses, items=(6, 12), methods=METHODS, repeats=2, settings=fast)


def test_there_is_a_row_for_every_method_size_and_repeat(result):
    keys = {(row["method"], row["items"], row["repeat"]) for row in result.rows}
    assert keys == {(m, n, k) for m in METHODS for n in (6, 12) for k in (0, 1)}
    assert len(result.rows) == 12
    assert all(row["models"] == 15 and row["split"] == "random" for row in result.rows)
    assert all(row["seconds"] > 0 for row in result.rows)


@pytest.mark.slow
def test_figures_are_those_of_a_bank_built_by_hand(responses, fast, result):
    source, test = next(make_splits(responses, "random", 1, 0))
    found = build(source, items=12, settings=fast).predict(test)
    error = np.array([one.score for one in found]) - test.scores.mean(1)
    row = next(r for r in result.rows if r["method"] == "default" and r["items"] == 12)
    assert row["mae"] == pytest.approx(np.abs(error).mean(), abs=1e-6)
    assert row["bias"] == pytest.approx(error.mean(), abs=1e-6)
    assert row["worst"] == pytest.approx(np.abs(error).max(), abs=1e-6)
    width = np.mean([one.upper - one.lower for one in found])
    assert row["width"] == pytest.approx(width, abs=1e-6)
    assert 0.5 <= row["coverage"] <= 1


@pytest.mark.slow
def test_random_items_are_averaged_over_draws(responses, fast):
    source, test = next(make_splits(responses, "random", 1, 0))
    truth = test.scores.mean(1)
    errors = []
    for seed in range(trial.DRAWS):
        method = fast.replace(
            seed=seed, items=6, selection={"method": "random"}, estimator={"method": "mean"}
        )
        anchors = learn(source.sorted(), BuildPlan.of(method, source)).anchors.items
        errors.append(np.abs(test.select(items=anchors).scores.mean(1) - truth).mean())
    ((row),) = backtest(
        responses, items=[6], methods=["random+mean"], repeats=1, settings=fast
    ).rows
    assert row["mae"] == pytest.approx(np.mean(errors), abs=1e-6)


def test_chosen_items_beat_random_ones(result):
    mae = {(r["method"], r["items"]): r["mae"] for r in result.summary()}
    for n in (6, 12):
        assert mae["default", n] < mae["random+mean", n]
    assert mae["default", 12] < mae["default", 6]


def test_only_calibrated_methods_have_intervals(result):
    for row in result.rows:
        assert np.isnan(row["coverage"]) == np.isnan(row["width"]) == (row["method"] != "default")


def test_intervals_can_be_left_out(responses, fast, result):
    quick = backtest(
        responses, items=[12], methods=["default"], repeats=1, settings=fast, intervals=False
    )
    row = next(r for r in result.rows if r["method"] == "default" and r["items"] == 12)
    assert np.isnan(quick.rows[0]["coverage"])
    assert [quick.rows[0][name] for name in FIGURES] == pytest.approx(
        [row[name] for name in FIGURES], abs=1e-9
    )


@pytest.mark.slow
def test_the_same_seed_gives_the_same_figures(responses, fast, result):
    same = {"methods": METHODS, "settings": fast, "intervals": False}
    again = backtest(responses, items=(6, 12), repeats=2, **same)
    for one, other in zip(result.rows, again.rows, strict=True):
        assert [one[name] for name in FIGURES] == [other[name] for name in FIGURES]
    other = backtest(responses, items=[6], repeats=1, seed=1, **same)
    assert other.rows[0]["mae"] != result.rows[0]["mae"]


@pytest.mark.slow
def test_a_history_is_fitted_once_for_all_sizes_and_plain_methods(responses, fast, monkeypatch):
    calls = []
    real = trial.make_history

    def counted(*arguments):
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(trial, "make_history", counted)
    backtest(
        responses,
        items=(3, 6, 12),
        methods=("random+mean", "random+ridge", "optimal_design+kriging"),
        repeats=2,
        settings=fast,
    )
    assert len(calls) == 2


@pytest.mark.parametrize("split", ["top", "bottom", "few:20"])
def test_other_splits_are_named_in_the_rows(responses, fast, split):
    found = backtest(
        responses, items=[6], split=split, methods=["random+mean"], repeats=1, settings=fast
    )
    assert [row["split"] for row in found.rows] == [split]


@pytest.mark.slow
def test_a_recipe_is_a_method(responses, fast, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "selection: {method: random}\nestimator: {method: mean}\nirt: {dimensions: [1]}\n"
        "interval: {folds: 2}\nitems: 44\nseed: 9\n"
    )
    methods = [str(recipe), "random+mean"]
    found = backtest(responses, items=[6], methods=methods, repeats=1, settings=fast)
    one, other = found.rows
    assert one["mae"] == pytest.approx(other["mae"])
    assert one["coverage"] > 0.5
    assert one["items"] == 6


def test_models_with_too_few_answers_are_not_tested(responses, fast):
    scores = responses.scores.copy()
    scores[::3, 25:] = np.nan
    holes = ResponseMatrix(scores, responses.models, responses.items)
    (row,) = backtest(holes, items=[6], methods=["random+mean"], repeats=1, settings=fast).rows
    _, test = next(make_splits(holes, "random", 1, 0))
    assert row["models"] == (test.observed.mean(1) > 0.9).sum() < test.n_models


def test_progress_counts_methods_and_repeats(responses, fast):
    seen = []
    backtest(
        responses,
        items=[3],
        methods=METHODS[1:],
        repeats=2,
        settings=fast,
        progress=lambda *now: seen.append(now),
    )
    assert [(done, total) for done, total, _ in seen] == [(k, 4) for k in range(4)]


# --- tables -------------------------------------------------------------------------------------


def test_the_summary_is_the_mean_over_repeats(result):
    summary = result.summary()
    assert [(r["items"], r["method"]) for r in summary] == [
        (n, m) for n in (6, 12) for m in METHODS
    ]
    for row in summary:
        same = [
            r for r in result.rows if (r["method"], r["items"]) == (row["method"], row["items"])
        ]
        assert row["repeats"] == 2
        assert row["mae"] == pytest.approx(np.mean([r["mae"] for r in same]))


def test_the_markdown_table_is_in_percentage_points(result):
    lines = result.to_markdown().splitlines()
    head = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert all(line.count("|") == len(head) + 1 for line in lines)
    assert len(lines) == 2 + 6
    first = dict(zip(head, (c.strip() for c in lines[2].strip("|").split("|")), strict=True))
    row = result.summary()[0]
    assert first["method"] == "default"
    assert first["MAE"] == f"{100 * row['mae']:.2f}"
    assert first["coverage"] == f"{row['coverage']:.2f}"
    second = dict(zip(head, (c.strip() for c in lines[3].strip("|").split("|")), strict=True))
    assert second["method"] == "random+mean"
    assert second["coverage"] == second["width"] == ""


def test_the_csv_holds_every_row_in_score_units(result):
    rows = list(csv.DictReader(io.StringIO(result.to_csv())))
    assert len(rows) == len(result.rows)
    assert [float(row["mae"]) for row in rows] == [row["mae"] for row in result.rows]
    assert [row["method"] for row in rows] == [row["method"] for row in result.rows]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"methods": ["magic"]}, ConfigError, "unknown method 'magic'; expected default"),
        ({"methods": ["random+magic"]}, ConfigError, r"expected SELECTOR\+ESTIMATOR .*kriging"),
        ({"methods": ["magic+mean"]}, ConfigError, "a selector of random, stratified"),
        ({"methods": ["no/such.yaml"]}, ConfigError, "the path of a recipe"),
        ({"items": []}, ConfigError, r"between 1 and 50, found \[\]"),
        ({"items": [0, 5]}, ConfigError, r"between 1 and 50, found \[0, 5\]"),
        ({"items": [51]}, ConfigError, r"between 1 and 50, found \[51\]"),
        ({"split": "magic"}, ConfigError, "unknown split 'magic'"),
        ({"split": "group:org"}, DataError, "no column 'org'"),
        ({"split": "few:3"}, DataError, "leaves 3 source"),
    ],
)
def test_what_means_nothing_is_refused(responses, fast, options, error, message):
    with pytest.raises(error, match=message):
        backtest(responses, **{"items": [5], "repeats": 1, "settings": fast, **options})


def test_too_few_models_are_refused(responses, fast):
    few = responses.take(np.arange(4))
    with pytest.raises(DataError, match="at least 5 different models, found 4"):
        backtest(few, items=[5], settings=fast)


# --- known defects ------------------------------------------------------------------------------


def test_where_no_test_model_answered_enough_it_says_so(fast):
    holes, _ = simulate(40, 50, seed=2, missing=0.7)
    with pytest.raises(DataError):
        backtest(holes, items=[5], methods=["random+mean"], repeats=1, settings=fast)


@pytest.mark.slow
def test_a_test_model_without_anchors_does_not_end_the_backtest(fast):
    whole, _ = simulate(60, 50, seed=2, column=True)
    scores = whole.scores.copy()
    scores[np.random.default_rng(0).random(scores.shape) < 0.8] = np.nan
    scores[np.arange(60), np.arange(60) % 50] = 0
    holes = replace(whole, scores=scores)
    column = fast.replace(target={"column": "full"})
    backtest(holes, items=[4], methods=["default"], repeats=2, settings=column)


def test_no_rows_are_an_empty_table():
    assert Backtest(()).to_csv().strip() == ""
