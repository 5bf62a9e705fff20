"""Logs of OpenAI Evals.

The shape is that of the repository's own recorder (November 2025) and of a real log of April 2023,
whose final report stands in the second line, before the events.
"""

from __future__ import annotations

import pytest
from importing import evals_log, scores, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results


def test_matches(tmp_path):
    write(tmp_path / "a.jsonl", evals_log({"coqa.dev.2": False, "coqa.dev.0": True}), lines=True)
    write(tmp_path / "b.jsonl", evals_log({"coqa.dev.2": True}, model="o3"), lines=True)
    found = import_results(tmp_path)
    assert found.format == "openai_evals"
    assert found.why == "the spec of a run with eval_name and run_config (a.jsonl)"
    assert scores(found, "gpt-4o") == {"coqa.dev.2": 0.0, "coqa.dev.0": 1.0}
    assert scores(found, "o3") == {"coqa.dev.2": 1.0}
    assert found.chosen == {"coqa.dev.v0": {"metric": "correct"}}
    assert told(found) == []


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_errors(tmp_path, failures):
    path = write(tmp_path / "a.jsonl", evals_log({"s.0": True, "s.1": None}), lines=True)
    found = import_results(path, failures=failures)
    assert scores(found, "gpt-4o") == {"s.0": 1.0} | ({"s.1": 0.0} if failures == "wrong" else {})
    assert "1 samples ended with an error" in told(found)[0]
    assert "'RateLimitError: s.1'" in told(found)[0]


def test_marks_of_a_grader(tmp_path):
    lines = evals_log({})
    for name, score in (("s.0", 1.0), ("s.0", 0.5), ("s.1", None)):
        data = {"choice": "Y", "score": score, "metascore": True}
        lines.append({"sample_id": name, "type": "metrics", "data": data})
    path = write(tmp_path / "a.jsonl", lines, lines=True)
    with pytest.raises(DataError, match="2 metrics, expected one; available: 'score', 'metascore'"):
        read_results(path)
    found = import_results(path, metric="score")
    assert scores(found, "gpt-4o") == {"s.0": 0.75}
    assert trials(import_results(path, metric="metascore"), "gpt-4o") == {"s.0": 2, "s.1": 1}


def test_runs_that_are_not_whole(tmp_path):
    path = write(tmp_path / "a.jsonl", evals_log({"s.0": True}, max_samples=5), lines=True)
    with pytest.raises(DataError, match="was run with --max_samples 5, and does not say how many"):
        read_results(path)
    assert scores(import_results(path, partial=True), "gpt-4o") == {"s.0": 1.0}
    write(path, [one for one in evals_log({"s.0": True}) if "final_report" not in one], lines=True)
    assert "1 logs have no final report" in told(import_results(path))[0]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (evals_log({}), "has no event 'match', nor 'metrics' with a number"),
        (evals_log({"s.0": "good"}), "a.jsonl:4: 'correct' is no number but 'good'"),
        (evals_log({"s.0": True}, model=" "), "a.jsonl: expected completion_fns in the spec"),
    ],
)
def test_damaged(tmp_path, lines, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "a.jsonl", lines, lines=True))
