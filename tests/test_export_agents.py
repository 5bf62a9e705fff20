"""The anchors for harnesses of agents: lists of ids, and commands that these harnesses take."""

import json
import shlex
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import simulate
from importing import harbor_trial, write

import tinyeval
from tinyeval.cli import main
from tinyeval.errors import DataError
from tinyeval.exporters import Request, export
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import Anchors
from tinyeval.tables import Table

INSTANCES = ("django__django-11740", "scikit-learn__scikit-learn-10297", "sympy__sympy-20590")
TASKS = ("fix-git", "install-windows-3.11", "hf-model-inference")


def bank_of(items, benchmark="", **run):
    """As much of a bank as an export looks at."""
    columns = {"benchmark": np.array([benchmark] * len(items), dtype=object)} if benchmark else {}
    anchors = Anchors(tuple(items), np.full(len(items), 1 / len(items)))
    return SimpleNamespace(
        items=Table(tuple(items), columns), anchors=anchors, settings={"run": run}
    )


def shown(command, folder):
    """The words of a command as a shell passes them on."""
    program, _, rest = command.partition(" ")
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {rest}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return [program, *done.stdout.splitlines()]


def test_instances_of_swe_bench_are_passed_one_by_one(tmp_path):
    text, command, _ = export(
        bank_of(INSTANCES, dataset="SWE-bench/SWE-bench_Verified"), "swebench"
    )
    assert text.splitlines() == list(INSTANCES)
    (tmp_path / "instances.txt").write_text(text)
    words = shown(command, tmp_path)
    assert words[:3] == ["python", "-m", "swebench.harness.run_evaluation"]
    assert words[words.index("--dataset_name") + 1] == "SWE-bench/SWE-bench_Verified"
    after = words[words.index("--instance_ids") + 1 :]
    assert after[:3] == list(INSTANCES)
    assert after[3:] == ["--predictions_path", "PREDICTIONS", "--run_id", "RUN"]


def test_tasks_of_terminal_bench_are_passed_one_by_one(tmp_path):
    path = tmp_path / "my tasks.txt"
    text, command, _ = export(bank_of(TASKS), "terminal-bench", Request(path=path))
    path.write_text(text)
    words = shown(command, tmp_path)
    assert words[:4] == ["harbor", "run", "-d", "terminal-bench@2.0"]
    chosen = words[4 : 4 + 2 * len(TASKS)]
    assert chosen == [word for task in TASKS for word in ("-i", task)]
    assert words[4 + 2 * len(TASKS) :] == ["-a", "AGENT", "-m", "MODEL", "-k", "ATTEMPTS"]


def test_the_benchmark_before_an_id_is_left_out_and_a_data_set_can_be_named():
    named = bank_of([f"tb/{one}" for one in TASKS], benchmark="tb", dataset="mine@1.0")
    text, command, _ = export(named, "terminal-bench")
    assert text.splitlines() == list(TASKS)
    assert shlex.split(command)[3] == "mine@1.0"
    assert "-d other@2.0" in export(named, "terminal-bench", Request(task="other@2.0")).command
    assert "--dataset_name DATASET" in export(bank_of(INSTANCES), "swebench").command


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("swebench", "gsm8k/17"),
        ("swebench", "a__b c"),
        ("swebench", "$(rm)__x-1"),
        ("terminal-bench", "fix-*"),
        ("terminal-bench", "django__django-11740"),
        ("terminal-bench", "-i"),
        ("terminal-bench", "two words"),
        ("terminal-bench", "fix-git\n"),
    ],
)
def test_other_names_are_refused(target, wrong):
    good = INSTANCES if target == "swebench" else TASKS
    with pytest.raises(DataError, match=r"1 of 4 anchors are not called like (instances|tasks)"):
        export(bank_of([*good, wrong]), target)


def test_a_report_of_the_harness_is_predicted(tmp_path, fast):
    """Of the chosen instances only, as swebench 5.0 writes it when the others have no patch."""
    scores = simulate(30, 24, seed=2)[0].scores
    items = [f"owner__repo-{k}" for k in range(24)]
    history = ResponseMatrix.from_arrays(scores, [f"agent-{k}" for k in range(30)], items)
    bank = tinyeval.build(history, items=6, settings=fast)
    bank.save(tmp_path / "bank")
    ids = export(bank, "swebench").text.split()
    report = {
        "total_instances": 24,
        "submitted_instances": 6,
        "completed_instances": 5,
        "resolved_instances": 2,
        "unresolved_instances": 3,
        "empty_patch_instances": 1,
        "error_instances": 0,
        "submitted_ids": sorted(ids),
        "completed_ids": sorted(ids[:5]),
        "incomplete_ids": sorted(set(items) - set(ids)),
        "resolved_ids": sorted(ids[:2]),
        "unresolved_ids": sorted(ids[2:5]),
        "empty_patch_ids": ids[5:],
        "error_ids": [],
        "schema_version": 2,
    }
    (tmp_path / "mine.run1.json").write_text(json.dumps(report))
    command = ["predict", tmp_path / "bank", tmp_path / "mine.run1.json", "--json", "--complete"]
    result = CliRunner().invoke(main, [str(one) for one in command])
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["predictions"]
    answers = {one: float(k < 2) for k, one in enumerate(ids)}
    assert found["model"] == "mine"
    assert found["score"] == bank.predict(answers).score


def test_jobs_of_harbor_are_predicted_by_the_bank_that_ships(tmp_path):
    out, run = tmp_path / "tasks.txt", CliRunner()
    done = run.invoke(
        main, ["export", "terminal_bench_2", "--to", "terminal-bench", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "tinyeval predict terminal_bench_2 jobs/JOB --complete" in done.stderr
    tasks = out.read_text().split()
    for k, task in enumerate(tasks):
        for n in (0, 1):
            trial = harbor_trial(task, float((k + n) % 3 == 0), n=n)
            write(tmp_path / "jobs" / "mine" / f"{task}__{n}" / "result.json", trial)
    folder = str(tmp_path / "jobs" / "mine")
    shown = run.invoke(main, ["predict", "terminal_bench_2", folder, "--complete", "--json"])
    assert shown.exit_code == 0, shown.output
    (found,) = json.loads(shown.stdout)["predictions"]
    shares = {
        f"terminal-bench/{one}": ((k % 3 == 0) + (k % 3 == 2)) / 2 for k, one in enumerate(tasks)
    }
    assert found["n_answered"] == 30
    assert found["score"] == tinyeval.load("terminal_bench_2").predict(shares).score
