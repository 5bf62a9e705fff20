"""The options of reading on the command line, and what the commands tell of what they read."""

import json

import click
import pytest
from click.testing import CliRunner
from test_import_lm_eval import DATE, LATER, rows, samples
from test_import_runs import put

from tinyeval.cli import main
from tinyeval.cli.reading import Reading
from tinyeval.importers import Columns, read_results


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def imported(tmp_path, *arguments):
    """What ``import`` makes of the dump: the matrix, and what it told after describing it."""
    out = tmp_path / "out.parquet"
    found = run("import", tmp_path / "dump", "--out", out, "--overwrite", *arguments)
    assert found.exit_code == 0, found.output
    described, told = found.stderr.splitlines()[:3], found.stderr.splitlines()[3:]
    assert [line.split(":")[0] for line in described] == ["read", "found", "missing"]
    return read_results(out, parts=None), told


def refused(tmp_path, *arguments):
    found = run("import", tmp_path / "dump", "--out", tmp_path / "new.parquet", *arguments)
    assert found.exit_code == 1
    (line,) = found.stderr.splitlines()
    return line


@pytest.fixture
def dump(tmp_path):
    """Two checkpoints of one model, the first run twice, and another model that was cut short."""
    folder = tmp_path / "dump"
    put(folder / "m", [1, 0, 1], config={"model_args": "revision=a"})
    put(folder / "m", [1, 1, 1], date=LATER, config={"model_args": "revision=a"})
    put(folder / "m", [0, 0, 0], date="2026-11-23T00-00-00", config={"model_args": "revision=b"})
    put(folder / "n", [1, 0], "n", size=3)
    return tmp_path


def test_what_was_done_is_told_line_by_line(dump):
    assert "--partial" in refused(dump)
    found, told = imported(dump, "--partial")
    assert found.models.ids == ("org/m [revision=a]", "org/m [revision=b]", "n")
    assert found.trials.tolist() == [[2, 2, 2], [1, 1, 1], [1, 1, 0]]
    assert told == [
        "missing: 2 tasks have soft scores that do not agree with their marks: these were left "
        "out: 'arc'",
        "guessed: 2 models are told apart by their revision: 'org/m [revision=a]', "
        "'org/m [revision=b]'",
        "missing: 1 models have a part of a benchmark only: 'n: arc (2 of 3)'",
        "joined: 2 runs were averaged with others of the same model and settings: "
        "'org/m [revision=a]'",
    ]


def test_json_on_stdout_stays_json(dump):
    arguments = ["import", dump / "dump", "--partial", "--json", "--out", dump / "o.csv"]
    found = run(*arguments)
    assert json.loads(found.stdout)["models"] == 3
    assert "joined: 2 runs" in found.stderr
    assert (dump / "o.trials.parquet").exists()
    assert run(*arguments).exit_code == 1
    (dump / "o.csv").unlink()
    again = run(*arguments)
    assert "o.models.csv: exists already" in again.stderr or "o.items.csv: exists" in again.stderr


def test_what_names_models_is_chosen(dump):
    assert imported(dump, "--partial", "--name-by", "model")[0].models.ids == ("org/m", "n")
    found, _ = imported(dump, "--partial", "--name-by", "revision,date")
    assert found.n_models == 4
    assert f"org/m [revision=a, date={DATE}]" in found.models.ids
    assert "no run says anything of 'agent'" in refused(dump, "--name-by", "agent")


def test_repeats_of_tables(tmp_path):
    for k, score in enumerate((0, 1)):
        (tmp_path / f"{k}.csv").write_text(f"model,q0\na,{score}\n")
    paths = [tmp_path / "0.csv", tmp_path / "1.csv"]
    out = ["--out", tmp_path / "out.csv"]
    assert "--repeats average" in run("import", *paths, *out).stderr
    found = run("import", *paths, *out, "--repeats", "average")
    assert found.exit_code == 0
    assert read_results(tmp_path / "out.csv").trials.tolist() == [[2]]


def test_backtest_has_repeats_of_its_own(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("model,q0\na,1\n")
    assert run("backtest", path, "--repeats", "average").exit_code == 2
    refused_ = run("backtest", path, "--repeats", "2", "--repeated", "average")
    assert refused_.exit_code == 1  # one model is no history


def test_changed_documents_and_direction(tmp_path):
    put(tmp_path / "dump" / "a", [0.25, 1], "a", metric="err")
    lines = rows("arc", [0.5, 1], "err")
    lines[0]["doc_hash"] = "0" * 64
    samples(tmp_path / "dump" / "b", "arc", lines)
    assert "--changed drop" in refused(tmp_path)
    found, told = imported(tmp_path, "--changed", "drop", "--direction", "higher")
    assert found.items.ids == ("arc/1",)
    assert told == [
        "dropped: 1 of 2 items have another document for some models and were left out: 'arc/0'",
        "doubt: 1 models equal another in every answer; a bank learns from one of each: 'b'",
    ]
    _, told = imported(tmp_path, "--changed", "drop")
    assert told[0].startswith("turned: 4 scores of 'err', better where lower, were turned")


def test_scores_of_another_scale(tmp_path):
    put(tmp_path / "dump", [10, 7.5], metric="judge")
    assert "give its --scale" in refused(tmp_path)
    assert imported(tmp_path, "--scale", "0:10")[0].scores.tolist() == [[1, 0.75]]
    assert "outside the scale 0 to 8" in refused(tmp_path, "--scale", "0:8")


@pytest.mark.parametrize("bad", ["10", "1:2:3", "a:b", ""])
def test_a_scale_is_two_numbers(tmp_path, bad):
    found = run("import", "r.csv", "--out", tmp_path / "o.csv", "--scale", bad)
    assert found.exit_code == 2
    assert "is not LOWEST:HIGHEST" in found.stderr


def test_every_option_reaches_the_reader(monkeypatch, tmp_path):
    seen = {}

    def import_results(paths, **asked):
        seen.update(asked)
        raise click.ClickException("enough")

    monkeypatch.setattr("tinyeval.importers.import_results", import_results)
    arguments = {
        "--failures": "wrong",
        "--direction": "lower",
        "--scale": "1:5",
        "--drop": 'average,"a, b"',
        "--keep": "size",
        "--model-column": "M",
        "--item-column": "I",
        "--score-column": "S",
        "--benchmark-column": "B",
        "--trial-column": "T",
    }
    flat = [one for pair in arguments.items() for one in pair]
    path = tmp_path / "r.csv"
    path.write_text("")
    run("import", path, *flat, "--drop", "c", "--transpose", "--out", tmp_path / "o.csv")
    assert seen["columns"] == Columns("M", "I", "S", "B", "T")
    assert seen["drop"] == ("average", "a, b", "c")
    assert (seen["keep"], seen["scale"], seen["transpose"]) == (("size",), (1, 5), True)
    assert (seen["failures"], seen["direction"]) == ("wrong", "lower")
    assert (seen["partial"], seen["changed"], seen["repeats"]) == (False, "refuse", "refuse")


def test_answers_may_be_partial(tmp_path):
    assert Reading(None, None, None, None, None).partial
    for command in ("predict", "compare"):
        options = {one for p in main.commands[command].params for one in p.opts}
        assert not options & {"--partial", "--changed", "--items-table"}
        assert {"--name-by", "--repeats", "--scale", "--model-column"} <= options
