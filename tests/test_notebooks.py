"""The notebooks run, and what they show is what is computed now."""

import importlib.util
import json
import math
import os
import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "notebooks"
FEW_STEPS = {"leaderboard": {}, "checkpoints": {"EVERY": 4, "STEPS": 12}}
NEEDS = {"leaderboard": ("jinja2",), "checkpoints": ("accelerate",)}

NUMBER = re.compile(r"(?<![\w.-])[+-]?\d[\d,]*(?:\.\d+)?(?![\w-])")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")
LIMIT = 300_000
PATHS = (r"/(?:tmp|home|root|work|usr|opt|Users|private|mnt|var)/", r"[A-Za-z]:\\\\")


def module(name):
    spec = importlib.util.spec_from_file_location(f"notebooks_{name}", FOLDER / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


execute = module("execute")


def stored(name):
    return execute.read(FOLDER / f"{name}.ipynb")


def texts(outputs):
    """What is shown as text: kind and words of each output."""
    found = []
    for one in outputs:
        for kind, text in one.get("data", {"printed": one.get("text")}).items():
            if kind != "image/png":
                found.append((kind, "".join(text)))
    return sorted(found)


def kinds(outputs):
    """The kinds of what is shown, pictures too."""
    return [(one["output_type"], *sorted(one.get("data", ()))) for one in outputs]


def same(one, two):
    """Say whether texts differ by no more than the last digits of numbers with a decimal point."""
    one, two = (TIME.sub("", text) for text in (one, two))
    if NUMBER.sub("#", one) != NUMBER.sub("#", two):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(two), strict=True)
    return all(a == b or _near(a, b) for a, b in pairs)


def _near(a, b):
    digits = len(a.partition(".")[2])
    if not digits or digits != len(b.partition(".")[2]):
        return False
    a, b = (float(one.replace(",", "")) for one in (a, b))
    return math.isclose(a, b, rel_tol=0.01, abs_tol=2.001 * 10.0**-digits)


def test_every_notebook_is_tested():
    assert {one.stem for one in FOLDER.glob("*.ipynb")} == set(FEW_STEPS)


@pytest.mark.parametrize("name", FEW_STEPS)
def test_a_notebook_is_stored_as_it_ran(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    cells = execute.code_cells(json.loads(text))
    assert len(text.encode()) < LIMIT
    assert [one["execution_count"] for one in cells] == list(range(1, len(cells) + 1))
    assert len({one["id"] for one in json.loads(text)["cells"]}) == len(json.loads(text)["cells"])
    assert any("image/png" in out.get("data", {}) for one in cells for out in one["outputs"])


@pytest.mark.parametrize("name", FEW_STEPS)
def test_no_path_of_a_machine_is_stored(name):
    shown = [
        (k, kind, text)
        for k, cell in enumerate(execute.code_cells(stored(name)), 1)
        for kind, text in [*texts(cell["outputs"]), ("source", "".join(cell["source"]))]
    ]
    assert [one for one in shown if any(re.search(path, one[2]) for path in PATHS)] == []
    assert [one for one in shown if str(ROOT) in one[2] or sys.prefix in one[2]] == []


@pytest.mark.filterwarnings("default")  # of trainers and their libraries
@pytest.mark.parametrize("name", FEW_STEPS)
def test_a_notebook_runs_and_shows_what_is_stored(name, tmp_path, monkeypatch):
    for needed in NEEDS[name]:
        pytest.importorskip(needed, reason=f"needs {needed}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYEVAL_BUILD_DEVICE", "cpu")
    notebook = stored(name)
    cells = execute.code_cells(notebook)
    compared = 0
    for cell, outputs in zip(cells, execute.run(notebook, FEW_STEPS[name]), strict=True):
        source = "".join(cell["source"])
        assert kinds(outputs) == kinds(cell["outputs"]), source
        if execute.VARIES not in execute.tags(cell):
            pairs = zip(texts(outputs), texts(cell["outputs"]), strict=True)
            wrong = [(now, then) for now, then in pairs if not same(now[1], then[1])]
            assert wrong == [], f"{source}\n\nif right: python docs/notebooks/execute.py"
            compared += len(outputs)
    assert compared >= 3
    assert os.listdir(tmp_path)  # it wrote where it ran


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("error 3.3 points", "error 3.4 points", True),
        ("error 3.3 points", "error 3.6 points", False),
        ("30 of 34", "31 of 34", False),
        ("score 0.243", "scores 0.243", False),
        ("model-3.1", "model-3.2", False),
        ("made 2026-11-27T20:24:13Z", "made 2027-01-02T03:04:05Z", True),
        ("1,234 items", "1,234 items", True),
        ("+0.071 to 0.189", "+0.072 to 0.188", True),
    ],
)
def test_what_counts_as_the_same_text(one, two, alike):
    assert same(one, two) is alike


def test_the_site_shows_cells_and_outputs(tmp_path):
    pytest.importorskip("mkdocs", reason="needs mkdocs")
    path = tmp_path / "a.ipynb"
    picture = {"data": {"image/png": "QUJD", "text/plain": ['Figure(x="<b>")']}}
    table = {"data": {"text/html": ["<table></table>"], "text/plain": ["T"]}}
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Words."]},
        {"cell_type": "code", "source": ["x = 1\n", "x"], "outputs": [{"text": ["printed\n"]}]},
        {"cell_type": "code", "source": ["y"], "outputs": [table, picture]},
    ]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert module("page").to_markdown(path) == (
        "# Title\n\nWords.\n\n[Download this notebook](a.ipynb)\n\n"
        "```python\nx = 1\nx\n```\n\n```text\nprinted\n```\n\n```python\ny\n```\n\n"
        '<div class="notebook-output"><table></table></div>\n\n'
        '<div class="notebook-output">'
        '<img alt="Figure(x=&quot;&lt;b&gt;&quot;)" src="data:image/png;base64,QUJD"></div>\n'
    )
