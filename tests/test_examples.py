"""The scripts of docs/examples run, a few steps each."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "docs" / "examples").glob("*.py"))
NEEDS = {"trainer": "accelerate", "lightning_trainer": "lightning", "plain_loop": "transformers"}


def test_every_example_is_named_on_the_page():
    page = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
    assert {one.stem for one in SCRIPTS} == set(NEEDS)
    assert [one.name for one in SCRIPTS if f"examples/{one.name}" not in page] == []


@pytest.mark.parametrize("name", NEEDS)
def test_an_example_trains_and_predicts(name, tmp_path):
    pytest.importorskip(NEEDS[name], reason=f"needs {NEEDS[name]}")
    command = [sys.executable, str(ROOT / "docs" / "examples" / f"{name}.py")]
    command += ["--steps", "4", "--every", "2"]
    if name != "plain_loop":
        command += ["--out", str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^step (\d): .*0\.(\d+), between", done.stdout, re.MULTILINE)
    assert [step for step, _ in found] == ["2", "4"]
    assert (tmp_path / "run" / "predictions.jsonl").exists() is (name != "plain_loop")
