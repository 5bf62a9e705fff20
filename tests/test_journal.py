"""predictions.jsonl: what was written is read back, whatever interrupted the writing."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.errors import DataError
from tinyeval.prediction import Interval, Prediction
from tinyeval.training.journal import Entry, append, read_journal
from tinyeval.training.kept_answers import AnswerFile


def entry(step=10, score=0.5, name="checkpoint-10", **options):
    prediction = Prediction(
        model=name,
        score=score,
        lower=score - 0.1,
        upper=score + 0.1,
        level=0.9,
        benchmarks={"math": Interval(0.4, 0.3, 0.5)},
        ability=(0.25, -1.0),
        n_answered=100,
        in_range=True,
        misfit=False,
        warnings=("a\nwarning with ünicode",),
    )
    return Entry(step, "bank", "d" * 64, prediction, **options)


def test_entries_are_read_back(tmp_path):
    path = tmp_path / "new" / "predictions.jsonl"
    entries = [entry(k, 0.1 * k) for k in range(1, 5)]
    for one in entries:
        append(path, one)
    assert read_journal(path) == entries
    assert len(path.read_text().splitlines()) == 4


def test_no_file_is_an_empty_journal(tmp_path):
    assert read_journal(tmp_path / "none.jsonl") == []


@pytest.mark.slow
@given(st.integers(1, 10_000))
def test_a_line_that_was_cut_off_is_dropped(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("journal") / "p.jsonl"
    append(path, entry(1))
    whole = path.stat().st_size
    append(path, entry(2))
    size = path.stat().st_size
    kept = max(whole, size - cut) if cut < size - whole else whole
    with path.open("r+b") as handle:
        handle.truncate(kept)
    assert [one.step for one in read_journal(path)] == [1]
    append(path, entry(3))
    assert [one.step for one in read_journal(path)] == [1, 3]


def test_a_first_line_that_was_cut_off_is_dropped(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"step": 1, "ban')
    assert read_journal(path) == []
    append(path, entry(2))
    assert [one.step for one in read_journal(path)] == [2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": -1}, "a step of 0 or more"),
        ({"step": "7"}, "a step of 0 or more"),
        ({"step": True}, "a step of 0 or more"),
        ({"score": float("nan")}, "finite"),
        ({"score": "high"}, "one JSON object"),
        ({"upper": None}, "one JSON object"),
        ({"benchmarks": {"math": {"mean": 1}}}, "one JSON object"),
        ({"benchmarks": [1]}, "one JSON object"),
        ({"ability": 3}, "one JSON object"),
    ],
)
def test_lines_that_are_no_predictions_are_refused(tmp_path, change, message):
    path = tmp_path / "p.jsonl"
    append(path, entry(1))
    broken = json.loads(entry(2).to_json()) | change
    path.write_text(path.read_text() + json.dumps(broken) + "\n")
    with pytest.raises(DataError, match=rf"p\.jsonl:2: .*{message}"):
        read_journal(path)


@pytest.mark.parametrize("name", ["step", "bank", "digest", "model", "score", "benchmarks"])
def test_lines_that_lack_something_are_refused(tmp_path, name):
    values = json.loads(entry().to_json())
    del values[name]
    (tmp_path / "p.jsonl").write_text(json.dumps(values) + "\n")
    with pytest.raises(DataError, match=r"p\.jsonl:1"):
        read_journal(tmp_path / "p.jsonl")


@pytest.mark.parametrize("line", ["not json", "[]", "3", '"text"', "\x00\xff"])
def test_other_lines_are_refused(tmp_path, line):
    (tmp_path / "p.jsonl").write_bytes(line.encode("latin-1") + b"\n")
    with pytest.raises(DataError, match=r"p\.jsonl:1: expected a prediction"):
        read_journal(tmp_path / "p.jsonl")


def test_a_pipe_is_refused_and_does_not_hang(tmp_path):
    path = tmp_path / "predictions.jsonl"
    os.mkfifo(path)
    expected = "expected a regular file of predictions or answers, found a pipe"
    for use in (read_journal, AnswerFile, lambda one: append(one, entry())):
        with pytest.raises(DataError, match=expected):
            use(path)
