"""Plans: the smallest bank that reaches a goal, promised no better than it is."""

import json
import shlex
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import simulate
from test_cli import run, succeed

from tinyeval.backtesting.by_models import by_models
from tinyeval.backtesting.choice import choose_recipe
from tinyeval.backtesting.measured import gain, measure, quantile, standard_error
from tinyeval.backtesting.plan import enough_items, plan
from tinyeval.backtesting.rehearsal import Cases
from tinyeval.backtesting.studies import make_studies
from tinyeval.backtesting.study import Goal, Study, first_sizes, largest
from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.config import Settings, load_settings
from tinyeval.config.expect import EXPECT, for_models
from tinyeval.display.html import MOST_ROWS
from tinyeval.errors import ConfigError, DataError, ThinHistoryWarning
from tinyeval.importers import write_results

# --- what errors say ------------------------------------------------------------------------------


def make_cases(error, model=None, bank=None, spread=None):
    error = np.asarray(error, dtype=float)
    zero = np.zeros(len(error), dtype=int)
    model = np.arange(len(error)) if model is None else np.asarray(model)
    spread = np.full(len(error), 0.02) if spread is None else np.asarray(spread)
    return Cases(
        model, zero if bank is None else np.asarray(bank), zero * 0.5, error, spread, zero + 30
    )


def test_the_standard_error_of_single_models_is_the_usual_one():
    values = np.array([1.0, 4.0, 2.0, 9.0, 5.0])
    assert standard_error(values, np.arange(5)) == pytest.approx(values.std(ddof=1) / np.sqrt(5))


def test_copies_of_a_model_do_not_make_the_error_surer():
    values = np.array([1.0, 4.0, 2.0, 9.0])
    twice = standard_error(np.tile(values, 2), np.tile(np.arange(4), 2))
    assert twice == pytest.approx(standard_error(values, np.arange(4)))
    assert standard_error(np.tile(values, 2), np.arange(8)) < twice
    assert np.isnan(standard_error(values, np.zeros(4, dtype=int)))


def test_width_and_difference_are_conformal_quantiles():
    error = np.random.default_rng(0).normal(0, 0.02, 25)
    found = measure(make_cases(error), np.arange(25), 0.8)
    assert found.error == pytest.approx(np.abs(error).mean())
    assert found.width == pytest.approx(2 * np.sort(np.abs(error))[int(np.ceil(26 * 0.8)) - 1])
    pairs = [abs(a - b) for a, b in combinations(error, 2)]
    assert found.tell_apart == pytest.approx(quantile(np.array(pairs), 0.8))
    assert (found.held_out, found.sources) == (25, 30)


def test_models_of_two_banks_are_not_compared():
    found = measure(make_cases([0.1, 0.1, -0.1, -0.1], bank=[0, 0, 1, 1]), np.arange(4), 0.9)
    assert found.tell_apart == 0


def test_a_bank_that_is_worse_than_others_shows_in_their_spread():
    rng = np.random.default_rng(1)
    bank = np.repeat(np.arange(20), 50)
    alike = rng.normal(0, 0.02, 1000)
    assert measure(make_cases(alike, bank=bank), np.arange(1000), 0.9).bank_spread < 0.002
    worse = alike * np.where(bank % 2, 1.5, 0.5)
    found = measure(make_cases(worse, bank=bank), np.arange(1000), 0.9)
    half = 0.5 * 0.02 * np.sqrt(2 / np.pi)  # each mean error differs from the mean by half of it
    assert found.bank_spread == pytest.approx(half, rel=0.25)


def test_a_gain_is_paired_by_model():
    models = [0, 1, 2, 0, 1, 2]
    hard = np.array([0.1, 0.01, 0.05])
    less = gain(
        make_cases(np.tile(hard - 0.004, 2), models),
        make_cases(np.tile(hard, 2), models),
        np.arange(3),
    )
    assert less.mean == pytest.approx(0.004)
    assert less.standard_error == pytest.approx(0, abs=1e-12)
    assert less.is_clear(2.0)


def test_no_known_score_is_an_error():
    with pytest.raises(DataError, match="true score"):
        measure(make_cases([]), np.arange(0), 0.9)


# --- choice of a recipe ---------------------------------------------------------------------------


def fake_study(errors, n=10, models=100):
    """A study of given mean errors by recipe, at the numbers of items that ``n`` asks for."""
    rng = np.random.default_rng(0)
    shape = np.abs(rng.normal(1, 0.3, models))
    noise = {name: rng.normal(0, 0.05, models) for name in errors}
    done = {
        (name, k): make_cases(mean * (shape + noise[name]))
        for name, mean in errors.items()
        for k in (n // 4, n // 2, n, 2 * n)
    }
    rehearsal = SimpleNamespace(responses=SimpleNamespace(n_items=200))
    recipes = dict.fromkeys(errors, Settings())
    return Study(rehearsal, recipes, np.arange(models), 0.9, 5, "models", None, done)


def chosen(within, beyond, own="any"):
    return choose_recipe(fake_study(within), fake_study(beyond), own, Goal("items", 10))


def test_the_expected_recipe_stays_where_another_is_better_by_luck_alone():
    within = {"any": 0.0450, "random+ridge": 0.0448, "random+mean": 0.1}
    assert chosen(within, within).recipe == "any"


def test_another_recipe_is_advised_if_it_is_clearly_better():
    within = {"any": 0.045, "random+ridge": 0.035, "random+mean": 0.1}
    found = chosen(within, within)
    assert (found.recipe, found.items, found.better) == ("random+ridge", 10, {})


def test_but_not_if_it_errs_more_beyond_the_range():
    within = {"any": 0.045, "random+ridge": 0.035, "random+mean": 0.1}
    found = chosen(within, within | {"any": 0.05, "random+ridge": 0.1})
    assert (found.recipe, list(found.better)) == ("any", ["random+ridge"])


def test_the_recipe_for_similar_models_is_advised_only_if_they_are_expected():
    within = {"any": 0.045, "similar": 0.025, "random+ridge": 0.04, "random+mean": 0.02}
    found = chosen(within, within)
    assert found.recipe == "random+ridge"  # random+mean is a yardstick
    assert list(found.better) == ["similar"]
    beyond = within | {"similar": 0.2}
    assert chosen(within | {"similar": 0.06}, beyond, own="similar").recipe == "random+ridge"
    assert chosen(within, beyond, own="similar").recipe == "similar"


# --- rehearsals -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def responses():
    return simulate(60, 60, seed=2)[0]


@pytest.fixture(scope="module")
def study(responses, fast):
    recipes = {
        "any": fast,
        "random+ridge": fast.replace(selection={"method": "random"}, estimator={"method": "ridge"}),
    }
    return make_studies(responses, recipes, "any", 2, None)


@pytest.mark.slow
def test_rehearsed_banks_are_those_that_a_build_makes(study, fast):
    within, _ = study
    within.measure(["any"], [6])
    cases, whole = within._cases["any", 6], within.rehearsal
    fold = whole.folds[0]
    source, others = whole.responses.take(fold.source), whole.responses.take(fold.held_out)
    found = [one.score for one in build(source, items=6, settings=fast).predict(others)]
    own = cases.bank == 0
    assert cases.model[own] == pytest.approx(np.flatnonzero(fold.held_out))
    assert cases.truth[own] + cases.error[own] == pytest.approx(found, abs=1e-9)
    assert cases.truth[own] == pytest.approx(others.scores.mean(1), abs=1e-6)


@pytest.mark.slow
def test_every_repeat_predicts_every_model_once(study):
    within, beyond = study
    within.measure(["any"], [6])
    assert (np.bincount(within._cases["any", 6].model) == 2).all()
    assert within.first_repeat == len(within.rehearsal.folds) / 2
    scores = within.rehearsal.score
    for fold in beyond.rehearsal.folds:
        low, high = scores[fold.source].min(), scores[fold.source].max()
        assert ((scores[fold.held_out] <= low) | (scores[fold.held_out] >= high)).all()


@pytest.mark.slow
def test_random_selections_are_drawn_anew(study):
    within, _ = study
    within.measure(["random+ridge"], [6])
    cases = within._cases["random+ridge", 6]
    assert len(np.unique(cases.bank)) == 4 * len(within.rehearsal.folds)
    assert len(np.unique(cases.error.round(12))) > len(cases.error) / 2


@pytest.mark.slow
def test_groups_stay_together(fast):
    matrix = simulate(60, 30, seed=3)[0]
    run_of = np.array([f"run{k // 4}" for k in range(60)], dtype=object)
    grouped = replace(matrix, models=matrix.models.with_columns(run=run_of))
    settings = fast.replace(interval={"groups": "run"})
    within, beyond = make_studies(grouped, {"any": settings}, "any", 1, None)
    order = within.rehearsal.responses.models.column("run")
    for fold in (*within.rehearsal.folds, *beyond.rehearsal.folds):
        assert not set(order[fold.source]) & set(order[fold.held_out])
    assert len(np.unique(within.cluster)) == 15


@pytest.mark.slow
def test_fewer_source_models_are_tried(study):
    within, _ = study
    found = by_models(within, "any", 6)
    assert list(found.errors) == [15, 30]  # a quarter is less than ten models
    assert 0 <= found.power <= 0.5
    assert found.factor(30, 60) == pytest.approx(2**-found.power)


@pytest.mark.parametrize(
    ("total", "sizes"), [(1, (1,)), (12, (6,)), (60, (10, 20, 30)), (500, (10, 20, 40, 80, 160))]
)
def test_half_of_the_benchmark_is_the_most(total, sizes):
    assert first_sizes(total) == sizes
    assert sizes[-1] <= largest(total)


# --- plans ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned(responses, fast):
    return plan(responses, error=0.05, settings=fast)


@pytest.mark.slow
def test_the_smallest_number_reaches_the_goal_and_fewer_do_not(planned):
    assert planned.items < planned.most
    assert planned.promise.error <= 0.05 < planned.row(planned.recipe, 10).error
    assert planned.low < planned.promise.error < planned.high
    assert planned.promise.width > 2 * planned.promise.error
    assert planned.promise.tell_apart > planned.promise.error


@pytest.mark.slow
def test_every_recipe_is_measured_at_that_number(planned):
    names = {row.recipe for row in planned.rows if row.items == planned.items}
    assert names == {"any", "similar", "random+ridge", "random+mean"}
    beyond = [row.other_error for row in planned.rows if row.items == planned.items]
    assert np.isfinite(beyond).all()
    assert planned.history_error > planned.row("random+ridge", planned.items).error


@pytest.mark.slow
def test_a_plan_is_short_and_repeatable(planned, responses, fast):
    assert str(planned).startswith(f"Plan(error <= 0.050: {planned.items} items, recipe 'any'")
    assert len(repr(planned)) < 120
    order = np.random.default_rng(0).permutation(60)
    assert repr(plan(responses.take(order), error=0.05, settings=fast)) == repr(planned)


@pytest.mark.slow
def test_everything_measured_is_a_frame_and_a_table(planned):
    pytest.importorskip("pandas")
    frame = planned.to_frame()
    assert len(frame) == len(planned.rows)
    row = frame.query("recipe == 'any' and items == @planned.items").iloc[0]
    assert row.error == pytest.approx(planned.promise.error)
    html = planned._repr_html_()
    assert html.count("<tr>") >= min(len(planned.rows), MOST_ROWS)
    assert "Plan(error &lt;= 0.050" in html


@pytest.mark.slow
def test_a_build_takes_the_number_of_the_plan(planned, responses, fast):
    bank = build(responses, error=0.05, settings=fast)
    assert len(bank.anchors) == planned.items == enough_items(responses, 0.05, settings=fast)
    assert bank.digest == build(responses, items=planned.items, settings=fast).digest


@pytest.mark.slow
def test_where_no_number_is_enough_it_says_so(responses, fast):
    found = plan(responses, error=0.001, settings=fast)
    assert found.items is None
    assert found.promise.items == found.most == 30
    assert "no number up to 30" in repr(found)
    with pytest.raises(
        ConfigError, match=r"no bank of up to 30 of 60 items reaches .* \(0.1 points"
    ):
        build(responses, error=0.001, settings=fast)


@pytest.mark.slow
def test_other_goals(responses, fast):
    wide = plan(responses, width=0.25, settings=fast)
    assert wide.promise.width <= 0.25 * 1.02
    apart = plan(responses, tell_apart=0.15, settings=fast)
    assert apart.promise.tell_apart <= 0.15 * 1.02
    some = plan(responses, items=12, settings=fast)
    assert (some.items, some.promise.items) == (12, 12)


@pytest.mark.slow
def test_models_beyond_the_range_are_planned_for_as_such(responses, fast):
    found = plan(responses, items=12, expect="beyond", settings=fast)
    assert {row.recipe for row in found.rows} == {"beyond", "any", "random+ridge", "random+mean"}
    within = plan(responses, items=12, settings=fast)
    assert found.row("any", 12).error == pytest.approx(within.row("any", 12).other_error)
    assert found.row("any", 12).other_error == pytest.approx(within.row("any", 12).error)


@pytest.mark.slow
def test_settings_that_name_methods_are_planned_for(responses, fast):
    found = plan(responses, items=8, settings=fast.replace(estimator={"method": "kriging"}))
    assert found.recipe in ("recipe", "random+ridge")
    assert {row.recipe for row in found.rows} == {"recipe", "random+ridge", "random+mean"}


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ({}, "one goal of error, width, tell_apart, items, found none"),
        ({"error": 0.1, "items": 5}, "found error and items"),
        ({"error": 1.5}, "1.5 percentage points are 0.015"),
        ({"error": 0.0}, "between 0 and 1"),
        ({"width": float("nan")}, "between 0 and 1"),
        ({"error": "1.5"}, "error"),
        ({"items": 0}, "whole number of 1 or more"),
        ({"items": 2.5}, "whole number of 1 or more"),
        ({"items": 61}, "61 items were asked for, but the benchmark has 60"),
        ({"error": 0.1, "expect": "better"}, "expect must be similar, any, beyond, found 'better'"),
        ({"error": 0.1, "settings": Settings(budget=5.0)}, "no cost budget and no quotas"),
        ({"error": 0.1, "settings": Settings(quotas={"anchors": 5})}, "no cost budget and no"),
    ],
)
def test_other_wishes_are_refused(responses, goals, message):
    with pytest.raises(ConfigError, match=message):
        plan(responses, **goals)


@pytest.mark.slow
def test_few_models_are_planned_for_as_well(fast):
    with pytest.warns(ThinHistoryWarning, match="8 models"):
        found = plan(simulate(8, 30, seed=1)[0], items=6, settings=fast)
    assert found.models == ()
    assert np.isfinite(found.promise.error)


@pytest.mark.slow
def test_fresh_models_err_as_promised(fast):
    """Acceptance: on simulated models the error promised is that of models never seen."""
    ratios = []
    for seed in range(4):
        responses = simulate(260, 80, dimensions=2, seed=seed)[0]
        source, fresh = responses.take(np.arange(100)), responses.take(np.arange(100, 260))
        found = plan(source, error=0.04, settings=fast, repeats=1)
        bank = build(source, items=found.items, settings=fast)
        scores = np.array([one.score for one in bank.predict(fresh)])
        ratios.append(np.abs(scores - fresh.scores.mean(1)).mean() / found.promise.error)
    assert np.mean(ratios) == pytest.approx(1, abs=0.15), ratios


# --- models expected ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "recipe"), [("similar", "within_range"), ("any", "default"), ("beyond", "frontier")]
)
def test_the_words_stand_for_recipes_that_ship(expect, recipe):
    known = load_settings(f"configs/{recipe}.yaml")
    for section, of in (("selection", known.selection), ("estimator", known.estimator)):
        assert EXPECT[expect][section] == of.model_dump()
    assert for_models(Settings(), expect) == known.replace(**EXPECT[expect])


@pytest.mark.slow
def test_a_build_for_similar_models_uses_their_methods(responses, fast):
    bank = build(responses, items=8, expect="similar", settings=fast)
    assert bank.settings["estimator"] == {"method": "kriging", "options": {"drift": [0.0]}}
    with pytest.raises(ConfigError, match="the recipe names its own"):
        build(responses, expect="similar", settings=fast.replace(estimator={"method": "ridge"}))
    with pytest.raises(ConfigError, match="leave out items and budget"):
        build(responses, items=8, error=0.05, settings=fast)


# --- commands -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(responses, tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "results.csv"
    write_results(responses, path)
    return path


RECIPE = "irt: {dimensions: [2]}\ninterval: {folds: 2}\ndevice: cpu\n"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "quick.yaml"
    path.write_text(RECIPE)
    return path


@pytest.mark.slow
def test_the_command_prints_a_number_a_curve_and_a_command(table, recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = succeed("plan", table, "--error", "5", "--config", recipe, "--seed", "1")
    first = done.stdout.splitlines()[0]
    items = int(first.split()[0])
    assert first == f"{items} of 60 items reach an error of 5 points"
    assert "expected error: " in done.stdout
    assert f"Recipes with {items} items; advised: any" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[:-1])
    assert "held-out models: " in done.stderr
    command = shlex.split(done.stdout.splitlines()[-1])
    assert command[:2] == ["tinyeval", "build"]
    assert command[command.index("--seed") + 1] == "1"
    succeed(*command[1:])
    assert len(ItemBank.load("bank").anchors) == items


@pytest.mark.slow
def test_the_same_as_json(table, recipe):
    done = succeed(
        "plan", table, "--error", "5", "--config", recipe, "--expect", "similar", "--json"
    )
    found = json.loads(done.stdout)
    assert found["expect"] == "similar"
    assert found["promise"]["error"] <= 0.05 < found["rows"][0]["error"]
    assert {"recipe", "items", "error", "width", "tell_apart"} <= set(found["rows"][0])
    if found["recipe"] == "similar":
        assert "--expect similar" in found["command"]


@pytest.mark.slow
def test_no_number_that_is_enough_is_an_answer(table, recipe):
    done = succeed("plan", table, "--error", "0.1", "--config", recipe)
    assert done.stdout.startswith(
        "no bank of up to 30 of 60 items reaches an error of 0.1 points\n"
    )
    assert "tinyeval build" not in done.stdout


@pytest.mark.slow
def test_build_takes_an_error(table, recipe, tmp_path):
    options = ("--config", recipe, "--error", "5", "--json", "--out", tmp_path / "bank")
    facts = json.loads(succeed("build", table, *options).stdout)
    planned = json.loads(succeed("plan", table, *options[:4], "--json").stdout)
    assert facts["anchors"] == planned["items"]
    assert set(facts["baselines"]["random_mean"]) == set(facts["expected_error"])


@pytest.mark.slow
def test_backtest_expects_as_well(table, recipe):
    common = ("backtest", table, "--config", recipe, "--items", "6", "--repeats", "1", "--methods")
    similar = json.loads(succeed(*common, "default", "--expect", "similar", "--json").stdout)
    usual = json.loads(succeed(*common, "default", "--json").stdout)
    assert similar["rows"][0]["mae"] != usual["rows"][0]["mae"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan",), "Give one goal"),
        (("plan", "--error", "1", "--width", "5"), "Give one goal"),
        (("plan", "--error", "0"), "is not in the range"),
        (("plan", "--error", "1", "--expect", "best"), "is not one of"),
        (("build", "--out", "b", "--error", "2", "--items", "5"), "Give --items or --error"),
        (("build", "--out", "b", "--items", "5", "--error", "2"), "Give --items or --error"),
    ],
)
def test_wrong_usage(table, arguments, message):
    done = run(arguments[0], table, *arguments[1:])
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.slow
def test_errors_are_one_line(table, tmp_path):
    done = run("plan", table, "--error", "1", "--budget", "5", "--cost", "price")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("Error: ")


# --- the measured tables --------------------------------------------------------------------------


@pytest.mark.slow
def test_the_tables_are_made_from_small_results_and_resumed(tmp_path, monkeypatch):
    from paper_repro import expect as expect_script
    from paper_repro import plan as plan_script

    data, out = tmp_path / "data", tmp_path / "out"
    (data / "small").mkdir(parents=True)
    out.mkdir()
    write_results(simulate(48, 40, seed=3)[0], data / "small" / "responses.parquet")
    common = ["--data", str(data), "--out", str(out), "--sets", "small"]
    monkeypatch.setattr(plan_script, "GOALS", {"small": 0.06})
    for splits in ("1", "2"):
        monkeypatch.setattr("sys.argv", ["plan", *common, "--splits", splits])
        plan_script.main()
    rows = (out / "plan.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["split", "0", "1"]
    assert [row.split(",")[14] for row in rows[1:]] == ["12", "12"]  # models held out
    assert "| small | any | 36 | 6 |" in (out / "plan.md").read_text()
    monkeypatch.setattr("sys.argv", ["expect", *common])
    expect_script.main()
    assert len((out / "expect.csv").read_text().splitlines()) == 1 + 2 * 3
    assert "mean of 1 sets | 30 |" in (out / "expect.md").read_text()
