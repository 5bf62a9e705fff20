"""The README's own commands and code run, on results of the shape it speaks of."""

import re
import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import simulate

from tinyeval.bank.item_bank import ItemBank
from tinyeval.cli import main
from tinyeval.importers import write_results
from tinyeval.responses import ResponseMatrix

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def results(tmp_path, monkeypatch) -> ResponseMatrix:
    """A results.parquet in the current folder, its items named as in the README."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYEVAL_BUILD_DEVICE", "cpu")
    scores = simulate(40, 150, seed=1)[0].scores
    items = [f"item-{k}" for k in range(150)]
    responses = ResponseMatrix.from_arrays(scores, [f"model-{k}" for k in range(40)], items)
    write_results(responses, tmp_path / "results.parquet")
    return responses


def test_the_terminal_session_runs(results):
    commands = re.findall(r"^\$ tinyeval ([^#\n]*)", block("console"), re.MULTILINE)
    assert [one.split()[0] for one in commands] == ["build", "show", "export", "predict"]
    for command in commands:
        if command.startswith("predict"):
            anchors = ItemBank.load("bank").anchors.items
            one = results.select(models=["model-3"], items=anchors)
            write_results(one, Path("answers.csv"))
        found = CliRunner().invoke(main, shlex.split(command), catch_exceptions=False)
        assert found.exit_code == 0, found.output
    header, row = found.stdout.splitlines()[:2]
    assert header.split()[:6] == ["model", "score", "90", "%", "interval", "answered"]
    assert row.startswith("model-3")


@pytest.mark.slow
def test_the_comparison_runs(results):
    (line,) = re.findall(r"^\$ tinyeval (compare .*)$", README, re.MULTILINE)
    succeed = partial(CliRunner().invoke, main, catch_exceptions=False)
    assert succeed(["build", "results.parquet", "--items", "20", "--out", "bank"]).exit_code == 0
    two = results.take(np.arange(2))
    write_results(
        ResponseMatrix.from_arrays(two.scores, ["new", "old"], two.items.ids), Path("answers.csv")
    )
    found = succeed(shlex.split(line))
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("A  new\nB  old\n")


def test_the_python_lines_run(results, capsys):
    code = block("python")
    build, predict = code.split("prediction =")
    exec(build, {})
    anchors = ItemBank.load("bank").anchors.items[:3]
    for named, anchor in zip(re.findall(r"item-\d+", predict), anchors, strict=True):
        predict = predict.replace(f'"{named}"', f'"{anchor}"')
    exec(
        f"{build.splitlines()[0]}\nbank = tinyeval.ItemBank.load('bank')\nprediction ={predict}", {}
    )
    score, lower, upper, in_range = capsys.readouterr().out.split()
    assert 0 <= float(lower) <= float(score) <= float(upper) <= 1
    assert in_range in ("True", "False")


def test_the_two_commands_are_there():
    marked = [line for line in README.splitlines() if re.search(r"# (run|test)$", line)]
    assert [line.rsplit("# ")[-1] for line in marked] == ["run", "test"]
    assert marked[0].split("#")[0].strip().endswith("tinyeval demo")
    assert marked[1].split("#")[0].strip().endswith("pytest")


def test_every_link_into_the_repository_leads_somewhere():
    for page in (
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "paper_repro").glob("*.md"),
    ):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_table_is_the_measured_one():
    table = (ROOT / "paper_repro" / "first_table.md").read_text(encoding="utf-8").strip()
    assert table in README


def test_the_banks_that_ship_load_and_predict():
    for name, anchors in (("mmlu_pro", 100), ("digits", 50)):
        bank = ItemBank.load(ROOT / "item_banks" / name)
        assert len(bank.anchors) == anchors
        means = dict(zip(bank.items.ids, bank.items.columns["mean_score"], strict=True))
        prediction = bank.predict({item: means[item] for item in bank.anchors.items})
        overall = float(np.mean(list(means.values())))
        assert prediction.lower <= overall <= prediction.upper
        assert abs(prediction.score - overall) < 0.03


def test_the_digits_ship_with_their_content():
    bank = ItemBank.load(ROOT / "item_banks" / "digits")
    assert bank.content is not None
    for item in bank.anchors.items:
        assert len(bank.content[item]["pixels"]) == 64
        assert bank.content[item]["label"] in range(10)
