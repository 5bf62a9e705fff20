"""Results of Terminal-Bench: of runs, and of single trials."""

from __future__ import annotations

import pytest
from importing import real, scores, tb_trial, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results

DATES = ("2025-09-06__18-59-06", "2025-09-07__10-00-00")


def run(root, date: str, results: list[dict], **about):
    folder = root / date
    resolved = sum(one["is_resolved"] is True for one in results)
    content = {"id": "u", "results": results, "pass_at_k": {}, "n_resolved": resolved}
    write(folder / "results.json", content | {"accuracy": resolved / len(results)})
    if about:
        write(folder / "run_metadata.json", {"run_id": date, **about})
    return folder


def test_trials_of_a_run(tmp_path):
    results = [tb_trial("a", True, n=1), tb_trial("a", False, "agent_timeout", 2)]
    run(tmp_path, DATES[0], [*results, tb_trial("b", False)], model_name="org/m", agent_name="t1")
    found = import_results(tmp_path)
    assert found.format == "terminal_bench"
    assert found.why == "trials with is_resolved and failure_mode (results.json)"
    assert scores(found, "org/m") == {"a": 0.5, "b": 0.0}
    assert trials(found, "org/m") == {"a": 2, "b": 1}
    assert set(found.responses.items.columns["benchmark"]) == {"terminal-bench-core"}


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_trials_that_were_not_tested(tmp_path, failures):
    results = [
        tb_trial("a", None, "test_timeout"),
        tb_trial("b", False, "agent_installation_failed"),
        tb_trial("c", True, "agent_timeout"),
        tb_trial("d", False, "context_length_exceeded"),
    ]
    run(tmp_path, DATES[0], results, model_name="m")
    found = import_results(tmp_path, failures=failures)
    lost = {"a": 0.0, "b": 0.0} if failures == "wrong" else {}
    assert scores(found, "m") == {"c": 1.0, "d": 0.0} | lost
    assert "2 trials were not tested" in told(found)[0]
    assert "'test_timeout: a'" in told(found)[0]


def test_runs_of_one_model_are_repeats_and_agents_are_told_apart(tmp_path):
    for k, date in enumerate(DATES):
        run(tmp_path, date, [tb_trial("a", k == 0)], model_name="m", agent_name="t1")
    found = import_results(tmp_path)
    assert (scores(found, "m"), trials(found, "m")) == ({"a": 0.5}, {"a": 2})
    run(tmp_path, DATES[1], [tb_trial("a", False)], model_name="m", agent_name="t2")
    found = import_results(tmp_path)
    assert found.responses.models.ids == ("m [agent=t1]", "m [agent=t2]")


def test_single_trials_are_of_their_run(tmp_path):
    folder = tmp_path / "20250901_terminus_gpt-5" / DATES[0]
    for n in (1, 2, 3):  # equal trials are not copies of one
        trial = tb_trial("a", False, n=n)
        write(folder / "a" / trial["trial_name"] / "results.json", trial)
    trial = tb_trial("b", True)
    write(folder / "b" / trial["trial_name"] / "results.json", trial)
    found = import_results(tmp_path)
    assert scores(found, "terminus_gpt-5") == {"a": 0.0, "b": 1.0}
    assert trials(found, "terminus_gpt-5") == {"a": 3, "b": 1}
    assert [one.kind for one in found.findings] == ["guessed"]


def test_a_run_and_its_trials_are_read_once(tmp_path):
    trial = tb_trial("a", True)
    folder = run(tmp_path, DATES[0], [trial, tb_trial("a", False, n=2)], model_name="m")
    write(folder / "a" / trial["trial_name"] / "results.json", trial)
    assert trials(import_results(tmp_path), "m") == {"a": 2}


def test_another_data_set_is_another_benchmark(tmp_path):
    run(tmp_path, DATES[0], [tb_trial("a", True)], model_name="m", dataset_name="swelancer")
    found = import_results(tmp_path)
    assert set(found.responses.items.columns["benchmark"]) == {"swelancer"}


def test_part_of_the_tasks_needs_leave(tmp_path):
    run(tmp_path, DATES[0], [tb_trial("a", True)], model_name="m", dataset_size=80)
    with pytest.raises(DataError, match=r"terminal-bench-core \(1 of 80\).*--partial"):
        read_results(tmp_path)
    assert scores(import_results(tmp_path, partial=True), "m") == {"a": 1.0}


@pytest.mark.parametrize("resolved", ["yes", 1])
def test_damaged(tmp_path, resolved):
    path = write(tmp_path / "results.json", tb_trial("a", resolved))
    with pytest.raises(DataError, match="is_resolved true, false or null"):
        read_results(path)


def test_real_trials():
    found = import_results(real("terminal_bench"))
    expected = dict.fromkeys(
        ["blind-maze-explorer-5x5", "crack-7z-hash.hard", "fix-pandas-version"], 1.0
    )
    assert scores(found, "terminal_bench") == expected  # two of them ran out of time, and passed
    assert [one.kind for one in found.findings] == ["guessed"]
