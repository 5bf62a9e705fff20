"""The page on choosing a bank: its commands and its code run, and its options exist."""

import re
import shlex
from pathlib import Path

import pytest
from helpers import simulate

from tinyeval.cli import main
from tinyeval.config.expect import EXPECT
from tinyeval.importers import write_results

PAGE = (Path(__file__).parents[1] / "docs" / "choosing-a-bank.md").read_text(encoding="utf-8")


def test_the_commands_on_it_exist():
    shown = re.findall(r"^(?:\$|  ) ?(tinyeval \S.*)$", PAGE, re.MULTILINE)
    assert len(shown) == 2
    for line in shown:
        _, name, *arguments = shlex.split(line)
        main.commands[name].make_context(name, arguments, help_option_names=["-h", "--help"])


def test_goals_and_words_on_it_are_those_of_the_command():
    known = {name for one in main.commands["plan"].params for name in one.opts}
    assert set(re.findall(r"`(--[a-z-]+)[ `]", PAGE)) <= known
    assert set(re.findall(r"^\| `([a-z]+)` \|.*`[a-z_]+` \|$", PAGE, re.MULTILINE)) == set(EXPECT)


@pytest.mark.slow
def test_the_code_on_it_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_results(simulate(30, 40, seed=1)[0], tmp_path / "results.parquet")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out.startswith("Plan(error <= 0.050: ")
