"""The README's commands and code run, on the results it speaks of, with the figures it shows."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tinyeval.bank.item_bank import ItemBank
from tinyeval.cli import main
from tinyeval.cli.demo import BEFORE
from tinyeval.importers import read_results, write_results
from tinyeval.responses import ResponseMatrix
from tinyeval.shipped import dump_path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def numbers(line: str) -> list[float]:
    return [float(one) for one in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.-])", line)]


@pytest.fixture(scope="module")
def agents() -> ResponseMatrix:
    """The results of which the README speaks; the agents of its session come last."""
    return read_results(dump_path("swebench_verified_dump"))


@pytest.fixture
def session(agents, tmp_path, monkeypatch) -> Path:
    """A folder with the history, as the README has it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYEVAL_BUILD_DEVICE", "cpu")
    old = agents.models.column("date") < BEFORE
    write_results(agents.take(old), Path("history.csv"))
    return tmp_path


def run(line: str) -> str:
    found = CliRunner().invoke(main, shlex.split(line, comments=True), catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def answer(agents: ResponseMatrix, names: list[str], bank: Path) -> None:
    """Write the answers of some agents to the anchors of a bank."""
    anchors = ItemBank.load(bank).anchors.items
    write_results(agents.select(models=names, items=anchors), Path("answers.csv"))


@pytest.mark.slow
def test_the_session_gives_the_figures_that_it_shows(session, agents):
    shown = re.split(r"^\$ tinyeval ", block("console"), flags=re.MULTILINE)[1:]
    assert [one.split()[0] for one in shown] == ["build", "export", "predict", "report"]
    for step in shown:
        command, *lines = step.splitlines()
        if command.startswith("predict"):
            answer(agents, [one.split()[0] for one in lines[1:]], Path("bank"))
        told = run(command).splitlines()
        for line, now in zip(lines, told, strict=False):
            assert re.sub(r"[\d.]+", "#", line).split() == re.sub(r"[\d.]+", "#", now).split()
            assert numbers(line) == pytest.approx(numbers(now), abs=0.003)
    said = re.search(r"true scores are ([\d.]+), ([\d.]+) and ([\d.]+)\.", README)
    assert said is not None
    names = [one.split()[0] for one in shown[2].splitlines()[2:]]
    truth = agents.select(models=names).scores.mean(axis=1)
    assert [float(one) for one in said.groups()] == pytest.approx(truth.tolist(), abs=5e-4)
    assert Path("report.html").stat().st_size > 50_000


@pytest.mark.slow
def test_the_python_lines_run(session, agents, monkeypatch, capsys):
    code = block("python")
    before, after = code.split("one = ")
    exec(before, names := {})
    answer(agents, [agents.models.ids[-1]], Path("bank"))
    for named, anchor in zip(
        re.findall(r'"(\w+__[\w-]+)"', after), names["bank"].anchors.items, strict=False
    ):
        after = after.replace(named, anchor)
    exec(f"one = {after}", names)
    score, lower, upper, in_range = capsys.readouterr().out.split()
    assert 0 <= float(lower) <= float(score) <= float(upper) <= 1
    assert in_range in ("True", "False")
    assert Path("report.html").exists()


@pytest.mark.slow
def test_the_comparison_runs(session, agents):
    page = (ROOT / "docs" / "reading-a-prediction.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^\$ tinyeval (compare .*)$", page, re.MULTILINE)
    run("build history.csv --items 20 --out bank")
    two = agents.take(np.arange(2))
    write_results(
        ResponseMatrix.from_arrays(two.scores, ["new", "old"], two.items.ids), Path("answers.csv")
    )
    assert run(line).startswith("A  new\nB  old\n")


def test_the_two_files_of_the_readme_are_read(tmp_path):
    history, answers = re.findall(r"```csv\n(.*?)```", README, re.DOTALL)
    for text, shape in ((history, (2, 3)), (answers, (1, 2))):
        (tmp_path / "r.csv").write_text(text)
        assert read_results(tmp_path / "r.csv").scores.shape == shape


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


def test_the_tables_are_the_measured_one():
    table = (ROOT / "paper_repro" / "first_table.md").read_text(encoding="utf-8").strip()
    assert table in (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \| (?:random|top) \| .*$", README, re.MULTILINE)
    assert len(rows) == 4
    assert set(rows) <= set(table.splitlines())


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
