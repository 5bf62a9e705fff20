"""Samples of Every Eval Ever: small ones in the shape of its schema.

Read beside them were what the project's own converter (0.3.0) makes of a real run of lm-eval, its
reference conversion, and samples of schema 0.2.1 (gpt2 on MMLU).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import Imported, import_results, read_results


def line(sample: str, score: float, name: str = "gsm8k", **more) -> dict:
    found = {
        "schema_version": "0.3.0",
        "evaluation_id": "gsm8k/org_m/1700000000",
        "model_id": "org/m",
        "evaluation_name": name,
        "sample_id": sample,
        "sample_hash": f"hash of {name} {sample}",
        "interaction_type": "single_turn",
        "input": {"raw": "Q", "reference": ["A"]},
        "output": {"raw": ["A"]},
        "answer_attribution": [],
        "evaluation": {"score": score, "is_correct": score == 1},
    }
    return found | more


def write(root: Path, lines: list[dict], aggregate: dict | None = None, uuid: str = "u1") -> Path:
    folder = root / "data" / "gsm8k" / "org" / "m"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid}_samples.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    if aggregate is not None:
        (folder / f"{uuid}.json").write_text(json.dumps(aggregate))
    return path


def result(id: str, name: str = "gsm8k", **config) -> dict:
    return {"evaluation_name": name, "evaluation_result_id": id, "metric_config": config}


def row(imported: Imported, model: str = "org/m") -> list[float]:
    return [float(one) for one in imported.responses.select([model]).scores[0]]


LINES = [line("1", 1.0), line("7", 0.0), line("9", 0.5)]


def test_one_metric(tmp_path):
    write(tmp_path, LINES)
    found = import_results(tmp_path)
    assert found.format == "every_eval_ever"
    assert found.why == "evaluation_id and sample_id in u1_samples.jsonl"
    assert found.responses.items.ids == ("gsm8k/1", "gsm8k/7", "gsm8k/9")
    assert found.responses.items.columns["hash"][0] == "hash of gsm8k 1"
    assert row(found) == [1, 0, 0.5]


def test_evaluations_and_models(tmp_path):
    write(tmp_path, [*LINES, line("1", 0.0, "mmlu")])
    write(tmp_path, [{**one, "model_id": "org/n"} for one in LINES], uuid="u2")
    found = import_results(tmp_path)
    assert found.responses.models.ids == ("org/m", "org/n")
    assert set(found.responses.items.columns["benchmark"]) == {"gsm8k", "mmlu"}
    np.testing.assert_array_equal(row(found), [1, 0, 0.5, 0])
    np.testing.assert_array_equal(row(found, "org/n"), [1, 0, 0.5, np.nan])


def test_metrics_of_one_sample_are_told_by_their_results(tmp_path):
    lines = [
        line("1", score, evaluation_result_id=result)
        for result, score in (("r1", 1.0), ("r2", 0.25))
    ]
    path = write(tmp_path, lines)
    with pytest.raises(DataError, match=r"2 metrics.*'r1', 'r2'"):
        read_results(path)
    both = [
        result("r1", metric_id="accuracy", lower_is_better=False),
        result("r2", metric_name="error rate", lower_is_better=True),
        result("r1", "other", metric_id="unlike"),
    ]
    write(tmp_path, lines, {"evaluation_results": both})
    assert row(import_results(path, metric="accuracy")) == [1]
    found = import_results(path, metric="error rate")
    assert row(found) == [0.75]
    assert "turned" in {one.kind for one in found.findings}


def test_several_lines_are_trials(tmp_path):
    lines = [line("1", 1.0), line("1", 0.0), line("1", 1.0), line("2", 1.0)]
    found = import_results(write(tmp_path, lines))
    np.testing.assert_allclose(row(found), [2 / 3, 1], rtol=1e-6)
    np.testing.assert_array_equal(found.responses.trials, [[3, 1]])


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_lines_with_an_error(tmp_path, failures):
    path = write(tmp_path, [line("1", 1.0), line("2", 0.0, error="timeout")])
    found = import_results(path, failures=failures)
    np.testing.assert_array_equal(row(found), [1, 0 if failures == "wrong" else np.nan])
    assert "1 samples ended with an error" in str(found.findings[0])


def test_dates_alone_make_repeats(tmp_path):
    for k, score in enumerate((1.0, 0.0)):
        about = {"evaluation_timestamp": f"{k}", "evaluation_results": []}
        write(tmp_path, [line("1", score)], about, uuid=f"u{k}")
    found = import_results(tmp_path)
    assert row(found) == [0.5]
    np.testing.assert_array_equal(found.responses.trials, [[2]])


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([line("1", 1.0), {**line("2", 1.0), "model_id": "x/y"}], "expected samples of one model"),
        ([{**line("1", 1.0), "sample_id": ""}], ":1: expected a sample with 'sample_id'"),
        ([line("1", 40.0)], r"is 40, outside \[0, 1\]"),
        ([{**line("1", 1.0), "evaluation": {"score": "high"}}], "the score is no number"),
    ],
)
def test_damaged_samples(tmp_path, lines, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path, lines))


def test_a_folder_with_scores_of_runs_only(tmp_path):
    write(tmp_path, [], {"evaluation_results": []}).unlink()
    with pytest.raises(DataError, match=r"found no \*_samples\.jsonl"):
        read_results(tmp_path, format="every_eval_ever")


def test_the_results_of_a_run_say_range_direction_and_size(tmp_path):
    """As the converter of version 0.3.0 writes lm-eval's results: the metric is described only."""
    lines = [line(one, mark) for one, mark in (("1", 10.0), ("2", 1.0), ("3", 4.0))]
    about = result("", evaluation_description="rating", min_score=1.0, max_score=10.0)
    about["score_details"] = {"score": 5.0, "uncertainty": {"num_samples": 3}}
    write(tmp_path, lines, {"evaluation_results": [about]})
    found = import_results(tmp_path)
    assert row(found) == pytest.approx([1.0, 0.0, 1 / 3])
    assert found.chosen["gsm8k"] == {"metric": "rating"}
    about["metric_config"]["lower_is_better"] = True
    about["score_details"]["uncertainty"]["num_samples"] = 5000
    write(tmp_path, lines, {"evaluation_results": [about]})
    with pytest.raises(DataError, match=r"gsm8k \(3 of 5,000\)"):
        read_results(tmp_path)
    assert row(import_results(tmp_path, partial=True)) == pytest.approx([0.0, 1.0, 2 / 3])


def test_samples_that_say_not_of_which_result(tmp_path):
    """Several results of one evaluation, and lines without a result: what these agree on holds."""
    both = [result("a", lower_is_better=True), result("b", lower_is_better=True)]
    write(tmp_path, LINES, {"evaluation_results": both})
    assert row(import_results(tmp_path, parts=tmp_path / "parts")) == [0, 1, 0.5]
    write(tmp_path, LINES, {"evaluation_results": [result("a"), result("b")]})
    assert row(import_results(tmp_path, parts=tmp_path / "parts")) == [1, 0, 0.5]
