"""The scripts behind the published tables: every one end to end on small results, and resumed."""

import csv
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import simulate

from paper_repro import changes
from paper_repro.engine import catalogue, hidden, markdown, measure, methods, script, sets
from paper_repro.engine import store as stores
from paper_repro.engine import table as tables
from tinyeval.backtesting.backtest import figures
from tinyeval.backtesting.trial import DRAWS, Trial
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import write_results
from tinyeval.responses import ResponseMatrix

ROOT = Path(__file__).parent.parent

OWN_TABLES = {
    *(
        "__init__",
        "attempts",
        "build_time",
        "budgets",
        "changes",
        "checkpoints_live",
        "differences",
        "near_copies",
        "certified",
        "expect",
        "plan",
        "quick_seconds",
        "several_benchmarks",
        "soft",
        "speed",
        "trials",
        "stages_stopping",
        "trust",
    ),
}
"""Scripts with tables of another shape than one row for each method."""

SCRIPTS = sorted({path.stem for path in (ROOT / "paper_repro").glob("*.py")} - OWN_TABLES)

FOLDERS = {
    "ollb2_ifeval_musr": ("ifeval", "musr"),
    "ollb1_mix5_dense": ("mmlu", "hellaswag"),
    "ollb1_arc": ("arc",),
    "ollb1_truthfulqa": ("truthfulqa",),
    "ollb1_winogrande": ("winogrande",),
    "nlu29_90": ("rte", "wic"),
    "alpaca_eval2_weighted": ("alpaca_eval",),
    "lcb_repair_17": ("repair",),
    "language_soft": ("clock",),
    "agent_terminal_bench_112": ("terminal",),
}


def write_set(data: Path, name: str, benchmarks: tuple[str, ...], missing: float = 0.0) -> None:
    """A small set with the columns that the scripts ask for; half a run's stages per model."""
    responses, _ = simulate(60, 40, 2, seed=len(name), missing=missing)
    order = np.argsort(responses.items.ids)
    stages = ("1", "10", "25", "50", "best")
    models = [f"run{k // 5}_{stages[k % 5]}" for k in range(60)]
    items = [f"{benchmarks[k % len(benchmarks)]}.{k}" for k in range(40)]
    matrix = ResponseMatrix.from_arrays(responses.scores[:, order], models, items)
    (data / name).mkdir()
    write_results(matrix, data / name / "responses.parquet")
    rows = ["item,benchmark", *(f"{item},{item.partition('.')[0]}" for item in items)]
    (data / name / "items.csv").write_text("\n".join(rows) + "\n")
    full = 0.2 + 0.6 * np.nanmean(responses.scores, axis=1)
    head = ["model", "base_model", "org", "family", "arch", "release_date", "list_order"]
    head += [f"full_score_{name}" for name in ("arc", "truthfulqa", "winogrande", "mmlu")]
    head += ["size_b", *(("run", "step", "group") if name == "language_soft" else ())]
    rows = [",".join(head)]
    for k, model in enumerate(models):
        run = f"run{k // 5}"
        arch = "MistralForCausalLM" if name == "ollb1_mix5_dense" and k < 40 else run
        cells = [model, run, run, run, arch, f"2024-{k % 12 + 1:02d}", str(k)]
        cells += [*[f"{full[k]:.4f}"] * 4, "7.24"]
        rows.append(",".join([*cells, *((run, str(k % 5), "source") if len(head) > 12 else ())]))
    (data / name / "models.csv").write_text("\n".join(rows) + "\n")


def write_attempts(folder: Path) -> None:
    """Five attempts each of two thirds of the agents, under other names."""
    table = pq.read_table(folder / "responses.parquet").to_pylist()
    rng = np.random.default_rng(0)
    rows = []
    for k, row in enumerate(table[:40]):
        for item in [one for one in row if one != "model"]:
            wins = int(rng.integers(3, 6) if row[item] else rng.integers(0, 3))
            rows.append({"model": f"agent {k}", "item": item, "successes": wins, "trials": 5})
    pq.write_table(pa.Table.from_pylist(rows), folder / "trials.parquet")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of small sets."""
    folder = tmp_path_factory.mktemp("data")
    for name, benchmarks in FOLDERS.items():
        write_set(folder, name, benchmarks)
    write_attempts(folder / "agent_terminal_bench_112")
    write_set(folder, "ollb1_mix5_sparse", ("mmlu", "hellaswag"), missing=0.3)
    write_set(folder, "atlas_adaptive_truthfulqa", ("truthfulqa",), missing=0.8)
    return folder


def shrunk(plan, folders=FOLDERS, items=(6,)):
    """The plan on the sets that are there: a split of each kind once, few items, few methods."""
    cases = {}
    for case in plan.cases:
        name = case.which.folder or case.which.name
        kind = case.split.partition(":")[0]
        if name in folders and (kind, case.which.pattern) not in cases:
            split = f"{kind}:20" if kind in ("few", "spread") else case.split
            few = replace(case, split=split, repeats=1, items=())
            cases[kind, case.which.pattern] = few
    kept = ("default", "random+mean", "random+ridge", "metabench", "floor", "random+normal")
    kept += ("history_mean", "optimal_design+mean", "two_stages")
    named = tuple(m for m in plan.methods if m in kept or m in plan.variants)
    return replace(plan, cases=tuple(cases.values())[:3], methods=named, items=items)


def run(monkeypatch, plan, report, data, out, *options, cells=None):
    arguments = ["script", "--data", data, "--out", out, "--results", cells or out / "cells"]
    monkeypatch.setattr(sys, "argv", [*map(str, arguments), *options])
    script.main(plan, report, "About.")


def rows_of(out, name):
    with (out / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def small():
    """A plan of two cases and two quick methods."""
    which = sets.ResultSet("ollb1_arc", "ARC")
    cases = (measure.Case(which, "random", 2), measure.Case(which, "top"))
    return measure.Plan("small", cases, ("random+normal", "information+mean"), items=(6, 30))


def page(table):
    return markdown.standard("Small", "A page.", table)


# --- every script -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """What the scripts share: none measures what another one has."""
    return tmp_path_factory.mktemp("cells")


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_measures_and_writes_its_table(name, data, cells, tmp_path, monkeypatch, capsys):
    module = import_module(f"paper_repro.{name}")
    assert module.PLAN.name == name
    plan = shrunk(module.PLAN)
    run(monkeypatch, plan, module.report, data, tmp_path, cells=cells)
    assert "left out" not in capsys.readouterr().out
    rows = rows_of(tmp_path, name)
    assert {(row["set"], row["split"]) for row in rows} == {
        (case.which.name, case.split) for case in plan.cases
    }
    assert {row["method"] for row in rows} == set(plan.methods)
    assert all(0 <= float(row["mae"]) < 0.5 for row in rows)
    for row in rows:
        if row["method"] in (*plan.calibrated, "random+normal"):
            assert row["coverage"] != "nan"
        elif row["method"] != "default":  # whose intervals another script may have measured
            assert row["coverage"] == "nan"
    text = (tmp_path / f"{name}.md").read_text()
    assert f"python -m paper_repro.{name} --data DIR" in text
    for line in text.splitlines():
        if line.startswith("| ---") or "|---" in line:
            width = line.count("|")
    assert width > 3


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_methods_of_a_script_exist(name):
    plan = import_module(f"paper_repro.{name}").PLAN
    for method in plan.methods:
        assert plan.method(method).name == method
    assert len({(case.which.name, case.split) for case in plan.cases}) == len(plan.cases)


ONE = {"ollb1_arc": None}
SHAPE = {"m": 40, "q": 20}
SMALLER = {
    "attempts": {"ITEMS": (6,), "REPEATS": 1, "DRAWS": 2},
    "budgets": {"SETS": {"ollb1_arc": "ARC"}, "ITEMS": 8},
    "build_time": {},
    "differences": {"SETS": ONE, "SPLITS": {"random": 1, "top": 1, "bottom": 1}, "ITEMS": (6,)},
    "several_benchmarks": {"SETS": {"nlu29_90": ("NLU", 4, 1)}},
    "trials": {"ITEMS": (6,), "SPLITS": {"random": 1}, "DRAWS": 1, "SEEDS": 1, "SHAPE": SHAPE},
    "stages_stopping": {
        "NAMES": ("ollb1_arc",),
        "SPLITS": ("random",),
        "ITEMS": 8,
        "WIDTHS": (0.3,),
    },
    "trust": {"SETS": ONE, "SPLITS": {"random": 1, "top": 1}, "ITEMS": (6,)},
}
"""Scripts that do not share the engine -> what is smaller here."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # no pair is doubtful among so few
@pytest.mark.parametrize("name", SMALLER)
def test_a_script_of_its_own_measures_and_writes_its_table(name, data, tmp_path, monkeypatch):
    module = import_module(f"paper_repro.{name}")
    for constant, value in SMALLER[name].items():
        monkeypatch.setattr(module, constant, value)
    only = ["--sets", "ollb1_arc"] if name == "build_time" else []
    arguments = ["script", "--data", str(data), "--out", str(tmp_path), *only]
    monkeypatch.setattr(sys, "argv", arguments)
    module.main()
    text = (tmp_path / f"{name}.md").read_text()
    assert f"`python -m paper_repro.{name} --data DIR`" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert tables
    for lines in tables:
        assert len(lines) > 2
        assert len({line.count("|") for line in lines}) == 1
    assert "nan" not in text or name == "differences"


@pytest.mark.slow
def test_a_script_runs_from_the_command_line_in_several_processes(data, tmp_path):
    command = [sys.executable, "-m", "paper_repro.coverage", "--out", tmp_path, "--jobs", "2"]
    command += ["--results", tmp_path / "cells", "--sets", "ollb2_ifeval_musr", "--items", "30"]
    command += ["--methods", "random+normal"]
    env = {**os.environ, "TINYEVAL_TEST_DATA": str(data)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "8 cells of 8 splits to measure" in done.stdout
    rows = rows_of(tmp_path, "coverage")
    assert {row["method"] for row in rows} == {"random+normal"}
    repeats = {row["split"]: row["repeats"] for row in rows}
    splits = ("top", "bottom", "few:30", "group:org", "group:family")
    assert repeats == {"random": "3", **dict.fromkeys(splits, "1")}


def test_a_script_asks_where_the_sets_lie(monkeypatch, capsys):
    monkeypatch.delenv("TINYEVAL_TEST_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["script"])
    with pytest.raises(SystemExit, match="2"):
        script.main(measure.Plan("small", (), ()), page, "About.")
    assert "required: --data" in capsys.readouterr().err


def test_the_scripts_are_packages_that_stay_out_of_the_wheel():
    for name in ("paper_repro", "item_banks"):
        for path in (ROOT / name).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file()
            assert "sys.path" not in path.read_text(encoding="utf-8"), path
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    wheel = hatch["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["tinyeval"]
    for source, target in wheel["force-include"].items():
        assert target.startswith("tinyeval/data/")
        assert (ROOT / source).exists()
        assert source.endswith(".py") is False
        assert not list((ROOT / source).rglob("*.py"))


# --- the store ----------------------------------------------------------------------------------


def counted(monkeypatch, stop_after=None):
    """Count the trials; end the run after so many."""
    calls = []
    real = methods.Method.trial

    def trial(self, split, items, calibrated):
        if stop_after is not None and len(calls) == stop_after:
            raise KeyboardInterrupt
        calls.append((self.name, items))
        return real(self, split, items, calibrated)

    monkeypatch.setattr(methods.Method, "trial", trial)
    return calls


def figures_of(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def measured(data, small, tmp_path_factory):
    """The folder of the small plan's table and cells, measured in one go."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        run(patch, small, page, data, folder)
    return folder


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_where_it_was(data, tmp_path, monkeypatch, small, measured):
    with monkeypatch.context() as patch:
        calls = counted(patch, stop_after=5)
        with pytest.raises(KeyboardInterrupt):
            run(patch, small, page, data, tmp_path)
    assert len(calls) == 5
    with monkeypatch.context() as patch:
        calls = counted(patch)
        run(patch, small, page, data, tmp_path)
    assert len(calls) == 12 - 5
    assert figures_of(rows_of(tmp_path, "small")) == figures_of(rows_of(measured, "small"))
    with monkeypatch.context() as patch:
        calls = counted(patch)
        run(patch, small, page, data, tmp_path)
        assert calls == []


def test_a_set_keeps_the_models_that_are_asked_for(data):
    only = (("arch", "MistralForCausalLM"), ("size_b", "7.24"))
    found = sets.ResultSet("family", "", folder="ollb1_mix5_dense", only=only).read(data)
    assert found.n_models == 40
    assert "only" in sets.ResultSet("family", "", only=only).describe()


def test_made_variants_differ_by_chance_or_by_more(tmp_path):
    def alpha(spread):
        scores = sets.ResultSet("v", "", spread=spread).read(tmp_path).scores
        return 1 - scores.var(0).sum() / scores.sum(1).var()

    assert abs(alpha(0.0)) < 0.5
    assert alpha(1.0) > 0.9
    one, same, other = (sets.make_variants(0.0, draw) for draw in (1, 1, 2))
    assert (one.scores == same.scores).all()
    assert (one.scores != other.scores).any()
    described = [sets.ResultSet("v", "", spread=spread).describe() for spread in (0.0, 0.1)]
    assert described[0] != described[1]


def test_the_mean_of_the_history_ignores_the_answers(data):
    split = sets.make_split(sets.ResultSet("ollb1_arc", "ARC"), "random", 0, data)
    found = methods.get_method("history_mean").trial(split, 5, False)
    assert np.ptp(found.scores) == 0
    np.testing.assert_allclose(found.scores[0, 0], np.nanmean(split.source.scores), atol=1e-3)


def test_figures_of_a_former_commit_are_of_its_default(tmp_path):
    path = tmp_path / "before.csv"
    assert markdown.former(path) == {}
    path.write_text(
        "set,split,items,method,mae,coverage\na,top,10,default,0.05,nan\na,top,10,ridge,0.1,\n"
    )
    found = markdown.former(path)
    assert found.keys() == {("a", "top", 10)}
    assert found["a", "top", 10]["mae"] == 0.05


def test_a_damaged_result_is_measured_again(data, tmp_path, monkeypatch, small, measured):
    shutil.copytree(measured, tmp_path, dirs_exist_ok=True)
    files = sorted((tmp_path / "cells").rglob("*.npz"))
    files[0].write_bytes(files[0].read_bytes()[:-100])
    files[1].write_bytes(b"")
    calls = counted(monkeypatch)
    run(monkeypatch, small, page, data, tmp_path)
    assert len(calls) == 2
    assert figures_of(rows_of(tmp_path, "small")) == figures_of(rows_of(measured, "small"))


def test_only_what_is_asked_for_is_measured(data, tmp_path, monkeypatch, small):
    calls = counted(monkeypatch)
    run(monkeypatch, small, page, data, tmp_path, "--methods", "information+mean", "--items", "6")
    assert calls == [("information+mean", 6)] * 3
    assert {row["items"] for row in rows_of(tmp_path, "small")} == {"6"}
    run(monkeypatch, small, page, data, tmp_path, "--only-report")
    run(monkeypatch, small, page, data, tmp_path, "--sets", "elsewhere")
    assert len(calls) == 3


@pytest.mark.slow
def test_intervals_are_added_where_a_plan_wants_them(data, tmp_path, monkeypatch):
    which = sets.ResultSet("ollb1_arc", "ARC")
    plan = measure.Plan("small", (measure.Case(which, "random"),), ("default",), items=(6,))
    run(monkeypatch, plan, page, data, tmp_path)
    (before,) = rows_of(tmp_path, "small")
    run(monkeypatch, replace(plan, calibrated=("default",)), page, data, tmp_path)
    (after,) = rows_of(tmp_path, "small")
    assert before["coverage"] == "nan"
    assert 0.5 < float(after["coverage"]) <= 1
    assert before["mae"] == after["mae"]
    calls = counted(monkeypatch)
    run(monkeypatch, plan, page, data, tmp_path)
    assert calls == []


def test_a_result_is_keyed_by_everything_it_depends_on():
    which = sets.ResultSet("ollb1_arc", "ARC")
    base = methods.get_method("metabench")
    other = base.settings.replace(irt={"dimensions": [3]})
    digests = {
        base.digest(which),
        replace(base, settings=other).digest(which),
        replace(base, name="other").digest(which),
        base.digest(replace(which, largest=50)),
        base.digest(replace(which, target="full_score_arc")),
    }
    assert len(digests) == 5
    assert base.digest(replace(which, title="another")) == base.digest(which)


def test_only_our_own_methods_are_keyed_by_the_package_defaults():
    ours = ("default", "optimal_design+ridge", "random+kriging")
    others = ("random+ridge", "anchor_points_irt+p_irt", "sparseeval", "floor", "random+normal")
    assert all(methods.get_method(name).ours for name in ours)
    assert not any(methods.get_method(name).ours for name in others)


# --- methods ------------------------------------------------------------------------------------


def test_unknown_methods_are_refused():
    with pytest.raises(ConfigError, match=r"unknown method 'random\+magic'"):
        methods.get_method("random+magic")
    with pytest.raises(ConfigError, match="unknown method 'nothing'"):
        methods.get_method("nothing")


def test_every_published_method_is_its_recipe():
    assert methods.get_method("sparseeval").settings.selection.method == "sparse_eval"
    difference = methods.get_method("mrmr_mid+kernel_ridge").settings.selection
    assert (difference.method, difference.options) == ("mrmr", {"scheme": "difference"})
    assert methods.get_method("mrmr+ridge").settings.selection.options == {}
    assert methods.get_method("anchor_points_irt+gp_irt").published_rule
    assert not methods.get_method("anchor_points_irt+kriging").published_rule
    assert methods.get_method("random+ridge").settings.irt.dimensions == [2]


@pytest.fixture(scope="module")
def split(data):
    return sets.make_split(sets.ResultSet("ollb1_arc", "ARC"), "random", 1, data)


def test_the_floor_is_nothing_when_every_item_is_asked(split):
    found = methods.get_method("floor").trial(split, split.source.n_items, False)
    assert found.scores == pytest.approx(np.tile(split.truth, (DRAWS, 1)), abs=1e-6)


def test_the_floor_is_below_what_random_items_leave(split):
    floor = methods.get_method("floor").trial(split, 10, False)
    random = methods.get_method("random+mean").trial(split, 10, False)
    error = [np.abs(one.scores - split.truth).mean() for one in (floor, random)]
    assert 0 < error[0] < 0.7 * error[1]


def test_the_normal_interval_is_that_of_a_finite_population(split):
    found = methods.get_method("random+normal").trial(split, 12, False)
    mean = methods.get_method("random+mean").trial(split, 12, False)
    assert found.scores == pytest.approx(mean.scores, abs=1e-6)
    asked = sets.drawn_items(split.test.items.ids, 12, split.seed + 3)
    answers = split.test.scores[:, asked].astype(float)
    half = 1.6449 * answers.std(axis=1, ddof=1) * np.sqrt(1 / 12 - 1 / split.test.n_items)
    lower, upper = found.bounds[:, 3]
    assert lower == pytest.approx(np.clip(answers.mean(1) - half, 0, 1))
    assert upper == pytest.approx(np.clip(answers.mean(1) + half, 0, 1))


def test_every_repeat_draws_anew(data):
    which = sets.ResultSet("ollb1_arc", "ARC")
    one, two = (sets.make_split(which, "random", k, data) for k in (0, 1))
    first = sets.drawn_items(one.test.items.ids, 10, one.seed)
    assert two.seed == one.seed + DRAWS
    assert list(first) != list(sets.drawn_items(one.test.items.ids, 10, two.seed))


# --- sets and splits ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nested:random", "nested:top", "nested:bottom", "far:top"])
def test_a_nested_split_sees_no_test_model(data, name, monkeypatch):
    monkeypatch.setattr(sets, "LEAST", 1)
    kind = name.partition(":")[2]
    which = sets.ResultSet("ollb1_arc", "ARC")
    seen = set()
    for repeat in range(2):
        outer = sets.make_split(which, kind, repeat if kind == "random" else 0, data)
        inner = sets.make_split(which, name, repeat, data)
        source, test = set(inner.source.models.ids), set(inner.test.models.ids)
        assert source | test <= set(outer.source.models.ids)
        assert not source & test
        seen.add(inner.source.models.ids)
    assert len(seen) == 2
    if kind != "random":
        highest, lowest = inner.source.scores.mean(1).max(), inner.source.scores.mean(1).min()
        assert (inner.truth.min() > highest) if kind == "top" else (inner.truth.max() < lowest)


def test_the_truth_is_the_mean_over_all_items_or_the_column(data, split):
    assert split.truth == pytest.approx(split.test.scores.mean(axis=1), abs=1e-6)
    full = sets.make_split(catalogue.FULL_SCORES["arc"], "random", 1, data)
    assert full.truth == pytest.approx(full.test.models.column("full_score_arc"))
    assert not set(full.source.models.ids) & set(full.test.models.ids)


def test_models_that_answered_too_little_are_not_tested(data):
    with pytest.raises(DataError, match="scores of 0 test models are known, not of 4"):
        sets.make_split(sets.ResultSet("ollb1_mix5_sparse", ""), "random", 0, data)


def test_a_large_set_is_drawn_from(data):
    few = sets.ResultSet("ollb1_arc", "", largest=30).read(data)
    every = sets.ResultSet("ollb1_arc", "").read(data)
    assert few.n_models == 30 < every.n_models
    assert set(few.models.ids) < set(every.models.ids)


def test_one_benchmark_of_several_is_kept(data):
    one = sets.ResultSet("musr", "", folder="ollb2_ifeval_musr", benchmark="musr").read(data)
    assert set(one.items.column("benchmark")) == {"musr"}
    assert one.n_items == 20


def test_answers_are_hidden_in_the_pattern_of_other_models():
    whole = simulate(30, 20, seed=1)[0]
    other = simulate(25, 30, seed=2, missing=0.6)[0]
    found = hidden.hide_answers(whole, other, "", np.random.default_rng(0))
    patterns = {tuple(row) for row in ~np.isnan(other.align(whole.items.ids))}
    for name, row in zip(found.models.ids, found.scores, strict=True):
        assert tuple(~np.isnan(row)) in patterns
        original = whole.select(models=[name]).scores[0]
        assert (row[~np.isnan(row)] == original[~np.isnan(row)]).all()


def test_hidden_answers_follow_the_donors_alike_in_a_column():
    whole = simulate(30, 20, seed=1, column=True)[0]
    other = simulate(25, 20, seed=2, missing=0.6, column=True)[0]
    found = hidden.hide_answers(whole, other, "full", np.random.default_rng(0))
    donors = other.align(whole.items.ids)
    scores = other.models.column("full")
    for k, name in enumerate(found.models.ids):
        own = whole.models.column("full")[whole.models.ids.index(name)]
        nearest = np.argsort(np.abs(scores - own), kind="stable")[: hidden.NEAREST]
        seen = ~np.isnan(found.scores[k])
        assert any((seen == ~np.isnan(donors[d])).all() for d in nearest)


# --- changes ------------------------------------------------------------------------------------


def test_changes_compare_columns_over_the_sets_that_both_have():
    one, two, gone = (tables.Unit(name, "top", 30) for name in ("a", "b", "c"))
    then = {"t": {one: 0.02, two: 0.04, gone: 0.5}}
    (found,) = changes.changes(then, {"t": {one: 0.03, two: 0.06}})
    assert found.sets == 2
    assert (found.before, found.now, found.ratio) == pytest.approx((0.03, 0.045, 1.5))
    assert "| **1.50** |" in changes.report([found])
    assert "1 are worse" in changes.report([found])


def test_every_table_of_before_is_there_now():
    then = changes.before()
    found = changes.changes(then, changes.now(then))
    assert sum(one.sets for one in found) == sum(len(units) for units in then.values())


def test_what_was_said_below_the_changes_is_kept(tmp_path, monkeypatch):
    out = tmp_path / "changes.md"
    out.write_text("a page of before\n\n---\n\nWhy.\n")
    monkeypatch.setattr(sys, "argv", ["changes", "--out", str(out)])
    changes.main()
    text = out.read_text()
    assert text.startswith("# The default")
    assert text.endswith("\n---\n\nWhy.\n")
    assert "a page of before" not in text


# --- tables -------------------------------------------------------------------------------------


def result(truth, scores, models=None, seconds=1.0):
    trial = Trial(np.asarray(truth, float), np.asarray(scores, float), None, seconds)
    names = models or tuple(f"m{k}" for k in range(len(truth)))
    return stores.Result(names, trial, figures(trial))


@pytest.fixture
def table(small):
    """Two sets, the default half as wrong as the rival; a third method on one set only."""
    rng = np.random.default_rng(3)
    which = [sets.ResultSet(name, name) for name in ("a", "b")]
    plan = replace(
        small,
        cases=tuple(measure.Case(one, "random", 2) for one in which),
        methods=("default", "random+mean", "random+ridge", "floor"),
        items=(6,),
    )
    found = tables.Table(plan)
    for name in ("a", "b"):
        unit = tables.Unit(name, "random", 6)
        found.results[unit] = {}
        truths = [rng.random(30), rng.random(30)]
        errors = [rng.normal(0, 0.1, (2, 30)), rng.normal(0, 0.1, (2, 30))]
        for method, scale in (("default", 0.5), ("random+mean", 1.0), ("floor", 0.1)):
            found.results[unit][method] = [
                result(t, t + scale * e) for t, e in zip(truths, errors, strict=True)
            ]
    one = found.results[tables.Unit("a", "random", 6)]
    one["random+ridge"] = one["floor"]
    return found


def test_means_are_over_the_sets_that_every_method_has(table):
    (column,) = table.columns
    assert [unit.set for unit in table.complete(column)] == ["a"]
    del table.results[tables.Unit("a", "random", 6)]["random+ridge"]
    assert [unit.set for unit in table.complete(column)] == ["a", "b"]
    values = [
        np.mean([np.abs(r.trial.scores - r.trial.truth).mean() for r in table.results[u]["floor"]])
        for u in table.units
    ]
    assert table.mean(column, "floor") == pytest.approx(np.mean(values))


def test_the_ratio_of_half_the_error_is_one_half(table):
    found = table.ratio(table.units, "default", "random+mean")
    assert found.value == pytest.approx(0.5)
    assert (found.lower, found.upper) == pytest.approx((0.5, 0.5))


def test_the_ratio_has_the_interval_of_a_plain_bootstrap(table):
    rng = np.random.default_rng(5)
    unit = tables.Unit("b", "random", 6)
    truth = rng.random(60)
    ours, theirs = rng.normal(0, 0.1, 60), rng.normal(0, 0.12, 60)
    table.results[unit] = {
        "default": [result(truth, [truth + ours])],
        "random+mean": [result(truth, [truth + theirs])],
    }
    found = table.ratio([unit], "default", "random+mean")
    draws = rng.integers(60, size=(20_000, 60))
    plain = np.abs(ours)[draws].sum(1) / np.abs(theirs)[draws].sum(1)
    expected = np.quantile(plain, [0.05, 0.95])
    assert found.value == pytest.approx(np.abs(ours).sum() / np.abs(theirs).sum())
    assert (found.lower, found.upper) == pytest.approx(expected, abs=0.02)
    assert found == table.ratio([unit], "default", "random+mean")


def test_published_methods_can_be_kept_from_the_table_of_before(table):
    text = table.to_csv()
    unit = tables.Unit("a", "random", 6)
    mae = table.figure(unit, "random+mean", "mae")
    del table.results[unit]["random+mean"], table.results[unit]["default"]
    found = table.with_kept(text)
    assert "default" not in found.results[unit]  # our own code may have changed
    assert found.figure(unit, "random+mean", "mae") == pytest.approx(mae, rel=1e-5)
    assert found.complete(table.units[0].column) == []  # the default lacks a unit
    ratio = found.ratio([unit], "floor", "random+mean")
    assert np.isfinite(ratio.value)
    assert np.isnan(ratio.lower)
    assert "(" not in str(ratio)
    assert "random+mean" in found.note()
    assert "Kept" not in table.note()


def test_every_repeat_weighs_the_same_and_a_model_tested_twice_is_one(table):
    unit = tables.Unit("b", "random", 6)
    table.results[unit] = {
        method: [
            result([0.5, 0.5, 0.5], [[0.5 + e, 0.5, 0.5]], ("x", "y", "z")),
            result([0.5, 0.5], [[0.5, 0.5 + e]], ("y", "x")),
        ]
        for method, e in (("default", 0.12), ("random+mean", 0.24))
    }
    weight, errors = table.by_model(unit, ("default", "random+mean"))
    assert weight == pytest.approx([1 / 6 + 1 / 4, 1 / 6 + 1 / 4, 1 / 6])
    assert errors == pytest.approx(np.array([[0.05, 0, 0], [0.10, 0, 0]]))
    for row, method in zip(errors, ("default", "random+mean"), strict=True):
        assert row.sum() == pytest.approx(table.figure(unit, method, "mae"))


def test_a_set_with_repeats_still_to_come_is_not_counted(table):
    del table.results[tables.Unit("a", "random", 6)]["random+ridge"]
    table.results[tables.Unit("b", "random", 6)]["floor"].pop()
    assert [unit.set for unit in table.complete(table.columns[0])] == ["a"]


def test_the_best_rival_is_neither_the_default_nor_a_yardstick(table):
    (column,) = table.columns
    assert table.rivals(column) == ["random+ridge", "random+mean"]
    text = markdown.against_rivals(table)
    assert "| random, 6 | random+ridge |" in text
    best = [line for line in markdown.means(table).splitlines() if "**" in line]
    assert [line.split(" | ")[0] for line in best] == ["| random+ridge"]


def test_the_finding_names_the_rival_that_errs_less(table):
    assert "lowest error in 0; in the others: random+ridge (random, 6)." in markdown.finding(table)
    del table.results[tables.Unit("a", "random", 6)]["random+ridge"]
    assert markdown.finding(table) == "Of 1 columns the default has the lowest error in 1."


def test_splits_by_group_or_date_count_together():
    column = tables.Unit("a", "group:org", 30).column
    assert column == tables.Unit("b", "group:family", 30).column == ("group", 30)
    assert tables.Unit("a", "few:15", 30).column == ("few:15", 30)


def test_the_csv_has_every_figure_in_score_units(table):
    rows = list(csv.DictReader(table.to_csv().splitlines()))
    assert len(rows) == 7
    assert {"mae", "rmse", "bias", "worst", "kendall", "spearman", "pairs"} < rows[0].keys()
    row = next(r for r in rows if (r["set"], r["method"]) == ("b", "default"))
    unit = tables.Unit("b", "random", 6)
    assert float(row["mae"]) == pytest.approx(table.figure(unit, "default", "mae"), rel=1e-5)
    assert row["repeats"] == "2"
