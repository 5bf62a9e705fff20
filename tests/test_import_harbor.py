"""Results of Harbor's trials and jobs.

Names of fields, and which exceptions leave a reward without meaning, are those that Harbor 0.26.0
writes (``TrialResult``, ``JobResult``, its table of error policies); no real job was at hand.
"""

from __future__ import annotations

import pytest
from importing import harbor_job, harbor_trial, scores, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results

MODEL = "openai/gpt-5"


def job(folder, *results: dict):
    write(folder / "result.json", harbor_job())
    for one in results:
        write(folder / one["trial_name"] / "result.json", one)
    return folder


def test_trials_of_a_job(tmp_path):
    results = (harbor_trial("a", 1.0), harbor_trial("a", 0.0, n=2), harbor_trial("b", 0.0))
    found = import_results(job(tmp_path / "job", *results))
    assert found.format == "harbor"
    assert found.why == "n_total_trials and stats of a job (result.json)"
    assert scores(found, MODEL) == {"terminal-bench/a": 0.5, "terminal-bench/b": 0.0}
    assert trials(found, MODEL) == {"terminal-bench/a": 2, "terminal-bench/b": 1}
    assert set(found.responses.items.columns["benchmark"]) == {"terminal-bench"}
    assert (told(found), found.chosen["terminal-bench"]) == ([], {"metric": "reward"})


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_trials_that_were_not_tested(tmp_path, failures):
    """An agent that ran out of time is tested like any other; a failed provider is not."""
    results = (
        harbor_trial("a", 1.0, "AgentTimeoutError"),
        harbor_trial("b", 0.0, "NonZeroAgentExitCodeError"),
        harbor_trial("c", None, "EnvironmentStartTimeoutError"),
        harbor_trial("d", 0.0, "ApiRateLimitError"),
        harbor_trial("e", 0.0, "Own", reward_valid=False),
        harbor_trial("f", 1.0, "RateLimitError", reward_valid=True),
    )
    found = import_results(job(tmp_path, *results), failures=failures)
    mine = {one.removeprefix("terminal-bench/"): mark for one, mark in scores(found, MODEL).items()}
    lost = dict.fromkeys("cde", 0.0) if failures == "wrong" else {}
    assert mine == {"a": 1.0, "b": 0.0, "f": 1.0} | lost
    assert "3 trials were not tested" in told(found)[0]
    assert "'EnvironmentStartTimeoutError: terminal-bench/c'" in told(found)[0]


def test_a_failed_step_is_a_failure_of_its_trial(tmp_path):
    step = {"step_name": "s", "exception_info": {"exception_type": "ApiOverloadedError"}}
    results = (harbor_trial("a", 0.0, step_results=[step]), harbor_trial("b", 1.0))
    assert set(scores(import_results(job(tmp_path, *results)), MODEL)) == {"terminal-bench/b"}


def test_agents_models_and_arguments_tell_runs_apart(tmp_path):
    named = {"name": "claude-code", "version": "1", "model_info": {"name": "gpt-5"}}
    effort = {"agent": {"kwargs": {"reasoning_effort": "high", "api_key": "sk"}}}
    results = (
        harbor_trial("a", 1.0),
        harbor_trial("a", 0.0, n=2, agent_info=named),
        harbor_trial("a", 0.0, n=3, config=effort),
        harbor_trial("a", 1.0, n=4, agent_info={"name": "oracle", "version": "1.0"}),
    )
    found = import_results(job(tmp_path, *results))
    high = f"{MODEL} [args.reasoning_effort=high]"
    assert set(found.responses.models.ids) == {MODEL, "gpt-5", high, "oracle"}


def test_task_names_are_of_their_data_set(tmp_path):
    """Later versions write the data set into the name of the task: it is the same item."""
    job(tmp_path / "old", harbor_trial("a", 1.0))
    later = harbor_trial("terminal-bench/a", 0.0, source=None, trial_name="a__2")
    job(tmp_path / "new", later)
    job(tmp_path / "own", harbor_trial("a", 0.0, source=None))
    found = import_results(tmp_path)
    assert scores(found, MODEL) == {"terminal-bench/a": 0.5, "a": 0.0}
    assert set(found.responses.items.columns["benchmark"]) == {"terminal-bench", "harbor"}


def test_several_rewards_are_a_choice(tmp_path):
    rewards = {"rewards": {"reward": 1.0, "partial": 0.25}}
    results = (harbor_trial("a", 1.0, verifier_result=rewards), harbor_trial("b", 1.0))
    job(tmp_path, *results)
    with pytest.raises(DataError, match="available: 'reward', 'partial'; choose with --metric"):
        read_results(tmp_path)
    found = import_results(tmp_path, metric="partial")
    assert scores(found, MODEL) == {"terminal-bench/a": 0.25}
    assert "1 trials have no reward of that name" in told(found)[0]


def test_a_summary_of_a_job(tmp_path):
    path = write(tmp_path / "result.json", harbor_job())
    with pytest.raises(DataError, match="the summary of a job and has no trials; give the folder"):
        read_results(path)
    write(path, harbor_job([harbor_trial("a", 1.0)]))
    assert scores(import_results(path), MODEL) == {"terminal-bench/a": 1.0}
    write(tmp_path / "a__1" / "result.json", harbor_trial("a", 0.0))
    assert scores(import_results(tmp_path), MODEL) == {"terminal-bench/a": 0.0}


@pytest.mark.parametrize(
    ("one", "complaint"),
    [
        (harbor_trial("", 1.0, trial_name="x"), "expected a trial with task_name"),
        (harbor_trial("a", 30.0), r"is 30, outside \[0, 1\]"),
        (
            harbor_trial("a", 1.0, verifier_result={"rewards": {"reward": "good"}}),
            "the reward 'reward' is no number but 'good'",
        ),
    ],
)
def test_damaged(tmp_path, one, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(job(tmp_path, one))
