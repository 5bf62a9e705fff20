"""From a bank through the real lm-evaluation-harness and back, and what must be refused there."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import simulate

pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
pytest.importorskip("transformers", reason="needs tinyeval[hf]")

from harness import choice_task, log_lm_eval, run_lm_eval
from language_models import bpe, choice_items, tiny_model

from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.cli import main
from tinyeval.responses import ResponseMatrix
from tinyeval.training import CausalLM, Item, QuickEval

pytestmark = pytest.mark.slow

N = 40
ITEMS = choice_items(N, seed=8)


@pytest.fixture(scope="module")
def place(tmp_path_factory, fast):
    """A local task of 40 documents and a bank of its items, with lm-eval's own hashes."""
    folder = tmp_path_factory.mktemp("round trip")
    (folder / "tasks").mkdir()
    choice_task(ITEMS, "mine", folder / "tasks")
    documents = run_lm_eval("dummy", folder / "tasks")["samples"]["mine"]
    hashes = {f"mine/{row['doc_id']}": row["doc_hash"] for row in documents}
    ids = [f"mine/{k}" for k in range(N)]
    responses = ResponseMatrix.from_arrays(simulate(60, N, seed=2)[0].scores, range(60), ids)
    notes = {"benchmark": ["mine"] * N, "hash": [hashes[one] for one in ids]}
    columns = {name: np.array(values, dtype=object) for name, values in notes.items()}
    responses = replace(responses, items=responses.items.with_columns(**columns))
    bank = build(responses, settings=fast.replace(items=12), name="mine")
    content = {f"mine/{k}": one.content for k, one in enumerate(ITEMS)}
    replace(bank, content=content).save(folder / "bank")
    return folder


def cli(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def samples_of(place, out):
    """The anchors as `tinyeval export` writes them; and what it says on stderr."""
    found = cli("export", place / "bank", "--to", "lm-eval", "--out", out)
    assert found.exit_code == 0, found.output
    return json.loads(out.read_text()), found.stderr


def predict(place, folder, *arguments):
    return cli("predict", place / "bank", folder, "--metric", "acc", *arguments)


def test_the_commands_that_export_shows_lead_to_the_prediction(place, tmp_path, monkeypatch):
    """Export, the real command line with a real model in a folder, and predict: one number."""
    monkeypatch.chdir(tmp_path)
    tiny_model().save_pretrained("model")
    bpe().save_pretrained("model")
    samples, shown = samples_of(place, Path("samples.json"))
    bank = ItemBank.load(place / "bank")
    anchors = set(bank.anchors.items)
    assert {f"mine/{k}" for k in samples["mine"]} == anchors
    run, then = re.findall(r"^  (lm-eval|tinyeval) (.*)$", shown, re.MULTILINE)
    command = [sys.executable, "-m", "lm_eval", *shlex.split(run[1].replace("MODEL", "model"))]
    command += ["--include_path", str(place / "tasks"), "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = cli(*shlex.split(then[1]), "--metric", "acc", "--json")
    assert found.exit_code == 0, found.output
    (shown,) = json.loads(found.stdout)["predictions"]
    assert (shown["model"], shown["n_answered"]) == ("model", 12)
    expected = QuickEval(bank, CausalLM()).run(Path("model"))
    assert shown["score"] == pytest.approx(expected.score, abs=1e-6)
    assert shown["lower"] == pytest.approx(expected.lower, abs=1e-6)


def test_an_unsorted_list_is_refused(place, tmp_path):
    samples, _ = samples_of(place, tmp_path / "samples.json")
    unsorted = {"mine": samples["mine"][::-1]}
    logs = log_lm_eval("dummy", place / "tasks", tmp_path / "out", unsorted)
    found = predict(place, logs)
    assert found.exit_code == 1
    assert "not sorted" in found.stderr
    assert "mine/" in found.stderr


def test_another_revision_of_the_data_is_refused(place, tmp_path):
    samples, _ = samples_of(place, tmp_path / "samples.json")
    k = samples["mine"][3]
    changed = [*ITEMS]
    changed[k] = Item(ITEMS[k].id, {**ITEMS[k].content, "prompt": "another question"})
    (tmp_path / "tasks").mkdir()
    choice_task(changed, "mine", tmp_path / "tasks")
    logs = log_lm_eval("dummy", tmp_path / "tasks", tmp_path / "out", samples)
    found = predict(place, logs)
    assert found.exit_code == 1
    assert f"'mine/{k}' has the content hash" in found.stderr


def test_a_run_that_lacks_anchors_is_refused_where_all_are_asked_for(place, tmp_path):
    samples, _ = samples_of(place, tmp_path / "samples.json")
    cut = {"mine": samples["mine"][:-2]}
    logs = log_lm_eval("dummy", place / "tasks", tmp_path / "out", cut)
    found = predict(place, logs, "--complete")
    assert found.exit_code == 1
    assert "lacks 2 of the bank's 12 anchors" in found.stderr
    assert f"'mine/{samples['mine'][-1]}'" in found.stderr
    # else they count as unanswered, which the prediction says
    found = predict(place, logs)
    assert found.exit_code == 0
    assert "2 of 12 anchors are unanswered" in found.stderr


def test_a_run_of_another_task_is_refused(place, tmp_path):
    (tmp_path / "tasks").mkdir()
    choice_task(ITEMS, "yours", tmp_path / "tasks")
    logs = log_lm_eval("dummy", tmp_path / "tasks", tmp_path / "out", {"yours": [0, 1]})
    found = predict(place, logs)
    assert found.exit_code == 1
    assert "share no item with the bank's 12 anchors" in found.stderr


def test_a_full_run_gives_the_same_prediction_as_its_anchors(place, tmp_path):
    samples, _ = samples_of(place, tmp_path / "samples.json")
    logs = log_lm_eval("dummy", place / "tasks", tmp_path / "all")
    whole = predict(place, logs, "--json", "--complete")
    (file,) = logs.rglob("samples_*.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    chosen = [row for row in rows if row["doc_id"] in samples["mine"]]
    file.write_text("".join(json.dumps(row) + "\n" for row in chosen))
    part = predict(place, logs, "--json", "--complete")
    assert json.loads(whole.stdout) == json.loads(part.stdout)
