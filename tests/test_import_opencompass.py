"""Results of OpenCompass: small ones in the shapes of its versions and evaluators.

The shape with ``example_abbr`` is what the base evaluator of August 2026 (after 0.5.4) itself made
here of one run and of four; that by number is read from its source and from users' own parsers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import Imported, import_results, read_results

TIME = "20240501_120000"


def write(root: Path, dataset: str, content: object, model: str = "internlm2", **more) -> Path:
    path = root / more.get("time", TIME) / "results" / model / f"{dataset}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in ("predictions", "configs"):
        (path.parents[2] / folder).mkdir(exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=4))
    return path


def answer(**more) -> dict:
    return {"prompt": "Q", "origin_prediction": "x", "predictions": "x", "references": "y", **more}


def row(imported: Imported, model: str = "internlm2") -> list[float]:
    return [float(one) for one in imported.responses.select([model]).scores[0]]


@pytest.mark.parametrize("kind", ["GEN", "PPL"])
def test_details_by_number(tmp_path, kind):
    details = {"type": kind, "0": answer(correct=True), "2": answer(correct=False)}
    write(tmp_path, "lukaemon_mmlu_anatomy", {"accuracy": 50.0, "details": details})
    found = import_results(tmp_path)
    assert found.format == "opencompass"
    assert found.why == "results/internlm2/lukaemon_mmlu_anatomy.json"
    assert found.responses.items.ids == tuple(f"lukaemon_mmlu_anatomy/{k}" for k in (0, 2))
    assert found.chosen == {"lukaemon_mmlu_anatomy": {"metric": "correct"}}
    assert row(found) == [1, 0]
    assert 100 * np.mean(row(found)) == 50.0  # what the harness reports


def test_repeated_runs_are_trials(tmp_path):
    details = [
        {"example_abbr": "aime_0", "pred": ["1", "2"], "answer": ["1", "1"], "correct": [True, 0]},
        {"example_abbr": "aime_1", "pred": ["1", "1"], "answer": ["1", "1"], "correct": [1, 1]},
    ]
    found = import_results(write(tmp_path, "aime", {"accuracy": 75.0, "details": details}))
    assert found.responses.items.ids == ("aime/aime_0", "aime/aime_1")
    assert row(found) == [0.5, 1]
    np.testing.assert_array_equal(found.responses.trials, [[2, 2]])


def test_numbers_that_are_no_marks(tmp_path):
    """Predictions may be numbers; what OpenCompass computes of repeated runs is no mark of one."""
    one = {"example_abbr": "s_0", "G-Pass@2_0.5": 1.0, "mG-Pass@2": 0.25}
    one |= {"pred": [1, 2], "answer": [1, 1], "correct": [True, False]}
    path = write(tmp_path, "gsm8k", {"details": [one]})
    found = import_results(path)
    assert (row(found), found.chosen["gsm8k"]) == ([0.5], {"metric": "correct"})
    assert row(import_results(path, metric="mG-Pass@2")) == [0.25]


def test_marks_of_the_parts_of_an_answer_are_no_trials(tmp_path):
    details = {"0": answer(correct=[True, False, False, True]), "1": answer(correct=[True])}
    found = import_results(write(tmp_path, "x", {"details": details}))
    assert row(found) == [0.5, 1]
    assert found.responses.trials is None


def test_details_in_a_list(tmp_path):
    details = [{"pred": "a", "answer": "a", "correct": k == 1} for k in range(3)]
    assert row(import_results(write(tmp_path, "gsm8k", {"details": details}))) == [0, 1, 0]


def test_several_marks_are_listed(tmp_path):
    details = {"0": answer(correct=True, cascade_correct=False)}
    path = write(tmp_path, "math", {"details": details})
    with pytest.raises(DataError, match=r"2 metrics.*'correct', 'cascade_correct'"):
        read_results(path)
    assert row(import_results(path, metric="math=cascade_correct")) == [0]


def test_details_without_marks_are_refused_with_the_reason(tmp_path):
    write(tmp_path, "summ", {"rouge1": 30.0, "details": {"type": "GEN", "0": answer()}})
    with pytest.raises(DataError, match=r"no mark such as 'correct'.*marks all answers at once"):
        read_results(tmp_path)


def test_results_without_details(tmp_path):
    write(tmp_path, "gsm8k", {"accuracy": 30.0})
    with pytest.raises(DataError, match="run opencompass with --dump-eval-details"):
        read_results(tmp_path)


def test_predictions_have_no_scores(tmp_path):
    path = write(tmp_path, "gsm8k", {"0": answer()})
    moved = path.parents[2] / "predictions" / "internlm2" / "gsm8k.json"
    moved.parent.mkdir()
    path.rename(moved)
    with pytest.raises(DataError, match=r"predictions/ has no scores: evaluate it"):
        read_results(tmp_path, format="opencompass")


def test_models_data_sets_and_times(tmp_path):
    right, wrong = ({"details": {"0": answer(correct=one)}} for one in (True, False))
    write(tmp_path, "a", right)
    write(tmp_path, "b", wrong)
    write(tmp_path, "a", wrong, "qwen")
    write(tmp_path, "a", wrong, time="20240502_120000")
    found = import_results(tmp_path)
    assert found.responses.models.ids == ("internlm2", "qwen")
    assert row(found) == [0.5, 0]
    np.testing.assert_array_equal(row(found, "qwen"), [0, np.nan])
    assert [str(one) for one in found.findings] == [
        "joined: 2 runs were averaged with others of the same model and settings: 'internlm2'"
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"details": "none"}, "expected details of answers, found 'none'"),
        ({"details": []}, "expected details of answers"),
        ({"details": [{"example_abbr": "a", "correct": 1}] * 2}, "two answers of one name: 'a'"),
        ({"details": {"0": answer(correct=True), "1": answer(correct="maybe")}}, "'maybe'"),
        ([1], "expected an object with details"),
    ],
)
def test_damaged_results(tmp_path, content, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path, "x", content), format="opencompass")


def test_a_file_elsewhere_is_recognised_by_its_details(tmp_path):
    content = {"accuracy": 50.0, "details": {"type": "GEN", "0": answer(correct=True)}}
    path = tmp_path / "qwen" / "gsm8k.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    found = import_results(path)
    assert (found.why, row(found, "qwen")) == ("details of answers (gsm8k.json)", [1])
