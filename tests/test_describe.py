"""What is told of results that were read: facts, findings, and the commands that print them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import simulate
from test_audit import matrix, two_benchmarks, variants, zeroed

from tinyeval.building import build
from tinyeval.cli import main
from tinyeval.errors import ThinHistoryWarning
from tinyeval.importers import describe, import_results, write_results

NAN = float("nan")


def run(*args):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code in (0, 1, 2), result.output
    return result


def test_facts_of_a_small_matrix_are_right():
    scores = [[1, 1, 0, NAN], [1, 0, 0, NAN], [1, 0, 0, 0.5]]
    found = describe(matrix(scores, ["a", "a", "b", "b"]))
    assert (found.models, found.items, found.marks) == (3, 4, "graded")
    assert found.missing == pytest.approx(2 / 12)
    one, other = found.benchmarks
    assert one == ("a", 2, 3, pytest.approx(4 / 6), 0.0)
    assert other == ("b", 2, 3, pytest.approx(0.5 / 4), pytest.approx(2 / 6))
    assert found.overall == "mean over all items, of all benchmarks together"
    assert (found.audit.constant.right, found.audit.constant.wrong) == (1, 1)
    assert found.audit.constant.right_ids == ("q0",)
    assert found.audit.constant.wrong_ids == ("q2",)
    assert found.lines() == [
        "found: 3 models x 4 items of 2 benchmarks, scores graded; overall: mean over all items, "
        "of all benchmarks together",
        "missing: 16.7 %, scattered: models answered 3 to 4 (median 3) items; items 1 right and 1 "
        "wrong for every model",
    ]


def test_facts_do_not_depend_on_the_order_of_items():
    responses, _ = simulate(20, 41, seed=1, benchmarks=3, missing=0.2)
    shuffled = responses.take(None, np.random.default_rng(0).permutation(41))
    one, other = describe(responses), describe(shuffled)
    assert one.lines()[:2] == other.lines()[:2]
    for mine, theirs in zip(one.benchmarks, other.benchmarks, strict=True):
        assert mine.name == theirs.name
        assert mine[1:] == pytest.approx(theirs[1:], rel=1e-6)


@pytest.mark.parametrize(
    ("hide", "pattern"),
    [
        (np.s_[:0, :], "complete"),
        (np.s_[:7, 30:], "whole benchmarks of 7 models"),
        (np.s_[::2, ::2], "scattered: models answered 30 to 60 (median 45) items"),
        (np.s_[:, :3], "scattered: models answered 57 items, 3 items by none"),
    ],
)
def test_what_is_missing_is_named_by_its_pattern(hide, pattern):
    scores = simulate(40, 60, seed=1)[0].scores.copy()
    scores[hide] = NAN
    found = describe(matrix(scores, ["a"] * 30 + ["b"] * 30))
    assert found.pattern == pattern


def test_weights_of_items_are_told():
    responses, _ = simulate(20, 30, seed=1)
    items = responses.items.with_columns(weight=np.arange(1.0, 31))
    assert (
        describe(replace(responses, items=items)).overall == "mean over all items, by their weight"
    )


def test_trials_and_marks_are_told():
    trials = np.full((2, 3), 4, dtype=np.uint16)
    trials[0] = [5, 0, 2]
    scores = np.array([[0.4, NAN, 0.5], [0.25, 1, 0]])
    found = describe(matrix(scores, trials=trials))
    assert found.trials == (2, 4, 5)
    assert found.marks == "k right of n"
    assert "3 items, 2 to 5 (median 4) trials a score, scores k right of n" in found.lines()[0]
    scores[1, 0] = 0.3
    assert describe(matrix(scores, trials=trials)).marks == "means of graded marks"


def test_doubts_of_the_audit_are_told_with_what_to_do():
    copies = describe(variants(12, 8, 0.03))
    assert "doubt: 96 rows are about 12 models" in copies.lines()[-1]
    assert "--groups" in copies.lines()[-1]
    few = variants(60, 1, 0.0)
    more = matrix(np.vstack([few.scores, few.scores[:2]]))
    assert "doubt: 2 models equal another in every answer" in describe(more).lines()[-1]


def test_a_description_is_json_and_text(tmp_path):
    spoilt = zeroed(two_benchmarks(), range(24), range(100))
    write_results(spoilt, tmp_path / "r.parquet")
    found = describe(import_results(tmp_path / "r.parquet"))
    values = json.loads(json.dumps(found.to_dict()))
    assert (values["format"], values["why"], values["files"]) == ("table", "a .parquet file", 1)
    assert values["findings"][0]["count"] == 24
    assert [one["name"] for one in values["benchmarks"]] == ["code", "math"]
    text = str(found).splitlines()
    assert text[0] == "read: table (a .parquet file), 1 file"
    assert text[1].startswith("found: 80 models x 160 items of 2 benchmarks, scores 0 or 1; ")
    assert text[2] == "missing: nothing"
    assert text[3].startswith("doubt: 24 models have 0 on every item of a benchmark")
    assert [line.split(":")[0] for line in text[4:]] == ["benchmarks", "  code", "  math"]


# --- the commands -------------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "r.csv"
    write_results(zeroed(two_benchmarks(), range(24), range(100)), path)
    return path


def test_import_tells_in_few_lines_and_writes(results, tmp_path):
    found = run("import", results, "--out", tmp_path / "out.parquet")
    lines = found.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["read", "found", "missing", "doubt"]
    assert found.stdout.endswith("80 models, 160 items, 0.0 % missing\n")


def test_import_takes_zeros_as_missing_where_asked(results, tmp_path):
    found = run("import", results, "--out", tmp_path / "out.parquet", "--zeros", "missing")
    assert found.stdout.endswith("80 models, 160 items, 18.8 % missing\n")
    assert "missing: 18.8 %, whole benchmarks of 24 models" in found.stderr


def test_import_describes_without_writing(results, tmp_path):
    before = sorted(tmp_path.iterdir())
    found = run("import", results, "--describe")
    assert found.stderr == ""
    assert found.stdout.splitlines()[0] == "read: table (a .csv file), 1 file"
    values = json.loads(run("import", results, "--describe", "--json").stdout)
    assert (values["models"], values["items"]) == (80, 160)
    assert sorted(tmp_path.iterdir()) == before


def test_import_describes_and_writes(results, tmp_path):
    out = tmp_path / "out.npz"
    values = json.loads(run("import", results, "--describe", "--json", "--out", out).stdout)
    assert values["path"] == str(out)
    assert out.exists()


def test_import_needs_something_to_do(results):
    found = run("import", results)
    assert found.exit_code == 2
    assert "give --out FILE to write a table, or --describe" in found.stderr


def test_names_from_files_cannot_move_the_cursor(tmp_path):
    responses = zeroed(two_benchmarks(), range(24), range(100))
    models = responses.models
    evil = replace(models, ids=("\x1b[2J", *models.ids[1:]))
    write_results(replace(responses, models=evil), tmp_path / "r.csv")
    found = run("import", tmp_path / "r.csv", "--describe")
    assert "\x1b" not in found.output
    assert "\\x1b[2J" in found.output


def test_build_tells_what_it_read_and_warns_before_it_fits(tmp_path):
    write_results(simulate(12, 40, seed=1)[0], tmp_path / "r.csv")
    (tmp_path / "quick.yaml").write_text("irt: {dimensions: [1]}\ninterval: {folds: 2}\n")
    found = run(
        *("build", tmp_path / "r.csv", "--items", 5, "--out", tmp_path / "bank"),
        *("--config", tmp_path / "quick.yaml", "--device", "cpu"),
    )
    assert found.exit_code == 0, found.output
    kinds = [line.split(":")[0] for line in found.stderr.splitlines()]
    assert kinds[:4] == ["read", "found", "missing", "warning"]
    assert "warning: the history has 12 models only" in found.stderr
    assert kinds[4].startswith("fitting")  # nothing was fitted before


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_build_warns_in_python_once_for_each_reason(fast):
    with pytest.warns(ThinHistoryWarning) as warned:
        build(simulate(12, 40, seed=1)[0], settings=fast)
    assert len(warned) == 1
    build(simulate(24, 40, seed=1)[0], settings=fast)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "overall"),
    [
        ("target: {benchmark_weights: equal}", "mean over benchmarks"),
        ("target: {column: full}", "the models' column 'full'"),
        (
            "target: {columns: {bench0: full}}",
            "mean over all items, of 'bench0' a column of the models table",
        ),
    ],
)
def test_build_tells_the_overall_score_of_its_recipe(tmp_path, recipe, overall):
    write_results(simulate(24, 40, seed=1, benchmarks=2, column=True)[0], tmp_path / "r.csv")
    text = f"irt: {{dimensions: [1]}}\ninterval: {{folds: 2}}\n{recipe}\n"
    (tmp_path / "quick.yaml").write_text(text)
    found = run(
        *("build", tmp_path / "r.csv", "--items", 8, "--out", tmp_path / "bank"),
        *("--config", tmp_path / "quick.yaml", "--device", "cpu"),
    )
    assert found.exit_code == 0, found.output
    assert f"overall: {overall}\n" in found.stderr
