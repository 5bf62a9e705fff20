"""What ships is known by name, from Python and on the command line, and is in the wheel."""

import json
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import tinyeval
from item_banks.measured import PAGE, measured
from tinyeval import shipped
from tinyeval.cli import main
from tinyeval.cli.banks import TITLES
from tinyeval.errors import BankError, ConfigError

ROOT = Path(__file__).parent.parent


def run(*arguments):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder without anything of that name."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_recipe_and_bank_of_the_repository_has_a_name():
    assert set(shipped.recipes()) == {one.stem for one in (ROOT / "configs").glob("*.yaml")}
    folders = {one.parent.name for one in (ROOT / "item_banks").glob("*/manifest.json")}
    assert set(shipped.banks()) == folders
    assert folders <= set(TITLES)
    for name, folder in shipped.banks().items():
        title = json.loads((folder / "manifest.json").read_text())["name"]
        assert title in (name, name.removesuffix("_bank"))


@pytest.mark.usefixtures("elsewhere")
def test_python_knows_them_by_name():
    assert tinyeval.load("mmlu_pro").digest == tinyeval.ItemBank.load("mmlu_pro").digest
    assert tinyeval.load_settings("mrmr").selection.method == "mrmr"
    assert tinyeval.load(ROOT / "item_banks" / "mmlu_pro").name == "mmlu_pro"


@pytest.mark.usefixtures("elsewhere")
def test_a_name_that_is_none_gets_those_that_are():
    with pytest.raises(BankError, match=r"mmlu: does not exist.*banks that ship: .*mmlu_pro"):
        tinyeval.load("mmlu")
    with pytest.raises(ConfigError, match=r"mrrm: .*; recipes that ship: aipw.*mrmr"):
        tinyeval.load_settings("mrrm")
    with pytest.raises(BankError) as found:
        tinyeval.load("folder/mmlu_pro")
    assert "that ship" not in str(found.value)


def test_a_folder_of_that_name_comes_first_and_is_said(elsewhere, bank):
    bank.save("mmlu_pro")
    with pytest.warns(UserWarning, match="mmlu_pro: what lies here was taken, not the bank"):
        assert tinyeval.load("mmlu_pro").digest == bank.digest
    result = run("show", "mmlu_pro")
    assert result.exit_code == 0
    assert "what lies here was taken" in result.stderr
    assert f"{len(bank.items)} items" in result.stdout
    (elsewhere / "mrmr").write_text("items: 7\n")
    with pytest.warns(UserWarning, match="not the recipe of that name"):
        assert tinyeval.load_settings("mrmr").items == 7


def test_a_broken_folder_of_that_name_is_not_passed_over(elsewhere):
    (elsewhere / "mmlu_pro").mkdir()
    with (
        pytest.warns(UserWarning, match="was taken"),
        pytest.raises(BankError, match="manifest"),
    ):
        tinyeval.load("mmlu_pro")


def test_what_ships_is_itself_without_a_word(monkeypatch):
    monkeypatch.chdir(ROOT / "item_banks")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tinyeval.load("mmlu_pro").name == "mmlu_pro"


@pytest.mark.usefixtures("elsewhere")
def test_commands_say_that_a_bank_ships():
    result = run("show", "mmlu_pro", "--json")
    assert result.stderr == "mmlu_pro: the bank that ships with tinyeval\n"
    assert json.loads(result.stdout)["name"] == "mmlu_pro"
    exported = run("export", "mmlu_pro", "--to", "csv", "--items", "3")
    assert exported.exit_code == 0
    assert len(exported.stdout.splitlines()) == 4


@pytest.mark.usefixtures("elsewhere")
def test_a_recipe_is_taken_by_name_by_build_and_backtest(history):
    tinyeval.write_results(history, Path("results.csv"))
    options = ("--items", "5", "--device", "cpu")
    result = run("build", "results.csv", "--config", "random_ridge", *options, "--out", "bank")
    assert result.exit_code == 0, result.output
    assert "random_ridge: the recipe that ships with tinyeval" in result.stderr
    assert tinyeval.load("bank").settings["estimator"]["method"] == "ridge"
    named = ("--methods", "random_ridge", "--repeats", "1", *options)
    result = run("backtest", "results.csv", *named)
    assert result.exit_code == 0, result.output
    assert "random_ridge" in result.stdout


def test_the_banks_are_listed():
    listed = run("banks").stdout
    facts = json.loads(run("banks", "--json").stdout)
    for name, folder in shipped.banks().items():
        bank = tinyeval.ItemBank.load(folder)
        assert f"{len(bank.anchors)} of {len(bank.items)}" in listed
        assert facts[name]["digest"] == bank.digest
        error = bank.expected_error[len(bank.anchors)]
        assert facts[name]["expected_error"] == pytest.approx(error, abs=1e-6)
    assert max(map(len, listed.splitlines())) <= 100


def test_the_recipes_are_listed_with_a_sentence_each():
    listed = run("methods").stdout.partition("\n\n")[0].splitlines()[1:]
    assert [one.split()[0] for one in listed] == list(shipped.recipes())
    assert "Anchor points (Vivek et al. 2024) with kernel ridge" in "\n".join(listed)
    assert set(json.loads(run("methods", "--json").stdout)["recipes"]) == set(shipped.recipes())


@pytest.mark.slow
def test_the_wheel_has_all_of_it(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", tmp_path, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "hatchling" in done.stderr and "No matching distribution" in done.stderr:
        pytest.skip("building the wheel needs hatchling, and no index has it here")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 6 * 2**20
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    assert not list(site.rglob("data/**/*.py"))
    shutil.rmtree(tmp_path / "bank", ignore_errors=True)
    code = (
        "import json, sys, tinyeval; from tinyeval import shipped\n"
        "print(json.dumps([list(shipped.recipes()), "
        "{name: tinyeval.load(name).digest for name in shipped.banks()}, "
        "str(tinyeval.__file__)]))"
    )
    env = {"PYTHONPATH": str(site), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    recipes, banks, where = json.loads(done.stdout)
    assert where.startswith(str(site))
    assert recipes == list(shipped.recipes())
    assert banks == {name: tinyeval.load(name).digest for name in shipped.banks()}


@pytest.mark.parametrize(
    ("name", "title"),
    [("swebench_verified", "SWE-bench Verified"), ("terminal_bench_2", "Terminal-Bench")],
)
def test_the_card_of_a_bank_of_agents_quotes_what_was_measured(name, title):
    card = (ROOT / "item_banks" / name / "README.md").read_text(encoding="utf-8")
    assert measured(title) in card
    for split in ("random", "top", "date"):
        for items in (10, 20, 30, 50):
            assert f"| {split} | {items} | " in measured(title)
    with pytest.raises(LookupError, match="no section 'elsewhere'"):
        measured("elsewhere")


def test_the_page_of_banks_states_the_errors_of_the_table():
    page = (ROOT / "docs" / "banks.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"\| date \| 30 \| (.*) \|", measured("SWE-bench Verified"))
    ours, mean = (f"{float(one):.1f}" for one in row.split(" | ")[:2])
    assert f"| {ours} points, of agents submitted after those it knows" in page
    assert f"(mean of 30 random tasks: {mean})" in page
    attempts = measured("Results", PAGE.with_name("attempts.md"))
    shares, once = (
        float(re.findall(rf"\| 30 \| {way} \| attempts \| ([\d.]+) ", attempts)[0])
        for way in ("share of attempts", "one attempt")
    )
    assert f"{shares:.1f} points (once each: {once:.1f})" in page
