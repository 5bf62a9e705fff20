import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import simulate

from tinyeval import __version__, building, exporters
from tinyeval.bank.item_bank import ItemBank
from tinyeval.cli import main
from tinyeval.cli.output import ProgressBar, printable, table
from tinyeval.cli.predict import prediction_table
from tinyeval.comparison import MARGIN
from tinyeval.errors import DataError
from tinyeval.estimators import ESTIMATORS
from tinyeval.importers import read_results, write_results
from tinyeval.prediction import Interval, Prediction
from tinyeval.report.citations import INTERVALS, WORKS, citations
from tinyeval.report.names import percent
from tinyeval.report.words import of_pair
from tinyeval.selection import SELECTORS
from tinyeval.shipped import dump_path

ROOT = Path(__file__).parents[1]
COMMANDS = [
    *(
        "build",
        "predict",
        "eval",
        "next",
        "compare",
        "show",
        "report",
        "import",
        "export",
        "content",
        "backtest",
        "plan",
        "methods",
        "banks",
        "watch",
    ),
    "demo",
]
HEAVY = {"torch", "pyro", "sklearn", "scipy", "pandas", "datasets", "pydantic", "yaml"}


def run(*args, **options):
    """The result of a command; anything but a clean exit is raised."""
    result = CliRunner().invoke(main, [str(arg) for arg in args], **options)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def succeed(*args, **options):
    result = run(*args, **options)
    assert result.exit_code == 0, result.output
    return result


def in_process(*args, **environment):
    """Run the real program in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    arguments = [sys.executable, *map(str, args)]
    return subprocess.run(arguments, capture_output=True, text=True, env=env, check=False)


@pytest.fixture(scope="session")
def work(tmp_path_factory):
    """A folder with results of 30 models on 40 items of two benchmarks, a recipe, and a bank."""
    folder = tmp_path_factory.mktemp("cli")
    responses, _ = simulate(30, 40, seed=3, benchmarks=2, column=True)
    write_results(responses, folder / "results.csv")
    (folder / "quick.yaml").write_text("irt: {dimensions: [1]}\ninterval: {folds: 2}\nseed: 5\n")
    succeed(
        "build", folder / "results.csv", "--items", 12, "--out", folder / "bank",
        "--config", folder / "quick.yaml", "--source", "a simulation",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def bank(work):
    return work / "bank"


@pytest.fixture(scope="session")
def quick(work):
    return ["--config", work / "quick.yaml"]


@pytest.fixture(scope="session")
def results(work):
    return read_results(work / "results.csv")


@pytest.fixture
def intact(bank):
    """Check that the bank of all tests is as it was."""
    before = {path.name: path.read_bytes() for path in bank.iterdir()}
    yield
    assert {path.name: path.read_bytes() for path in bank.iterdir()} == before
    assert not [path for path in bank.parent.iterdir() if path.name.startswith(".bank")]


def write_answers(path, answers):
    """Write {model: {item: score}} as a long table."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["model", "item", "score"])
        rows.writerows([m, item, s] for m, one in answers.items() for item, s in one.items())
    return path


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def answers_of(bank, results, models, left_out=0):
    """What some of the models answered to the anchors, without the first few."""
    anchors = ItemBank.load(bank).anchors.items[left_out:]
    scores = results.select(models, anchors).scores
    return {
        model: dict(zip(anchors, row.tolist(), strict=True))
        for model, row in zip(models, scores, strict=True)
    }


# the group


def test_help_names_every_command_and_version_is_the_package_s():
    listed = succeed("--help").output
    assert re.findall(r"^  ([a-z]+)  ", listed.split("Commands:\n")[1], re.M) == COMMANDS
    assert succeed("--version").output == f"tinyeval {__version__}\n"
    assert succeed("-h").output == listed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name):
    text = succeed(name, "-h").output
    assert "Example:" in text
    assert f"tinyeval {name}" in text.split("Example:")[1]


@pytest.mark.slow
def test_help_imports_neither_numpy_nor_anything_heavier():
    code = "import sys; from tinyeval.cli import main; main(['-h'], standalone_mode=False)"
    heavy = HEAVY | {"numpy", "pyarrow", "tqdm"}
    result = in_process("-c", f"{code}; print(sorted({heavy} & set(sys.modules)))")
    assert result.stdout.splitlines()[-1] == "[]", result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_predict_imports_nothing_heavy(suffix, work, bank, results, tmp_path):
    write_results(results, tmp_path / f"answers.{suffix}")
    arguments = ["predict", str(bank), str(tmp_path / f"answers.{suffix}")]
    code = f"import sys; from tinyeval.cli import main; main({arguments}, standalone_mode=False)"
    result = in_process("-c", f"{code}; print(sorted({HEAVY} & set(sys.modules)))")
    assert result.stdout.splitlines()[-1] == "[]", result.stdout + result.stderr


@pytest.mark.slow
def test_python_m_runs_the_program_and_errors_go_to_stderr(tmp_path):
    result = in_process("-m", "tinyeval", "show", tmp_path / "nothing")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "Interrupted."),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "Error: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "f"), 1, "Error: f: Permission denied"),
        (MemoryError(), 1, "Error: not enough memory"),
    ],
)
def test_what_goes_wrong_outside_ends_in_one_line(error, code, line, bank, monkeypatch):
    def fail(path):
        raise error

    monkeypatch.setattr(ItemBank, "load", fail)
    result = run("show", bank)
    assert result.exit_code == code
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("place", ["group", "command", "environment"])
def test_debug_shows_the_traceback_and_the_line(place, bank, monkeypatch):
    def fail(path):
        try:
            raise ZeroDivisionError("behind \x1b[2J")
        except ZeroDivisionError as error:
            raise DataError("before") from error

    monkeypatch.setattr(ItemBank, "load", fail)
    arguments = {
        "group": ["--debug", "show", bank],
        "command": ["show", bank, "--debug"],
        "environment": ["show", bank],
    }
    env = {"TINYEVAL_DEBUG": "1"} if place == "environment" else None
    result = run(*arguments[place], env=env)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "ZeroDivisionError: behind \\x1b[2J" in lines
    assert "tinyeval.errors.DataError: before" in lines
    assert lines[-1] == "Error: before"
    assert run("show", bank).stderr == "Error: before\n"


def test_debug_says_where_a_command_was_interrupted(bank, monkeypatch):
    def fail(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(ItemBank, "load", fail)
    result = run("show", bank, "--debug")
    assert result.exit_code == 130
    assert "in fail" in result.stderr
    assert result.stderr.endswith("Interrupted.\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_debug(name):
    assert "--debug" in succeed(name, "-h").output


def test_an_error_of_the_program_itself_is_not_hidden(bank, monkeypatch):
    def fail(path):
        raise ZeroDivisionError

    monkeypatch.setattr(ItemBank, "load", fail)
    with pytest.raises(ZeroDivisionError):
        run("show", bank)


@pytest.mark.slow
def test_a_reader_that_stops_early_ends_the_program_quietly(bank):
    code = f"{sys.executable} -m tinyeval show {bank} --all | head -1"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(code, shell=True, capture_output=True, text=True, env=env, check=True)
    assert (result.stdout, result.stderr) == ("bank\n", "")


# build


@pytest.mark.slow
def test_build_says_what_it_made_and_what_comes_next(work, quick, results, tmp_path):
    out = tmp_path / "new" / "deep"
    shown = succeed("build", work / "results.csv", "--items", 12, "--out", out, *quick)
    assert f"{out}: 12 anchors of 40 items, from 30 models" in shown.stdout
    bank = ItemBank.load(out)
    error = bank.expected_error
    assert f"{error[12]:.3f} with 12 anchors, {error[5]:.3f} with 5" in shown.stdout
    assert f"tinyeval predict {out} ANSWERS" in shown.stdout
    assert "calibrating on held-out models" in shown.stderr
    assert bank.name == "deep"
    assert bank.settings["irt"]["dimensions"] == [1]


@pytest.mark.slow
def test_build_options_override_the_recipe(work, quick, tmp_path):
    out = tmp_path / "bank"
    shown = succeed(
        "build", work / "results.csv", "--items", 9, "--out", out, *quick, "--seed", 7,
        "--level", 0.8, "--target", "full", "--device", "cpu", "--name", "mine",
        "--source", "somewhere", "--json",
    )  # fmt: skip
    facts = json.loads(shown.stdout)
    bank = ItemBank.load(out)
    assert facts["digest"] == bank.digest
    assert (facts["bank"], facts["path"], facts["anchors"]) == ("mine", str(out), 9)
    assert (facts["items"], facts["models"], facts["level"]) == (40, 30, 0.8)
    assert facts["expected_error"]["9"] == pytest.approx(bank.expected_error[9])
    assert bank.settings["seed"] == 7
    assert bank.settings["target"]["column"] == "full"
    assert bank.settings["interval"] == {"level": 0.8, "folds": 2, "groups": "auto"}
    assert bank.settings["device"] == "cpu"
    assert bank.source["origin"] == "somewhere"


@pytest.mark.slow
def test_groups_are_a_column_of_the_models_table(work, quick, results, tmp_path):
    models = tmp_path / "models.csv"
    names = [f"{one},family{k % 7},org{k % 2}\n" for k, one in enumerate(results.models.ids)]
    models.write_text("model,family,org\n" + "".join(names))
    build = ["build", work / "results.csv", "--items", 9, *quick, "--models-table", models]
    succeed(*build, "--out", tmp_path / "bank", "--groups", "family", "--level", 0.8)
    settings = ItemBank.load(tmp_path / "bank").settings["interval"]
    assert settings == {"level": 0.8, "folds": 2, "groups": "family"}
    for column, message in {
        "run": "interval.groups: the models table has no column 'run'; its columns are:",
        "org": "at least 5 groups of models, found 2 in the column 'org': 'org0', 'org1'; name",
    }.items():
        refused = run(*build, "--out", tmp_path / column, "--groups", column)
        assert refused.exit_code == 1
        assert message in refused.stderr
        assert not (tmp_path / column).exists()


def test_the_recipe_holds_where_no_option_is_given(bank):
    settings = ItemBank.load(bank).settings
    assert (settings["seed"], settings["interval"]["level"], settings["device"]) == (5, 0.9, "auto")


@pytest.mark.slow
def test_an_option_can_come_from_the_environment(work, quick, tmp_path):
    arguments = ["build", work / "results.csv", "--items", 5, "--out", tmp_path / "b", *quick]
    succeed(*arguments, env={"TINYEVAL_BUILD_SEED": "11"})
    assert ItemBank.load(tmp_path / "b").settings["seed"] == 11


@pytest.mark.slow
def test_the_same_command_makes_the_same_bank(work, bank, quick, tmp_path):
    out = tmp_path / "bank"
    common = ["--items", 12, *quick, "--source", "a simulation", "--json"]
    shown = succeed("build", work / "results.csv", "--out", out, *common)
    assert json.loads(shown.stdout)["digest"] == ItemBank.load(bank).digest


@pytest.mark.slow
def test_items_and_models_tables_are_read(work, quick, results, tmp_path):
    table_of = {"item": results.items.ids, "weight": np.arange(1, 41)}
    lines = [",".join(map(str, row)) for row in zip(*table_of.values(), strict=True)]
    (tmp_path / "items.csv").write_text("item,weight\n" + "\n".join(lines) + "\n")
    succeed(
        "build", work / "results.csv", "--items", 6, "--out", tmp_path / "b", *quick,
        "--items-table", tmp_path / "items.csv",
    )  # fmt: skip
    items = ItemBank.load(tmp_path / "b").items
    weight = dict(zip(items.ids, items.column("weight").tolist(), strict=True))
    assert [weight[one] for one in results.items.ids] == list(range(1, 41))


@pytest.mark.slow
def test_overwrite_replaces_a_bank_and_only_a_bank(work, quick, tmp_path):
    arguments = ["build", work / "results.csv", *quick, "--out", tmp_path / "b", "--items"]
    succeed(*arguments, 6)
    succeed(*arguments, 7, "--overwrite")
    assert len(ItemBank.load(tmp_path / "b").anchors) == 7
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("irreplaceable")
    result = run("build", work / "results.csv", "--out", tmp_path / "folder", "--overwrite")
    assert result.exit_code == 1
    assert "is not an item bank" in result.stderr
    assert (tmp_path / "folder" / "thesis.tex").read_text() == "irreplaceable"


@pytest.mark.slow
def test_what_comes_while_a_bank_is_built_stays(work, quick, tmp_path, monkeypatch):
    out, real = tmp_path / "b", building.build

    def build(*args, **options):
        made = real(*args, **options)
        made.save(out)
        return made

    monkeypatch.setattr(building, "build", build)
    arguments = ["build", work / "results.csv", *quick, "--items", 6, "--out", out]
    line = assert_one_line(run(*arguments))
    assert line == f"Error: {out}: exists already; choose another folder, or pass --overwrite"
    assert [one.name for one in tmp_path.iterdir()] == ["b"]


def test_what_comes_while_a_file_is_made_stays(bank, tmp_path, monkeypatch):
    out, real = tmp_path / "anchors.csv", exporters.export

    def export(*args):
        out.write_text("mine")
        return real(*args)

    monkeypatch.setattr(exporters, "export", export)
    line = assert_one_line(run("export", bank, "--to", "csv", "--out", out))
    assert line == f"Error: {out}: exists already; choose another name, or pass --overwrite"
    assert out.read_text() == "mine"
    succeed("export", bank, "--to", "csv", "--out", out, "--overwrite")
    assert out.read_text().startswith("rank,")
    assert [one.name for one in tmp_path.iterdir()] == ["anchors.csv"]


@pytest.mark.usefixtures("intact")
def test_a_build_that_fails_leaves_the_old_bank_alone(work, bank, quick):
    arguments = ["build", work / "results.csv", "--out", bank, "--overwrite", *quick, "--items", 41]
    assert run(*arguments).exit_code == 1


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_found_before_the_work(work, tmp_path):
    tmp_path.chmod(0o500)
    result = run("build", tmp_path / "not-even-read.csv", "--out", tmp_path / "bank")
    assert result.exit_code == 1
    assert "cannot be written to" in result.stderr


# what is wrong with the input


def _five_lines(folder, source):
    path = folder / "few.csv"
    path.write_text("".join(source.read_text().splitlines(keepends=True)[:5]))
    return path


HOSTILE = {
    "missing": (lambda f, s: f / "nothing.csv", "no such file"),
    "empty": (lambda f, s: _written(f / "empty.csv", b""), "the file is empty"),
    "header": (lambda f, s: _written(f / "h.csv", b"model,a,b\n"), "no rows"),
    "cut": (lambda f, s: _written(f / "cut.csv", s.read_bytes()[:-30]), "cut off"),
    "parquet": (lambda f, s: _written(f / "t.parquet", b"PAR1 and so on"), "damaged"),
    "four models": (_five_lines, "at least 5"),
    "folder": (lambda f, s: f, "found no results"),
    "suffix": (lambda f, s: _written(f / "table.docx", b"PK"), "save its table as csv"),
    "percent": (lambda f, s: _written(f / "p.csv", b"model,a\nx,71.5\n"), r"outside \[0, 1\]"),
    "binary": (lambda f, s: _written(f / "b.csv", bytes(range(256))), "b.csv"),
}


def _written(path, content):
    path.write_bytes(content)
    return path


def assert_one_line(result, code=1):
    """An error of the right kind, told in one line on stderr, without a traceback."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert code == 2 or result.stderr.splitlines()[-1] == lines[0]
    return lines[0]


@pytest.mark.usefixtures("intact")
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_results(case, work, bank, quick, tmp_path):
    make, expected = HOSTILE[case]
    path = make(tmp_path, work / "results.csv")
    for arguments in (
        ["build", path, "--items", 2, "--out", tmp_path / "new", *quick],
        ["build", path, "--items", 2, "--out", bank, "--overwrite", *quick],
    ):
        assert re.search(expected, assert_one_line(run(*arguments)))
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("intact")
@pytest.mark.parametrize("case", sorted(HOSTILE.keys() - {"four models"}))
def test_hostile_answers(case, work, bank, tmp_path):
    path = HOSTILE[case][0](tmp_path, work / "results.csv")
    assert_one_line(run("predict", bank, path))
    assert_one_line(run("import", path, "--out", tmp_path / "new.csv"))
    assert not (tmp_path / "new.csv").exists()


@pytest.mark.usefixtures("intact")
@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["build", "R", "--out", "BANK"], 1, "exists already"),
        (["build", "R", "--out", "R"], 1, "exists already"),
        (["build", "R", "--out", "R", "--overwrite"], 1, "is not an item bank"),
        (["build", "R", "--out", "R/bank"], 1, "is a file, where a folder is needed"),
        (["build", "R", "--out", "new", "--items", "41"], 1, "the benchmark has 40"),
        (["build", "R", "--out", "new", "--items", "0"], 2, "0 is not in the range"),
        (["build", "R", "--out", "new", "--items", "abc"], 2, "'abc' is not a valid integer"),
        (["build", "R", "--out", "new", "--level", "2"], 2, "2.0 is not in the range"),
        (["build", "R", "--out", "new", "--seed", "-1"], 2, "-1 is not in the range"),
        (["build", "R", "--out", "new", "--device", "tpu"], 2, "'tpu' is not one of"),
        (["build", "R"], 2, "Missing option '--out'"),
        (["build", "--out", "new"], 2, "Missing argument 'RESULTS...'"),
        (["build", "R", "--out", "new", "--config", "WRONG"], 1, "wrong.yaml: irt.dimension: "),
        (["build", "R", "--out", "new", "--config", "nothing"], 1, "nothing: cannot be read"),
        (
            ["build", "R", "--out", "new", "--items", "5", "--target", "price"],
            1,
            "no column 'price'",
        ),
        (["build", "R", "--out", "new", "--format", "xml"], 1, "unknown results format 'xml'"),
        (["build", "R", "--out", "new", "--prefix", "a-"], 2, "give --key as well"),
        (["predict", "BANK"], 2, "Missing argument 'ANSWERS...'"),
        (["predict", "BANK", "R", "--level", "1"], 2, "1.0 is not in the range"),
        (["predict", "R", "R"], 1, "is not a folder"),
        (["compare", "BANK"], 2, "Missing argument 'ANSWERS...'"),
        (["compare", "BANK", "R", "--models", "model0000"], 1, "two models or more, found 1"),
        (["compare", "BANK", "R", "--models", "model0000,x"], 1, "unknown model(s): 'x'"),
        (["compare", "BANK", "R", "--models", "model0000,model0000"], 1, "must be unique"),
        (["compare", "BANK", "R", "--models", "model0000,"], 1, "needs an id"),
        (["compare", "BANK", "R", "--level", "1"], 2, "1.0 is not in the range"),
        (["compare", "BANK", "R", "--margin", "2"], 2, "2.0 is not in the range"),
        (["compare", "BANK", "R", "--margin", "-0.1"], 2, "-0.1 is not in the range"),
        (["predict", "nothing", "R"], 1, "does not exist"),
        (["show", "R"], 1, "is not a folder"),
        (["import", "R", "--out", "R"], 1, "exists already"),
        (["import", "R", "--out", "new.txt"], 2, "must end in one of .csv, .parquet, .npz"),
        (["import", "R", "--out", "new.csv", "--jobs", "0"], 2, "0 is not in the range"),
        (["import", "R", "--out", "new.csv", "--parts", "R"], 1, "parts cannot be written"),
        (["export", "BANK", "--to", "pdf"], 2, "'pdf' is not one of"),
        (["export", "BANK", "--to", "csv", "--out", "R"], 1, "exists already"),
        (["export", "BANK", "--to", "csv", "--out", "BANK"], 1, "is a folder"),
        (["export", "BANK", "--to", "csv", "--items", "13"], 1, "between 1 and 12 anchors"),
        (["export", "BANK", "--to", "csv", "--dataset", "R"], 2, "needs no data set"),
        (["export", "BANK", "--to", "lm-eval", "--key", "k"], 1, "needs the data set"),
        (["export", "BANK", "--to", "lm-eval", "--task", "=x"], 2, "BENCHMARK=NAME"),
        (["backtest", "R", "--items", "5,x"], 2, "not a list of numbers"),
        (["backtest", "R", "--items", "0"], 2, "not a list of numbers"),
        (["backtest", "R", "--items", "400"], 1, "between 1 and 40"),
        (["backtest", "R", "--items", "5", "--split", "odd"], 1, "unknown split 'odd'"),
        (["backtest", "R", "--items", "5", "--methods", "magic"], 1, "unknown method 'magic'"),
        (["backtest", "R", "--items", "5", "--out", "new.pdf"], 2, "must end in one of .md"),
        (["backtest", "R", "--items", "5", "--split", "group:org"], 1, "no column 'org'"),
        (["demo", "--out", "BANK"], 1, "not one that demo made"),
        (["demo", "--out", "R"], 1, "is not an item bank"),
        (["fly"], 2, "No such command 'fly'"),
    ],
)
def test_wrong_usage(arguments, code, expected, work, bank, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text("irt: {dimension: 3}\n")
    names = {"R": work / "results.csv", "BANK": bank, "WRONG": "wrong.yaml"}
    names["R/bank"] = work / "results.csv" / "bank"
    if arguments[0] in ("build", "backtest") and "--config" not in arguments:
        arguments = [*arguments, "--config", work / "quick.yaml"]
    result = run(*(names.get(one, one) for one in arguments))
    assert expected in assert_one_line(result, code)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


# predict


def test_predict_prints_one_aligned_line_per_model_in_the_order_given(bank, results, tmp_path):
    models = sorted(results.models.ids)[4::-1]
    path = write_answers(tmp_path / "answers.csv", answers_of(bank, results, models))
    lines = succeed("predict", bank, path).stdout.splitlines()
    assert lines[0].split("  ")[0] == "model"
    assert re.split(r"\s\s+", lines[0])[1:] == [
        "score", "90 % interval", "answered", "bench0", "bench1", "flags",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == models
    number = r"[01]\.\d{3}"
    span = f"{number} to {number}"
    row = rf"model\d{{4}}  {number}  {span} +12  {number} \({span}\)  {number} \({span}\)"
    assert all(re.match(row, line) for line in lines[1:])
    assert len({line.index(" to ") for line in lines[1:]}) == 1


def test_predict_json_is_what_the_library_says(bank, results, tmp_path):
    models = sorted(results.models.ids)[:3]
    answers = answers_of(bank, results, models)
    path = write_answers(tmp_path / "answers.csv", answers)
    shown = json.loads(succeed("predict", bank, path, "--json", "--level", "0.5").stdout)
    expected = ItemBank.load(bank).predict(answers, level=0.5)
    assert list(shown) == ["bank", "digest", "level", "predictions"]
    assert (shown["bank"], shown["level"]) == ("bank", 0.5)
    for one, prediction in zip(shown["predictions"], expected, strict=True):
        assert set(one) == {
            "model", "score", "lower", "upper", "n_answered", "in_range", "misfit", "warnings",
            "benchmarks", "ability",
        }  # fmt: skip
        assert one == {key: value for key, value in prediction.to_dict().items() if key != "level"}
        assert one["benchmarks"]["bench1"].keys() == {"score", "lower", "upper"}


def test_predict_takes_answers_in_any_form(bank, results, tmp_path):
    model = results.models.ids[0]
    answers = answers_of(bank, results, [model])
    long = write_answers(tmp_path / "long.csv", answers)
    (tmp_path / "plain.json").write_text(json.dumps(answers[model]))
    lines = [json.dumps({"item": item, "score": s}) for item, s in answers[model].items()]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines))
    write_results(results.select([model]), tmp_path / "wide.npz")  # with items that are no anchors
    shown = [
        json.loads(succeed("predict", bank, tmp_path / name, "--json").stdout)["predictions"]
        for name in (long.name, "plain.json", "lines.jsonl", "wide.npz")
    ]
    scores = {one[0]["score"] for one in shown}
    assert len(scores) == 1


def test_predict_joins_several_files_of_answers(bank, results, tmp_path):
    paths = [
        write_answers(tmp_path / f"{model}.csv", answers_of(bank, results, [model]))
        for model in results.models.ids[:2]
    ]
    shown = json.loads(succeed("predict", bank, *paths, "--json").stdout)
    assert [one["model"] for one in shown["predictions"]] == list(results.models.ids[:2])


def test_warnings_are_printed_once_per_kind_with_the_number_of_models(bank, results, tmp_path):
    models = sorted(results.models.ids)[:3]
    answers = answers_of(bank, results, models, left_out=4)
    answers |= answers_of(bank, results, models[1:2], left_out=6)
    result = succeed("predict", bank, write_answers(tmp_path / "a.csv", answers))
    unanswered = [line for line in result.stderr.splitlines() if "unanswered" in line]
    assert len(unanswered) == 1
    assert unanswered[0].startswith(f"warning: 3 models, such as {models[0]}: 4 of 12 anchors")
    assert [line.split()[5] for line in result.stdout.splitlines()[1:]] == ["8", "6", "8"]


def test_models_that_are_unlike_the_history_are_flagged(bank, tmp_path):
    anchors = ItemBank.load(bank).anchors.items
    answers = {"genius": dict.fromkeys(anchors, 1), "dunce": dict.fromkeys(anchors, 0)}
    result = succeed("predict", bank, write_answers(tmp_path / "a.csv", answers))
    loaded = ItemBank.load(bank).predict(answers)
    expected = [("beyond range" if not one.in_range else "") for one in loaded]
    assert "beyond range" in expected
    for line, flag in zip(result.stdout.splitlines()[1:], expected, strict=True):
        assert ("beyond range" in line) == bool(flag)
    assert "warning: " in result.stderr
    assert "the range" in result.stderr


def test_many_benchmarks_leave_no_room_for_their_intervals():
    benchmarks = {f"bench{k}": Interval(0.1 * k, 0.0, 0.2 * k) for k in range(4)}
    one = Prediction("m", 0.5, 0.4, 0.6, 0.9, benchmarks, (0.0,), 7, True, True)
    header, row, other = prediction_table([one, one]).splitlines()
    assert header.split()[-5:] == [*benchmarks, "flags"]
    assert row.split()[-6:] == ["7", "0.000", "0.100", "0.200", "0.300", "misfit"]
    assert other == row


def test_many_benchmarks_of_one_model_are_a_table_of_their_own():
    benchmarks = {f"bench{k}": Interval(0.1 * k, 0.0, 0.2 * k) for k in range(4)}
    one = Prediction("m", 0.5, 0.4, 0.6, 0.9, benchmarks, (0.0,), 7, True, True)
    header, row, blank, second, *rows = prediction_table([one]).splitlines()
    assert "bench0" not in header + row + blank
    assert row.split()[-2:] == ["7", "misfit"]
    assert second.split() == ["benchmark", "score", "90", "%", "interval"]
    assert rows[3].split() == ["bench3", "0.300", "0.000", "to", "0.600"]
    assert len(rows) == 4


def test_answers_that_share_no_anchor_are_an_error(bank, tmp_path):
    path = write_answers(tmp_path / "a.csv", {"m": {"other/1": 1, "other/2": 0}})
    line = assert_one_line(run("predict", bank, path))
    assert "share no item with the bank's 12 anchors" in line


def test_a_damaged_bank_is_an_error(bank, results, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bank.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    content = (copy / "items.parquet").read_bytes()
    (copy / "items.parquet").write_bytes(content[: len(content) // 2])
    path = write_answers(tmp_path / "a.csv", answers_of(bank, results, results.models.ids[:1]))
    assert "items.parquet" in assert_one_line(run("predict", copy, path))
    assert "items.parquet" in assert_one_line(run("show", copy))


# compare


def test_compare_of_two_prints_their_difference(bank, results, tmp_path):
    models = results.models.ids[3:5]
    path = write_answers(tmp_path / "answers.csv", answers_of(bank, results, results.models.ids))
    lines = succeed("compare", bank, path, "--models", ",".join(models)).stdout.splitlines()
    (one,) = ItemBank.load(bank).compare(results, models)
    assert lines[:2] == [f"A  {models[0]}", f"B  {models[1]}"]
    assert lines[3].split("  ")[0] == "score"
    assert [line.split()[0] for line in lines[4:7]] == ["overall", "bench0", "bench1"]
    assert f"{one.difference:+.3f}" in lines[4]
    assert f"{one.lower:+.3f} to {one.upper:+.3f}" in lines[4]
    shown = (one.probability, one.better, one.within, one.worse)
    assert re.split(r"  +", lines[4])[-4:] == [f"{percent(value)}" for value in shown]
    assert lines[8].startswith(f"12 anchors, {one.n_different} of them answered differently;")
    assert " ".join(lines[8:10]).endswith("A against B, with a margin of 0.02")
    assert " ".join(lines[11:]) == of_pair(one)
    assert max(map(len, lines)) <= 80


def test_compare_takes_a_margin(bank, results, tmp_path):
    models = list(results.models.ids[:4])
    path = write_answers(tmp_path / "answers.csv", answers_of(bank, results, models))
    found = json.loads(succeed("compare", bank, path, "--json", "--margin", "0.3").stdout)
    expected = ItemBank.load(bank).compare(results, models, margin=0.3)
    assert found["margin"] == 0.3
    assert [one["within"] for one in found["comparisons"]] == [one.within for one in expected]
    assert [one["verdict"] for one in found["comparisons"]] == [one.verdict for one in expected]
    tied = {(one.a, one.b) for one in expected if one.verdict == "tied"}
    assert bool(found["tied"]) <= bool(tied)
    assert f"[default: {MARGIN}," in " ".join(succeed("compare", "--help").stdout.split())


def test_compare_of_many_prints_a_ranking(bank, results, tmp_path):
    path = write_answers(tmp_path / "answers.csv", answers_of(bank, results, results.models.ids))
    ranking, words = succeed("compare", bank, path).stdout.split("\n\n")
    header, *rows = ranking.splitlines()
    assert re.split(r"  +", header) == [
        "rank", "may be", "model", "score", "90 % interval", "ahead of next",
    ]  # fmt: skip
    cells = [re.split(r"  +", row.strip()) for row in rows]
    predicted = {one.model: one.score for one in ItemBank.load(bank).predict(results)}
    assert [row[2] for row in cells] == sorted(predicted, key=lambda m: (-predicted[m], m))
    for k, row in enumerate(cells, 1):
        best, worst = map(int, row[1].split(" to "))
        assert int(row[0]) == k
        assert best <= k <= worst
    assert all(float(row[5].split()[0]) >= 50 for row in cells[:-1])
    assert re.search(
        r"Of 435 pairs, \d+ are decided and \d+ are not decided", words.replace("\n", " ")
    )
    assert len(cells[-1]) == 5


def test_compare_json_is_what_the_library_says(bank, results, tmp_path):
    models = list(results.models.ids[:3])
    path = write_answers(tmp_path / "answers.csv", answers_of(bank, results, models))
    found = json.loads(succeed("compare", bank, path, "--json", "--level", "0.8").stdout)
    expected = ItemBank.load(bank).compare(results, models, level=0.8)
    assert (found["bank"], found["level"]) == ("bank", 0.8)
    assert [one["model"] for one in found["models"]] == models
    assert all(1 <= one["ranks"][0] <= one["ranks"][1] <= 3 for one in found["models"])
    for one, other in zip(found["comparisons"], expected, strict=True):
        values = json.loads(json.dumps(other.to_dict()))
        assert (values.pop("level"), values.pop("margin")) == (0.8, found["margin"])
        assert one == values


def test_compare_says_that_anchors_are_not_shared(bank, results, tmp_path):
    answers = answers_of(bank, results, results.models.ids[:2])
    first, second = answers
    anchors = list(answers[first])
    del answers[first][anchors[0]], answers[second][anchors[1]]
    path = write_answers(tmp_path / "answers.csv", answers)
    result = succeed("compare", bank, path)
    assert "10 anchors" in result.stdout
    assert "10 of 12 anchors were answered by both models" in result.stderr
    for model, kept in ((first, anchors[:3]), (second, anchors[3:])):
        answers[model] = dict.fromkeys(kept, 1.0)
    write_answers(path, answers)
    line = assert_one_line(run("compare", bank, path), 1)
    assert "answered no anchor in common; run both on the same anchors" in line


def test_compare_needs_two_models(bank, results, tmp_path):
    path = write_answers(
        tmp_path / "answers.csv", answers_of(bank, results, results.models.ids[:1])
    )
    assert "two models or more, found 1" in assert_one_line(run("compare", bank, path), 1)


# show


@pytest.mark.slow
def test_budgets_quotas_and_targets_are_told_on_the_command_line(work, quick, tmp_path):
    items = tmp_path / "items.csv"
    ids = read_results(work / "results.csv").items.ids
    items.write_text("item,words\n" + "".join(f"{one},{k + 1}\n" for k, one in enumerate(ids)))
    out = tmp_path / "bank"
    shown = succeed(
        "build", work / "results.csv", "--out", out, *quick, "--items-table", items,
        "--budget", 90, "--cost", "words", "--quotas", "bench0=2+,bench1=4",
        "--target", "bench0=full", "--json",
    )  # fmt: skip
    facts = json.loads(shown.stdout)
    settings = ItemBank.load(out).settings
    assert facts["cost"] <= 90
    assert (settings["budget"], settings["cost"], settings["items"]) == (90, "words", None)
    assert settings["quotas"]["anchors"] == {"bench0": "2+", "bench1": 4}
    assert settings["target"]["columns"] == {"bench0": "full"}
    told = json.loads(succeed("show", out, "--json").stdout)
    assert told["cost"] == facts["cost"]
    assert told["benchmarks"]["bench1"]["anchors"] == 4
    text = succeed("show", out).stdout
    assert f"at a cost of {facts['cost']:g} in all" in text
    assert "By benchmark, with all anchors answered" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", 5], "no column 'cost'"),
        (["--quotas", "many"], "quotas.anchors: expected a number of anchors such as 20"),
        (["--quotas", "bench7=3"], "quotas are given for 'bench7'"),
        (["--quotas", 3, "--quotas-by", "topic"], "there is no column 'topic'"),
        (["--items", 9, "--target", "bench7=full"], "target columns are given for 'bench7'"),
        (["--items", 9, "--target", "bench0=nothing"], "there is no column 'nothing'"),
    ],
)
def test_impossible_budgets_quotas_and_targets_are_errors(work, quick, tmp_path, options, message):
    out = tmp_path / "bank"
    line = assert_one_line(run("build", work / "results.csv", "--out", out, *quick, *options))
    assert message in line
    assert not out.exists()


@pytest.mark.parametrize("text", ["a=1,a=2", "=3", "a=1,3"])
def test_names_that_are_missing_or_twice_are_wrong_usage(work, tmp_path, text):
    result = run("build", work / "results.csv", "--out", tmp_path / "bank", "--quotas", text)
    assert result.exit_code == 2
    assert "is not NAME=VALUE,... with names that differ" in result.output


def test_show_tells_what_a_bank_is(bank):
    text = succeed("show", bank).stdout
    loaded = ItemBank.load(bank)
    for part in (
        "12 anchors of 40 items",
        "bench0, bench1",
        "30 models, scores from",
        "origin: a simulation",
        "optimal_design + stack, 1 IRT dimensions, seed 5",
        loaded.digest,
        "... 2 more",
        f"      12  {loaded.expected_error[12]:.3f}",
        f"tinyeval predict {bank} ANSWERS",
        "@software{tinyeval",
        "krause2008near",
    ):
        assert part in text
    listed = [line.split()[0] for line in text.splitlines() if line.startswith("item0")]
    assert listed == list(loaded.anchors.items[:10])


def test_show_all_lists_every_anchor(bank):
    text = succeed("show", bank, "--all").stdout
    assert all(item in text for item in ItemBank.load(bank).anchors.items)
    assert "(--all lists them)" not in text


def test_show_json_carries_the_anchors_in_order(bank):
    shown = json.loads(succeed("show", bank, "--json").stdout)
    loaded = ItemBank.load(bank)
    assert shown["anchors"] == list(loaded.anchors.items)
    assert shown["digest"] == loaded.digest
    assert (shown["name"], shown["items"], shown["models"]) == ("bank", 40, 30)
    assert list(shown["benchmarks"]) == ["bench0", "bench1"]
    assert sum(one["anchors"] for one in shown["benchmarks"].values()) == len(loaded.anchors)
    assert [one["items"] for one in shown["benchmarks"].values()] == [20, 20]
    errors = {name: one["expected_error"] for name, one in shown["benchmarks"].items()}
    assert errors == {name: one[12] for name, one in loaded.benchmark_errors.items()}
    assert shown["cost"] is None
    assert shown["settings"] == loaded.settings
    assert shown["level"] == 0.9
    assert {int(n): error for n, error in shown["expected_error"].items()} == loaded.expected_error


@pytest.mark.parametrize("selection", SELECTORS)
def test_every_selection_can_be_cited(selection):
    cites = SELECTORS[selection].cites
    assert cites
    assert all(f"{{{key}" in citations(selection, "mean") for key in cites)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_can_be_cited(estimator):
    text = citations("random", estimator)
    cites = ESTIMATORS[estimator].cites
    assert cites
    assert all(f"{{{key}" in text for key in (*cites, "tinyeval", *INTERVALS))
    entries = re.findall(r"^@\w+\{(\w+),", text, re.M)
    assert len(set(entries)) == len(entries)
    assert text.count("{") == text.count("}")


def test_every_work_is_cited():
    cited = {key for one in (*SELECTORS.values(), *ESTIMATORS.values()) for key in one.cites}
    assert {*cited, *INTERVALS} == set(WORKS)


def test_a_method_that_is_not_known_is_named_instead():
    text = citations("telepathy", "my_module:guess")
    assert text.startswith("@software{tinyeval")
    assert "% telepathy is not tinyeval's own: cite it as its authors ask" in text
    assert "% my_module:guess is not tinyeval's own" in text


# methods


def test_methods_lists_every_method_with_its_options():
    text = succeed("methods").stdout
    shown = json.loads(succeed("methods", "--json").stdout)
    for section, registry in (("selection", SELECTORS), ("estimator", ESTIMATORS)):
        assert list(shown[section]) == list(registry)
        for name, one in registry.items():
            assert re.search(rf"^  {name} +{re.escape(one.summary)}$", text, re.M)
            assert shown[section][name]["cites"] == list(one.cites)
    assert shown["selection"]["mrmr"]["options"] == {"scheme": "quotient"}
    assert shown["estimator"]["kriging"]["options"]["undrifted"] is None
    assert '  scheme: "quotient"\n' in text
    assert [n for n, one in shown["selection"].items() if one["draws"]] == ["random", "stratified"]


@pytest.mark.slow
def test_methods_needs_no_torch():
    code = "import sys; from tinyeval.cli import main; main(['methods'], standalone_mode=False)"
    heavy = {"torch", "pyro", "sklearn", "scipy"}
    result = in_process("-c", f"{code}; print(sorted({heavy} & set(sys.modules)))")
    assert result.stdout.splitlines()[-1] == "[]", result.stdout + result.stderr


# import


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_import_writes_what_it_read(suffix, work, results, tmp_path):
    out = tmp_path / "deep" / f"table.{suffix}"
    shown = json.loads(succeed("import", work / "results.csv", "--out", out, "--json").stdout)
    again = read_results(out)
    np.testing.assert_array_equal(again.scores, results.scores)
    assert again.items.column("subject").tolist() == results.items.column("subject").tolist()
    assert again.models.column("full").tolist() == results.models.column("full").tolist()
    expected = {"models": 30, "items": 40, "benchmarks": ["bench0", "bench1"], "missing": 0.0}
    assert shown == {"path": str(out), **expected}


def test_import_does_not_replace_the_tables_beside_its_file(work, tmp_path):
    (tmp_path / "table.items.csv").write_text("item,benchmark\n")
    arguments = ["import", work / "results.csv", "--out", tmp_path / "table.csv"]
    assert "table.items.csv: exists already" in assert_one_line(run(*arguments))
    assert "30 models, 40 items, 0.0 % missing" in succeed(*arguments, "--overwrite").stdout


@pytest.mark.slow
def test_import_by_several_processes_and_from_parts_writes_the_same_bytes(harness, tmp_path):
    folder, _ = harness
    ways = {
        "plain": [],
        "jobs": ["--jobs", 2],
        "parts": ["--parts", tmp_path / "parts"],
        "again": ["--parts", tmp_path / "parts", "--jobs", 2],
    }
    for name, options in ways.items():
        succeed("import", folder / "out", "--out", tmp_path / name / "table.csv", *options)
    for name in ways:
        for one in (tmp_path / "plain").iterdir():
            assert (tmp_path / name / one.name).read_bytes() == one.read_bytes()


def test_long_reading_says_how_far_it_is(work, tmp_path, monkeypatch):
    arguments = ["import", work / "results.csv", "--out", tmp_path / "table.csv"]
    assert "files read" not in succeed(*arguments).stderr
    monkeypatch.setattr("tinyeval.cli.output.SILENCE", -1.0)
    assert "0 of 1 files read" in succeed(*arguments, "--overwrite").stderr.splitlines()


# lm-evaluation-harness, from its folders to its command line and back


def write_harness(folder, scores, task="toy"):
    """Write {model: {doc: score}} as the harness does with --log_samples."""
    date = "2026-01-02T03-04-05.678901"
    for model, answers in scores.items():
        (folder / model).mkdir(parents=True)
        rows = [
            {
                "doc_id": doc, "doc": {"id": f"q{doc}"}, "resps": [["x"]], "filter": "none",
                "metrics": ["acc"], "acc": score, "doc_hash": f"{doc:064x}",
            }
            for doc, score in answers.items()
        ]  # fmt: skip
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / model / f"samples_{task}_{date}.jsonl").write_text(lines)
        about = {"model_name": model, "n-samples": {task: {"original": 24, "effective": len(rows)}}}
        (folder / model / f"results_{date}.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="session")
def harness(tmp_path_factory, work):
    """The folder of a harness with 12 models, and the bank built from it."""
    folder = tmp_path_factory.mktemp("harness")
    responses, _ = simulate(12, 24, seed=8)
    scores = {
        model: dict(enumerate(row))
        for model, row in zip(responses.models.ids, responses.scores.tolist(), strict=True)
    }
    write_harness(folder / "out", scores)
    arguments = ["build", folder / "out", "--items", 6, "--out", folder / "bank"]
    succeed(*arguments, "--config", work / "quick.yaml")
    return folder, scores


def test_a_harness_folder_goes_all_the_way(harness, tmp_path):
    folder, scores = harness
    out = tmp_path / "samples.json"
    result = succeed("export", folder / "bank", "--to", "lm-eval", "--out", out)
    assert result.stdout == ""
    assert f"--tasks toy --samples {out}" in result.stderr
    assert f"tinyeval predict {folder / 'bank'} results" in result.stderr
    chosen = json.loads(out.read_text())["toy"]
    anchors = ItemBank.load(folder / "bank").anchors.items
    assert chosen == sorted(int(one.removeprefix("toy/")) for one in anchors)
    model = min(scores)
    answers = {model: {doc: scores[model][doc] for doc in chosen}}
    logged = write_harness(tmp_path / "results", answers)
    shown = json.loads(succeed("predict", folder / "bank", logged, "--json").stdout)
    assert shown["predictions"][0]["model"] == model
    assert shown["predictions"][0]["n_answered"] == 6


def test_export_to_stdout_is_json_alone(harness):
    folder, _ = harness
    arguments = ["export", folder / "bank", "--to", "lm-eval", "--items", 3]
    result = succeed(*arguments, "--task", "toy_{value}")
    assert len(json.loads(result.stdout)["toy_toy"]) == 3
    assert result.stderr.startswith("save this as samples.json, then\nrun")


def test_tasks_can_be_renamed_one_by_one(harness):
    folder, _ = harness
    arguments = ["export", folder / "bank", "--to", "lm-eval", "--task", "toy=mine"]
    assert list(json.loads(succeed(*arguments).stdout)) == ["mine"]


@pytest.fixture
def keyed(tmp_path):
    """Results whose items are named by a key of their data set, and that data set, reversed."""
    responses, _ = simulate(10, 20, seed=9)
    scores = responses.scores.tolist()
    named = {
        f"m{k}": {f"set-q{doc}": s for doc, s in enumerate(row)} for k, row in enumerate(scores)
    }
    write_answers(tmp_path / "results.csv", named)
    rows = [json.dumps({"id": f"q{doc}"}) for doc in reversed(range(20))]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("by_recipe", [True, False])
def test_documents_are_looked_up_and_found_again_by_key(by_recipe, keyed):
    where = {"dataset": str(keyed / "data.jsonl"), "key": "id", "prefix": "set-", "task": "toy"}
    recipe = {"irt": {"dimensions": [1]}, "interval": {"folds": 2}}
    (keyed / "recipe.yaml").write_text(json.dumps({**recipe, "run": where if by_recipe else {}}))
    arguments = ["--items", 4, "--config", keyed / "recipe.yaml"]
    succeed("build", keyed / "results.csv", "--out", keyed / "bank", *arguments)
    arguments = [] if by_recipe else [x for k, v in where.items() for x in (f"--{k}", v)]
    result = succeed("export", keyed / "bank", "--to", "lm-eval", *arguments)
    assert ("results --key id --prefix set-" in result.stderr) != by_recipe
    anchors = ItemBank.load(keyed / "bank").anchors.items
    numbers = [int(one.removeprefix("set-q")) for one in anchors]
    assert json.loads(result.stdout)["toy"] == sorted(19 - one for one in numbers)
    logged = write_harness(keyed / "out", {"mine": dict.fromkeys(numbers, 1)})
    arguments = [] if by_recipe else ["--key", "id", "--prefix", "set-"]
    shown = succeed("predict", keyed / "bank", logged, "--json", *arguments)
    assert json.loads(shown.stdout)["predictions"][0]["n_answered"] == 4


@pytest.mark.slow
def test_a_bank_built_by_key_reads_answers_by_key(harness, work, tmp_path):
    folder, scores = harness
    arguments = ["build", folder / "out", "--items", 4, "--out", tmp_path / "bank", "--key", "id"]
    succeed(*arguments, "--prefix", "toy-", "--config", work / "quick.yaml")
    assert all(one.startswith("toy-q") for one in ItemBank.load(tmp_path / "bank").items.ids)
    shown = json.loads(succeed("predict", tmp_path / "bank", folder / "out", "--json").stdout)
    assert {one["n_answered"] for one in shown["predictions"]} == {4}
    assert len(shown["predictions"]) == len(scores)


def test_importers_warnings_are_one_line_on_stderr(harness, tmp_path):
    folder, scores = harness
    two = write_harness(tmp_path / "two", dict(list(scores.items())[:2]))
    for k, path in enumerate(sorted(two.rglob("results_*.json"))):
        about = json.loads(path.read_text())
        path.write_text(json.dumps({**about, "n-shot": {"toy": k}}))
    result = succeed("predict", folder / "bank", two)
    warned = [line for line in result.stderr.splitlines() if "in the same way" in line]
    assert len(warned) == 1
    assert warned[0].startswith("doubt: 1 benchmarks were not run in the same way for all models")
    assert "'toy: 0 (model" in warned[0]


# export


def test_export_tables_list_the_anchors_in_order(bank, tmp_path):
    anchors = ItemBank.load(bank).anchors
    lines = succeed("export", bank, "--to", "jsonl").stdout.splitlines()
    assert [json.loads(line)["item"] for line in lines] == list(anchors.items)
    result = succeed("export", bank, "--to", "csv", "--items", 3, "--out", tmp_path / "a.csv")
    assert result.output == ""
    rows = read_csv(tmp_path / "a.csv")
    assert [row["item"] for row in rows] == list(anchors.items[:3])
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert {row["score"] for row in rows} == {""}
    succeed("export", bank, "--to", "csv", "--out", tmp_path / "a.csv", "--overwrite")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 13


def test_the_sheet_is_predicted_once_it_is_filled_in(bank, tmp_path):
    sheet = tmp_path / "mine.csv"
    succeed("export", bank, "--to", "csv", "--out", sheet)
    lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join([lines[0], *(f"{one}{k % 2}" for k, one in enumerate(lines[1:-1]))]))
    (found,) = json.loads(succeed("predict", bank, sheet, "--json").stdout)["predictions"]
    loaded = ItemBank.load(bank)
    answers = {item: k % 2 for k, item in enumerate(loaded.anchors.items[:-1])}
    assert found["model"] == "mine"
    assert found["score"] == loaded.predict(answers).score


def test_export_for_inspect_joins_ids(bank):
    result = succeed("export", bank, "--to", "inspect", "--task", "bench0=a", "--task", "bench1=b")
    loaded = ItemBank.load(bank)
    benchmark = dict(zip(loaded.items.ids, loaded.items.column("benchmark"), strict=True))
    named = {"bench0": "a", "bench1": "b"}
    expected = [f"{named[benchmark[one]]}:{one}" for one in loaded.anchors.items]
    assert result.stdout.strip().split(",") == expected
    assert "inspect eval" in result.stderr


# backtest


@pytest.mark.slow
def test_backtest_prints_a_table_and_writes_files(work, quick, tmp_path):
    arguments = ["backtest", work / "results.csv", "--items", "5,10", *quick]
    arguments += ["--repeats", 2, "--methods", "random+mean,random+ridge"]
    for suffix in ("md", "csv", "json"):
        result = succeed(*arguments, "--out", tmp_path / f"b.{suffix}")
    head, table, words = result.stdout.split("\n\n")
    assert head == "split random, 2 times; errors and widths in points"
    header, *rows = table.splitlines()
    assert header.split() == [
        "items",
        "method",
        "MAE",
        "RMSE",
        "bias",
        "worst",
        "Kendall",
        "held",
        "width",
        "s",
    ]
    assert [row.split()[:2] for row in rows[:2]] == [["5", "random+mean"], ["5", "random+ridge"]]
    assert len(rows) == 4
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert re.match(r"With 5 items, random\+ridge errs least: \d+\.\d points", words)
    lines = (tmp_path / "b.md").read_text().splitlines()
    assert lines[0].startswith("| split | items | method | MAE |")
    assert lines[2].startswith("| random | 5 | random+mean |")
    assert (tmp_path / "b.md").read_text().count("\n") == 6
    assert len(read_csv(tmp_path / "b.csv")) == 8
    found = json.loads((tmp_path / "b.json").read_text())
    assert (len(found["summary"]), len(found["rows"])) == (4, 8)
    assert found["rows"][0]["coverage"] is None


@pytest.mark.slow
def test_backtest_json_with_intervals_of_the_default(work, quick):
    result = succeed(
        "backtest", work / "results.csv", "--items", 8, "--repeats", 1, "--split", "few:15",
        "--methods", "default", *quick, "--json",
    )  # fmt: skip
    row = json.loads(result.stdout)["summary"][0]
    assert (row["split"], row["method"]) == ("few:15", "default")
    assert (row["items"], row["models"]) == (8, 15)
    assert 0 <= row["coverage"] <= 1
    assert "few:15: default" in result.stderr


# demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "bank"
    return out, in_process("-m", "tinyeval", "demo", "--out", out)


@pytest.mark.slow
def test_demo_beats_random_items_and_ridge_and_its_intervals_hold(demo):
    out, result = demo
    assert result.returncode == 0, result.stderr
    text = result.stdout
    ours, ridge, mean = (
        float(text.split(label)[1].split()[0])
        for label in ("tinyeval, 30 tasks", "ridge on 30 random tasks", "mean of 30 random tasks")
    )
    assert ours < 0.85 * ridge
    assert ridge < mean
    assert "over all 34 new agents" in text
    assert int(text.split("the true score: ")[1].split()[0]) >= 80
    assert len(ItemBank.load(out).anchors) == 30


@pytest.mark.slow
def test_demo_shows_a_dozen_models_over_the_range(demo):
    rows = demo[1].stdout.split("\n\n")[1].splitlines()[1:]
    truth = [float(row.split()[-2]) for row in rows]
    assert len(rows) == 12
    assert truth == sorted(truth)
    assert truth[-1] - truth[0] > 0.3
    assert max(map(len, rows)) <= 80
    for row in rows:
        predicted, error = float(row.split()[1]), float(row.split()[-1])
        assert error == pytest.approx(predicted - float(row.split()[-2]), abs=0.0011)


@pytest.mark.slow
def test_what_demo_suggests_runs_and_predicts_only_models_new_to_the_bank(demo):
    out, result = demo
    suggested = result.stdout.split("Next:\n")[1].splitlines()
    seen = set(read_results(dump_path("swebench_verified_dump")).models.ids)
    for line in suggested[:3]:
        done = succeed(*line.split()[1:])
        assert str(out) in line
    predicted = succeed("predict", out, out / "new_agents.csv", "--json").stdout
    models = [one["model"] for one in json.loads(predicted)["predictions"]]
    assert len(models) == 34
    assert min(models) >= "20250701"
    assert set(models) < seen
    assert ItemBank.load(out).source["models"] == 100
    assert done.exit_code == 0
    assert f"A page to show is {out / 'report.html'}" in result.stdout
    assert "New agents on SWE-bench Verified" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_demo_replaces_its_own_bank_and_no_other(demo):
    out, _ = demo
    assert "chose 5 of 500 tasks" in succeed("demo", "--out", out, "--items", 5).stdout
    assert len(ItemBank.load(out).anchors) == 5


def test_the_shipped_dump_is_where_it_is_looked_for():
    assert read_results(dump_path("swebench_verified_dump")).scores.shape == (134, 500)
    with pytest.raises(Exception, match="install it again"):
        dump_path("nothing")


# what is printed


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with ProgressBar() as progress:
        for done in range(4):
            progress(done, 4, "first stage")
        progress(0, 10, "second stage")
        progress(7, 10, "second stage")
        drawn = sys.stderr.getvalue()
    assert "first stage" in drawn
    assert "3/4" in drawn
    assert drawn.endswith("| 7/10")
    assert sys.stderr.getvalue().endswith("\r")


def test_progress_is_a_line_per_stage_elsewhere(capsys):
    with ProgressBar() as progress:
        for done in range(4):
            progress(done, 4, "first stage")
        progress(0, 4, "second stage")
    assert capsys.readouterr() == ("", "first stage\nsecond stage\n")


def test_table_aligns_text_left_and_numbers_right():
    text = table(["model", "n"], [["a", "1"], ["long name", "100"]])
    assert text.splitlines() == ["model        n", "a            1", "long name  100"]


def test_what_could_control_a_terminal_is_escaped():
    assert printable("plain é 漢") == "plain é 漢"
    assert printable("a\x1b[31mb\nc\udc80") == "a\\x1b[31mb\\nc\\udc80"
    assert "\x1b" not in table(["model"], [["\x1b[2J"]])
