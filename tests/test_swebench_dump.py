"""The dump of SWE-bench Verified: what its README says, its licence, and how it is written."""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from item_banks.swebench_verified_dump import make
from tinyeval.importers import read_results

FOLDER = Path(make.__file__).parent


@pytest.fixture(scope="module")
def dump():
    return read_results(FOLDER / "responses.parquet")


def test_it_is_the_leaderboard(dump):
    assert dump.scores.shape == (134, 500)
    assert set(np.unique(dump.scores)) == {0.0, 1.0}
    assert dump.duplicates() == ()
    assert dump.benchmarks == ("swebench_verified",)
    assert len(set(dump.items.column("subject"))) == 12
    assert all(re.fullmatch(r"[\w-]+__[\w-]+-\d+", one) for one in dump.items.ids)
    for agent, date in zip(dump.models.ids, dump.models.column("date"), strict=True):
        assert agent.startswith(date.replace("-", "") + "_")


def test_figures_in_the_readme_are_those_of_the_dump(dump):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    share = dump.scores.mean(axis=1)
    solved = dump.scores.mean(axis=0)
    said = dict(re.findall(r"^\| ([a-z ]+) \| ([\d.]+) \|$", text, re.MULTILINE))
    assert float(said["lowest score of an agent"]) == pytest.approx(share.min(), abs=5e-4)
    assert float(said["highest score of an agent"]) == pytest.approx(share.max(), abs=5e-4)
    assert float(said["mean score"]) == pytest.approx(share.mean(), abs=5e-4)
    assert int(said["tasks that no agent resolved"]) == (solved == 0).sum()
    assert int(said["tasks that every agent resolved"]) == (solved == 1).sum()


def test_licence_and_source_lie_beside_it():
    assert "MIT License" in (FOLDER / "LICENSE").read_text(encoding="utf-8")
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "github.com/dariakryvosheieva/agent-psychometrics" in readme
    assert "62851ff8" in readme


def test_it_is_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.*")) < 80_000


def test_the_script_writes_it_again(dump, tmp_path, monkeypatch):
    names = zip(dump.models.ids, dump.scores.astype(int).tolist(), strict=True)
    lines = [
        {"subject_id": agent, "responses": dict(zip(dump.items.ids, row, strict=True))}
        for agent, row in names
    ]
    (tmp_path / "source.jsonl").write_text("\n".join(map(json.dumps, reversed(lines))))
    arguments = ["make", "--source", tmp_path / "source.jsonl", "--out", tmp_path]
    monkeypatch.setattr(sys, "argv", [str(one) for one in arguments])
    make.main()
    assert pq.read_table(tmp_path / "responses.parquet").equals(
        pq.read_table(FOLDER / "responses.parquet")
    )
    for name in ("items.csv", "models.csv"):
        with (tmp_path / name).open() as new, (FOLDER / name).open() as old:
            assert list(csv.reader(new)) == list(csv.reader(old))


def test_agents_that_were_asked_other_tasks_are_refused(tmp_path, monkeypatch):
    lines = [{"subject_id": one, "responses": {one: 1}} for one in ("a", "b")]
    (tmp_path / "source.jsonl").write_text("\n".join(map(json.dumps, lines)))
    monkeypatch.setattr(sys, "argv", ["make", "--source", str(tmp_path / "source.jsonl")])
    with pytest.raises(SystemExit, match="not asked the same instances"):
        make.main()
