"""Results of tau2-bench.

The shape is that of four real files of September 2025 (version 0.2: airline, 10 tasks, 2 trials),
which were read to the averages of their own rewards, and of what version 1 of August 2026 writes.
"""

from __future__ import annotations

import pytest
from importing import scores, simulation, tau2_run, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results

ITEMS = ("tau2_airline/0", "tau2_airline/1")


def test_trials(tmp_path):
    runs = [simulation("0", 1.0), simulation("1", 0.0), simulation("0", 0.0, 1)]
    found = import_results(write(tmp_path / "any.json", tau2_run(runs)))
    assert found.format == "tau2_bench"
    assert found.why == "info of an agent, a user and an environment (any.json)"
    assert scores(found, "org/m") == {ITEMS[0]: 0.5, ITEMS[1]: 0.0}
    assert trials(found, "org/m") == {ITEMS[0]: 2, ITEMS[1]: 1}
    assert set(found.responses.items.columns["benchmark"]) == {"tau2_airline"}
    assert told(found) == []


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_lost_simulations(tmp_path, failures):
    """One that ran out of steps has a reward of 0, and is no failure of the infrastructure."""
    runs = [
        simulation("0", 0.0, end="max_steps"),
        simulation("1", None, end="infrastructure_error"),
    ]
    found = import_results(write(tmp_path / "r.json", tau2_run(runs)), failures=failures)
    assert scores(found, "org/m") == {ITEMS[0]: 0.0} | (
        {ITEMS[1]: 0.0} if failures == "wrong" else {}
    )
    assert "1 simulations did not run to a reward" in told(found)[0]
    assert "'infrastructure_error: 1'" in told(found)[0]


def test_simulations_in_files_of_their_own(tmp_path):
    write(tmp_path / "run" / "results.json", tau2_run(None))
    for one in (simulation("0", 1.0), simulation("1", 0.0), simulation("1", 1.0, 1)):
        write(tmp_path / "run" / "simulations" / f"{one['id']}.json", one)
    found = import_results(tmp_path)
    assert (scores(found, "org/m"), found.files) == ({ITEMS[0]: 1.0, ITEMS[1]: 0.5}, 1)
    import_results(tmp_path, parts=tmp_path / "parts")
    write(tmp_path / "run" / "simulations" / "0-0.json", simulation("0", 0.0))
    again = import_results(tmp_path / "run", parts=tmp_path / "parts")
    assert scores(again, "org/m") == {ITEMS[0]: 0.0, ITEMS[1]: 0.5}  # as the file now says
    write(tmp_path / "other" / "results.json", tau2_run(None))
    with pytest.raises(DataError, match="no folder 'simulations' lies beside it; copy that"):
        read_results(tmp_path)


def test_what_tells_runs_apart(tmp_path):
    answers = [simulation("0", 1.0), simulation("1", 0.0)]
    write(tmp_path / "a.json", tau2_run(answers))
    write(tmp_path / "b.json", tau2_run(answers, agent="llm_agent_solo"))
    changed = tau2_run(answers)
    changed["info"]["environment_info"]["policy"] = "Be quick."
    write(tmp_path / "c.json", changed)
    strong = tau2_run(answers)
    strong["info"]["agent_info"]["llm_args"]["reasoning_effort"] = "high"
    write(tmp_path / "d.json", strong)
    names = import_results(tmp_path).responses.models.ids
    assert len(names) == 4
    assert "org/m [agent=llm_agent_solo]" in names
    assert any("args.reasoning_effort=high" in one for one in names)


def test_a_run_that_was_cut_short(tmp_path):
    path = write(tmp_path / "r.json", tau2_run([simulation("0", 1.0)], tasks=50))
    with pytest.raises(DataError, match=r"tau2_airline \(1 of 50\)"):
        read_results(path)


@pytest.mark.parametrize(
    ("runs", "complaint"),
    [
        ([simulation("0", 1.0), simulation("0", 0.0)], "simulation 2: .* id '0-0' again"),
        ([simulation("0", 3.0)], r"is 3, outside \[0, 1\]"),
        ([{"id": "a"}], "expected a simulation with a task_id"),
        ([{**simulation("0", 1.0), "reward_info": {"reward": "good"}}], "no number but 'good'"),
        ([], "holds no marks"),
    ],
)
def test_damaged(tmp_path, runs, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "r.json", tau2_run(runs)))
