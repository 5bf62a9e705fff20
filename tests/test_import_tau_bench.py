"""Results of tau-bench."""

from __future__ import annotations

import pytest
from importing import real, scores, tau_trial, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results

NAME = "tool-calling-gpt-4o-2024-08-06-{t}_range_0-{last}_user-gpt-4o-llm_0512101010.json"


def test_trials(tmp_path):
    rows = [tau_trial(k, float(k == t), t) for t in (0, 1) for k in (0, 1, 2)]
    found = import_results(write(tmp_path / "sonnet-35-new-airline.json", rows))
    assert (found.format, found.responses.models.ids) == ("tau_bench", ("sonnet-35-new",))
    assert found.why == "trials with task_id, reward and traj (sonnet-35-new-airline.json)"
    items = [f"tau_bench_airline/{k}" for k in range(3)]
    assert scores(found, "sonnet-35-new") == dict(zip(items, [0.5, 0.5, 0.0], strict=True))
    assert trials(found, "sonnet-35-new") == dict.fromkeys(items, 2)


def test_tasks_of_two_domains_are_not_the_same(tmp_path):
    write(tmp_path / "m-airline.json", [tau_trial(0, 1.0)])
    write(tmp_path / "m-retail.json", [tau_trial(0, 0.0)])
    found = import_results(tmp_path)
    assert scores(found, "m") == {"tau_bench_airline/0": 1.0, "tau_bench_retail/0": 0.0}


def test_the_name_says_how_it_was_run(tmp_path):
    rows = [tau_trial(0, 1.0, task={"actions": [{"name": "cancel_pending_order"}]})]
    write(tmp_path / NAME.format(t="0.0", last=-1), rows)
    found = import_results(tmp_path)
    assert scores(found, "gpt-4o-2024-08-06") == {"tau_bench_retail/0": 1.0}
    assert told(found) == []
    rows[0]["reward"] = 0.0
    write(tmp_path / NAME.format(t="1.0", last=5), rows)
    found = import_results(tmp_path)
    names = ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06 [temperature=1.0]")
    assert found.responses.models.ids == names
    assert any("a range of the tasks only" in one for one in told(found))


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_exceptions(tmp_path, failures):
    rows = [tau_trial(0, 1.0), tau_trial(1, 0.0, error="rate limit", traceback="...")]
    found = import_results(write(tmp_path / "m_airline.json", rows), failures=failures)
    lost = {"tau_bench_airline/1": 0.0} if failures == "wrong" else {}
    assert scores(found, "m") == {"tau_bench_airline/0": 1.0} | lost
    assert "1 trials ended with an exception" in told(found)[0]


def test_without_a_domain(tmp_path):
    path = write(tmp_path / "m.json", [tau_trial(0, 1.0)])
    with pytest.raises(DataError, match="put airline or retail into the name of the file"):
        read_results(path)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([tau_trial(0, 1.0), tau_trial(0, 0.0)], "task '0', trial '0' again"),
        ([tau_trial(0, 3.0)], r"is 3, outside \[0, 1\]"),
        ([tau_trial(0, "good")], "the reward is no number but 'good'"),
    ],
)
def test_damaged(tmp_path, rows, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "m-airline.json", rows))


def test_real_trials():
    found = import_results(real("tau_bench"))
    mine = scores(found, "gpt-4o")
    assert (len(mine), sum(mine.values()) / 50) == (50, pytest.approx(0.42))
    assert set(trials(found, "gpt-4o").values()) == {4}
