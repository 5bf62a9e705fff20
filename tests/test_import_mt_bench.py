"""Judgments of MT-Bench and marks of WildBench: from 1 to 10."""

from __future__ import annotations

import json

import numpy as np
import pytest
from importing import mark, real, scores, session, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results


def test_turns_are_items(tmp_path):
    rows = [mark(81, 1, 10), mark(81, 2, 1), mark(82, 1, 5.5), mark(81, 1, 4, "n")]
    found = import_results(write(tmp_path / "gpt-4_single.jsonl", rows, lines=True))
    assert found.format == "mt_bench"
    assert scores(found, "m") == {"mt_bench/81/1": 1.0, "mt_bench/81/2": 0.0, "mt_bench/82/1": 0.5}
    assert scores(found, "n") == pytest.approx({"mt_bench/81/1": 1 / 3})
    assert list(found.responses.items.columns["subject"]) == ["turn 1", "turn 2", "turn 1"]
    assert told(found) == ["turned: 4 marks from 1 to 10 were turned into scores from 0 to 1"]


def test_judgments_that_could_not_be_read_are_missing(tmp_path):
    rows = [mark(81, 1, -1), mark(82, 1, 10)]
    found = import_results(write(tmp_path / "j.jsonl", rows, lines=True))
    assert scores(found, "m") == {"mt_bench/82/1": 1.0}
    assert told(found)[0].startswith("missing: 1 judgments could not be read")


def test_judges_are_chosen_between(tmp_path):
    rows = [mark(81, 1, 10), mark(81, 1, 1, judge="claude")]
    path = write(tmp_path / "j.jsonl", rows, lines=True)
    with pytest.raises(DataError, match=r"2 filters.*'gpt-4', 'claude'"):
        read_results(path)
    assert scores(import_results(path, filter="claude"), "m") == {"mt_bench/81/1": 0.0}


def test_marks_given_twice_are_trials(tmp_path):
    path = write(tmp_path / "j.jsonl", [mark(81, 1, 10), mark(81, 1, 1)], lines=True)
    found = import_results(path)
    assert scores(found, "m") == {"mt_bench/81/1": 0.5}
    assert trials(found, "m") == {"mt_bench/81/1": 2}


def test_another_scale_is_the_users(tmp_path):
    path = write(tmp_path / "j.jsonl", [mark(81, 1, 5)], lines=True)
    found = import_results(path, scale=(0, 10))
    assert scores(found, "m") == {"mt_bench/81/1": 0.5}
    assert told(found) == []


def test_pairs_are_refused(tmp_path):
    row = {"question_id": 81, "model_1": "a", "model_2": "b", "g1_winner": "tie", "judge": ["x"]}
    with pytest.raises(DataError, match="judgments of pairs of models"):
        read_results(write(tmp_path / "gpt-4_pair.jsonl", [row], lines=True))
    write(tmp_path / "gpt-4_single.jsonl", [mark(81, 1, 10)], lines=True)
    found = import_results(tmp_path)
    assert scores(found, "m") == {"mt_bench/81/1": 1.0}
    left = "dropped: 1 files of judgments of pairs of models were left out: 'gpt-4_pair.jsonl'"
    assert left in told(found)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (mark(81, 1, 11), "is 11, outside the scale 1 to 10"),
        (mark(81, 1, "good"), "the score is no number but 'good'"),
        (mark(81, 1, 3, ""), "expected a judgment with 'model'"),
    ],
)
def test_damaged(tmp_path, row, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "j.jsonl", [row], lines=True))


def test_real_judgments():
    folder = real("mt_bench")
    found = import_results(folder)
    lines = next(folder.glob("*.jsonl")).read_text().splitlines()
    rows = [json.loads(one) for one in lines]
    for model in found.responses.models.ids:
        said = np.mean([one["score"] for one in rows if one["model"] == model])
        mine = np.mean(list(scores(found, model).values()))
        assert 1 + 9 * mine == pytest.approx(said, abs=1e-5)


# --- WildBench ----------------------------------------------------------------------------------


def test_wildbench(tmp_path):
    folder = tmp_path / "v2.0625" / "score.v2" / "eval=gpt-4o"
    write(folder / "m.json", [session("a", "1"), session("b", "7"), session("c", 10)])
    write(folder / "n.json", [session("a", "5.5", "org/n")])
    found = import_results(tmp_path)
    assert found.format == "wildbench"
    mine = scores(found, "org/m")
    assert mine == pytest.approx({"wildbench/a": 0.0, "wildbench/b": 2 / 3, "wildbench/c": 1.0})
    # WildBench itself reports (mean - 5) * 2, of marks from 1 to 10
    assert (1 + 9 * np.mean(list(mine.values())) - 5) * 2 == pytest.approx((6 - 5) * 2)
    assert scores(found, "org/n") == {"wildbench/a": 0.5}


def test_wildbench_judges_are_told_apart(tmp_path):
    for judge, score in (("gpt-4o", "1"), ("claude", "10")):
        write(tmp_path / f"eval={judge}" / "m.json", [session("a", score)])
    found = import_results(tmp_path)
    assert found.responses.models.ids == ("org/m [judge=claude]", "org/m [judge=gpt-4o]")


def test_wildbench_marks_that_are_missing(tmp_path):
    rows = [session("a", "good"), session("b", "10")]
    with pytest.raises(DataError, match="the score is no number but 'good'"):
        read_results(write(tmp_path / "m.json", rows))
    rows[0] = session("a", None)
    found = import_results(write(tmp_path / "m.json", rows))
    assert scores(found, "org/m") == {"wildbench/b": 1.0}
    assert "missing: 1 marks could not be read" in told(found)[0]


def test_wildbench_pairs_and_two_models(tmp_path):
    pair = {"session_id": "a", "parsed_result": {}, "winner": "tie", "extent": 0}
    with pytest.raises(DataError, match=r"judgments of pairs of models.*score\.v2"):
        read_results(write(tmp_path / "p.json", [pair]))
    single = write(tmp_path / "s.json", [session("a", "10")])
    found = import_results([tmp_path / "p.json", single])
    assert scores(found, "org/m") == {"wildbench/a": 1.0}
    assert "pairs of models were left out: 'p.json'" in told(found)[0]
    rows = [session("a", "1"), session("b", "1", "org/n")]
    with pytest.raises(DataError, match="one model_test in a file"):
        read_results(write(tmp_path / "m.json", rows))
