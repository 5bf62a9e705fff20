"""Results of Harbor, which runs Terminal-Bench 2.0."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from importing import harbor_trial, scores, told, trials, write

import tinyeval
from tinyeval.cli import main
from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results


def job(root, name: str, results: list[dict]):
    for k, one in enumerate(results):
        write(root / name / f"{one['task_name'].rpartition('/')[2]}__{k}" / "result.json", one)
    write(root / name / "result.json", {"id": "j", "n_total_trials": len(results), "stats": {}})
    return root / name


def test_attempts_at_a_task_are_averaged_and_counted(tmp_path):
    attempts = [harbor_trial("fix-git", k, n) for n, k in enumerate((1.0, 0.0, 1.0, 0))]
    job(tmp_path, "j1", [*attempts, harbor_trial("hello", 0.25)])
    found = import_results(tmp_path)
    assert found.format == "harbor"
    assert found.why == "a trial with task_name and task_checksum (result.json)"
    assert scores(found, "m") == {"fix-git": 0.5, "hello": 0.25}
    assert trials(found, "m") == {"fix-git": 4, "hello": 1}
    assert set(found.responses.items.columns["benchmark"]) == {"terminal-bench"}
    assert told(found) == []


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_trials_that_were_not_verified(tmp_path, failures):
    results = [harbor_trial("a", None), harbor_trial("b", 1), harbor_trial("b", None)]
    found = import_results(job(tmp_path, "j", results), failures=failures)
    wrong = failures == "wrong"
    assert scores(found, "m") == ({"a": 0.0, "b": 0.5} if wrong else {"b": 1.0})
    assert "2 trials were not verified" in told(found)[0]
    assert "'DockerError: a'" in told(found)[0]


def test_jobs_are_repeats_and_agents_are_told_apart(tmp_path):
    job(tmp_path, "j1", [harbor_trial("a", 1)])
    job(tmp_path, "j2", [harbor_trial("a", 0)])
    found = import_results(tmp_path)
    assert (scores(found, "m"), trials(found, "m")) == ({"a": 0.5}, {"a": 2})
    other = {"name": "codex", "version": "1", "model_info": {"name": "m"}}
    job(tmp_path, "j3", [harbor_trial("a", 0, agent_info=other)])
    assert set(import_results(tmp_path).responses.models.ids) == {
        "m [agent=codex]",
        "m [agent=terminus-2]",
    }


def test_an_agent_without_a_model_goes_by_its_name_and_an_owner_is_left_out(tmp_path):
    about = {"name": "oracle", "version": "1", "model_info": None}
    one = harbor_trial("terminal-bench/fix-git", 1, agent_info=about, source=None)
    found = import_results(job(tmp_path, "j", [one]))
    assert scores(found, "oracle") == {"fix-git": 1.0}
    assert set(found.responses.items.columns["benchmark"]) == {"harbor"}


def test_a_reward_is_the_only_one_or_is_called_so(tmp_path):
    several = {"rewards": {"speed": 0.1, "reward": 1}}
    path = job(tmp_path, "j", [harbor_trial("a", 1, verifier_result=several)])
    assert scores(import_results(path), "m") == {"a": 1.0}
    only = {"rewards": {"tests": 0.5}}
    path = job(tmp_path, "k", [harbor_trial("a", 1, verifier_result=only)])
    assert scores(import_results(path), "m") == {"a": 0.5}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"verifier_result": {"rewards": {"a": 1, "b": 0}}}, "a single reward or one called"),
        ({"verifier_result": {"rewards": {"reward": "yes"}}}, "the reward is no number but 'yes'"),
        ({"verifier_result": {"rewards": {"reward": 7}}}, r"outside \[0, 1\]"),
        ({"verifier_result": {"rewards": [1]}}, r"found \[1\]"),
        ({"agent_info": None}, "agent_info with the name"),
        ({"agent_info": {"name": ""}}, "agent_info with the name"),
    ],
)
def test_other_trials_are_refused(tmp_path, more, message):
    path = job(tmp_path, "j", [harbor_trial("a", 1, **more)])
    with pytest.raises(DataError, match=message):
        read_results(path)


def test_a_task_name_that_is_none_is_refused(tmp_path):
    path = job(tmp_path, "j", [harbor_trial("a", 1)]) / "a__0" / "result.json"
    write(path, {**harbor_trial("a", 1), "task_name": 3})
    with pytest.raises(DataError, match="expected a trial with the text task_name"):
        import_results(path.parent, format="harbor")


def test_from_the_bank_that_ships_to_a_prediction(tmp_path):
    out = tmp_path / "tasks.txt"
    run = CliRunner()
    done = run.invoke(
        main, ["export", "terminal_bench_2", "--to", "terminal-bench", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "tinyeval predict terminal_bench_2 jobs/JOB --complete" in done.stderr
    tasks = out.read_text().split()
    results = [
        harbor_trial(one, float((k + n) % 3 == 0), n) for k, one in enumerate(tasks) for n in (0, 1)
    ]
    folder = job(tmp_path / "jobs", "mine", results)
    shown = run.invoke(main, ["predict", "terminal_bench_2", str(folder), "--complete", "--json"])
    assert shown.exit_code == 0, shown.output
    (found,) = json.loads(shown.stdout)["predictions"]
    shares = {one: ((k % 3 == 0) + ((k + 1) % 3 == 0)) / 2 for k, one in enumerate(tasks)}
    assert found["n_answered"] == 30
    assert found["score"] == tinyeval.load("terminal_bench_2").predict(shares).score
