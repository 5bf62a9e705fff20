"""Judgments of LiveBench."""

from __future__ import annotations

import pytest
from importing import judgment, real, scores, told, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results


def test_models_and_questions(tmp_path):
    rows = [judgment("q1", "a", 1), judgment("q2", "a", 0.25), judgment("q1", "b", 0)]
    write(tmp_path / "language" / "ground_truth_judgment.jsonl", rows, lines=True)
    other = judgment("q9", "b", 1, task="zebra", category="reasoning")
    write(tmp_path / "reasoning" / "ground_truth_judgment.jsonl", [other], lines=True)
    found = import_results(tmp_path)
    assert found.format == "livebench"
    assert scores(found, "a") == {"q1": 1.0, "q2": 0.25}
    assert scores(found, "b") == {"q1": 0.0, "q9": 1.0}
    columns = found.responses.items.columns
    assert list(columns["benchmark"]) == ["livebench_language"] * 2 + ["livebench_reasoning"]
    assert list(columns["subject"]) == ["typos", "typos", "zebra"]


def test_the_last_judgment_counts(tmp_path):
    rows = [judgment("q1", "a", 1, 5.0), judgment("q1", "a", 0, 3.0), judgment("q2", "a", 0, 1.0)]
    rows.append(judgment("q2", "a", 1, 2.0))
    found = import_results(write(tmp_path / "j.jsonl", rows, lines=True))
    assert scores(found, "a") == {"q1": 1.0, "q2": 1.0}
    assert told(found)[0].startswith("dropped: 2 questions were judged again")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (judgment("q1", "", 1), ":1: expected a judgment with 'model'"),
        (judgment("q1", "a", 55), r"is 55, outside \[0, 1\]"),
        (judgment("q1", "a", "good"), "expected a score and a time, found 'good'"),
    ],
)
def test_damaged(tmp_path, row, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "j.jsonl", [row], lines=True))


def test_real_judgments():
    found = import_results(real("livebench"))
    means = [sum(scores(found, one).values()) for one in found.responses.models.ids]
    assert found.responses.models.ids[1:] == ("zft-community-8b-bs4-02", "zft-community-8b-bs4-03")
    assert means == [2, 1, 2]
    assert found.responses.items.ids[0].startswith("032e5f4f")
