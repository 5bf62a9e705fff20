"""Killed at any moment: what was there is there, the next run succeeds, nothing is left over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyeval.bank.item_bank import ItemBank
from tinyeval.importers import read_results, write_results
from tinyeval.responses import ResponseMatrix

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

ROOT = Path(__file__).parent.parent

MOMENTS = 100

# Forked, so that a child needs no time to import: the moments fall on the work itself.
KILLING = """
import os, random, signal, sys, time
from pathlib import Path
import pyarrow.parquet
import tinyeval.importers.table
from tinyeval.bank.item_bank import ItemBank
from tinyeval.importers import import_results, write_results

kind, source, target, moments = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
bank = ItemBank.load(source) if kind in ("save", "watch") else None
if kind == "build":
    from tinyeval import Settings, build, read_results
    history = read_results(source)
    settings = Settings(items=4, device="cpu").replace(
        irt={"dimensions": [1]}, interval={"folds": 2}, estimator={"method": "mean"},
        selection={"method": "random"},
    )
if kind == "watch":
    from tinyeval.training import QuickEval, Watcher
    from tinyeval.training.journal import read_journal
    quick = QuickEval(bank, lambda items, checkpoint: [1] * len(items))

def work():
    if kind == "save":
        bank.save(target, overwrite=True)
    elif kind == "build":
        build(history, settings=settings, name="killed").save(target, overwrite=True)
    elif kind == "watch":
        Watcher(target, quick, quiet=0).once()
    else:
        found = import_results(source, parts=target / "parts").responses
        write_results(found, target / "out.csv", overwrite=True)

work()  # imports what it needs
begun = time.perf_counter()
work()
taken = time.perf_counter() - begun
rng, killed = random.Random(0), 0
for _ in range(moments):
    if not (child := os.fork()):
        work()
        os._exit(0)
    time.sleep(rng.random() * 1.1 * taken)
    os.kill(child, signal.SIGKILL)
    killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    if kind == "watch":  # goes on, has each checkpoint once, and begins anew
        work()
        found = [one.step for one in read_journal(target / "predictions.jsonl")]
        assert sorted(found) == [1, 2, 3, 4, 5], found
        (target / "predictions.jsonl").unlink()
work()
print(killed)
"""


def kill(kind: str, source: Path, target: Path) -> int:
    """Do the work, kill it at many moments, do it again; returns how often it was killed."""
    command = [sys.executable, "-c", KILLING, kind, source, target, str(MOMENTS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_saving_a_bank(bank_folder, tmp_path):
    target = tmp_path / "place" / "bank"
    ItemBank.load(bank_folder).save(target)
    (target / "notes.txt").write_text("mine")
    assert kill("save", bank_folder, target) > MOMENTS // 4
    assert names(tmp_path / "place") == ["bank"]
    assert names(target) == sorted([*names(bank_folder), "notes.txt"])
    assert (target / "notes.txt").read_text() == "mine"
    found = ItemBank.load(target)
    assert found.digest == ItemBank.load(bank_folder).digest


def test_importing_with_parts(tmp_path):
    data = tmp_path / "data"
    scores = np.random.default_rng(0).integers(0, 2, (3, 20))
    for k in range(5):
        models = [f"m{k}-{j}" for j in range(3)]
        part = ResponseMatrix.from_arrays(scores, models, [f"q{j}" for j in range(20)])
        write_results(part, data / f"r{k}.csv")
    assert kill("import", data, tmp_path / "out") > MOMENTS // 4
    assert names(tmp_path / "out") == ["out.csv", "parts"]
    parts = names(tmp_path / "out" / "parts")
    assert not [one for one in parts if one.startswith(".")]
    again, plain = read_results(tmp_path / "out" / "out.csv"), read_results(data)
    assert again.models.ids == plain.models.ids
    assert json.dumps(again.scores.tolist()) == json.dumps(plain.scores.tolist())


def test_building_a_bank(tmp_path):
    scores = np.random.default_rng(0).integers(0, 2, (12, 20))
    models, items = [f"m{k}" for k in range(12)], [f"q{k}" for k in range(20)]
    write_results(ResponseMatrix.from_arrays(scores, models, items), tmp_path / "r.csv")
    target = tmp_path / "place" / "bank"
    assert kill("build", tmp_path / "r.csv", target) > MOMENTS // 4
    assert names(tmp_path / "place") == ["bank"]
    assert len(ItemBank.load(target).anchors) == 4


def test_watching_a_run(bank_folder, tmp_path):
    for step in range(1, 6):
        (tmp_path / "run" / f"checkpoint-{step}").mkdir(parents=True)
        (tmp_path / "run" / f"checkpoint-{step}" / "weights").write_text("...")
    assert kill("watch", bank_folder, tmp_path / "run") > MOMENTS // 4
    left = [one for one in names(tmp_path / "run") if not one.startswith("checkpoint-")]
    assert left == ["predictions.jsonl"]
