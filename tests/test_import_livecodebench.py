"""Results of LiveCodeBench: graded samples, and the leaderboard's performances."""

from __future__ import annotations

import json

import numpy as np
import pytest
from importing import lcb_problem, real, scores, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results


def row(model: str, question: str, percent: float) -> dict:
    found = {"question_id": question, "model": model, "date": 1684022400000}
    return found | {"difficulty": "easy", "pass@1": percent}


def performances(root, rows: list[dict], name: str = "performances_generation.json"):
    return write(root / name, {"performances": rows, "models": [], "date_marks": []})


def test_graded_samples_are_trials(tmp_path):
    rows = [lcb_problem("1873_A", [True, False, True, True]), lcb_problem("abc_b", [False] * 4)]
    for model in ("GPT-4O", "DSCoder"):
        write(tmp_path / model / "Scenario.codegeneration_4_0.2_eval_all.json", rows)
    found = import_results(tmp_path)
    assert found.format == "livecodebench"
    one, other = (f"livecodebench_codegeneration/{k}" for k in ("1873_A", "abc_b"))
    assert scores(found, "GPT-4O") == {one: 0.75, other: 0.0}
    assert trials(found, "DSCoder") == {one: 4, other: 4}
    assert found.chosen == {"livecodebench_codegeneration": {"metric": "pass@1"}}


def test_scenarios_and_tests_are_told_apart(tmp_path):
    rows = [lcb_problem("2727", [k == 0], test_id=k) for k in (0, 4)]
    write(tmp_path / "M" / "Scenario.testoutputprediction_1_0.2_eval_all.json", rows)
    write(
        tmp_path / "M" / "Scenario.codegeneration_1_0.2_eval_all.json",
        [lcb_problem("2727", [1 == 1])],
    )
    found = import_results(tmp_path)
    assert scores(found, "M") == {
        "livecodebench_codegeneration/2727": 1.0,
        "livecodebench_testoutputprediction/2727/0": 1.0,
        "livecodebench_testoutputprediction/2727/4": 0.0,
    }


def test_temperatures_are_told_apart(tmp_path):
    for t, right in (("0.2", True), ("0.8", False)):
        path = tmp_path / "M" / f"Scenario.codegeneration_1_{t}_eval_all.json"
        write(path, [lcb_problem("1", [right])])
    assert import_results(tmp_path).responses.models.ids == ("M", "M [temperature=0.8]")


def test_performances(tmp_path):
    rows = [row("a", "1", 30.0), row("a", "2", 100.0), row("b", "1", 100.0), row("b", "2", 0.0)]
    found = import_results(performances(tmp_path, rows))
    one, other = (f"livecodebench_codegeneration/{k}" for k in (1, 2))
    assert scores(found, "a") == pytest.approx({one: 0.3, other: 1.0})
    assert scores(found, "b") == {one: 1.0, other: 0.0}
    assert trials(found, "a") == {one: 10, other: 10}
    assert told(found) == [
        "guessed: 1 models have several samples of a problem, as many as their fractions need: "
        "'a: 10'"
    ]


def test_performances_with_several_problems_of_a_question(tmp_path):
    rows = [row("a", "1", 0.0), row("a", "1", 100.0)]
    path = performances(tmp_path, rows, "performances_testgen.json")
    found = import_results(path)
    item = "livecodebench_testoutputprediction/1"
    assert scores(found, "a") == {f"{item}/0": 0.0, f"{item}/1": 1.0}
    assert "told apart by their order: '1'" in told(found)[0]
    performances(tmp_path, [*rows, row("b", "1", 0.0)], "performances_testgen.json")
    with pytest.raises(DataError, match=r"different numbers of problems of 1 question\(s\).*'1'"):
        read_results(path)


def test_a_fraction_that_no_number_of_samples_has(tmp_path):
    found = import_results(performances(tmp_path, [row("a", "1", 41.4213562)]))
    assert list(scores(found, "a").values()) == pytest.approx([0.414213562])
    assert found.responses.trials is None


@pytest.mark.parametrize("percent", [101.0, -1, "many", None])
def test_damaged_performances(tmp_path, percent):
    with pytest.raises(DataError, match=r"pass@1.*row 1"):
        read_results(performances(tmp_path, [row("a", "1", percent)]))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([lcb_problem("1", [True]), lcb_problem("1", [False])], ":1: has a second answer to"),
        ([lcb_problem("", [True])], ":1: expected a problem with a question_id"),
        ([lcb_problem("1", [0.5])], "expected a graded_list of true and false"),
    ],
)
def test_damaged_samples(tmp_path, rows, complaint):
    path = write(tmp_path / "M" / "Scenario.codegeneration_1_0.2_eval_all.json", rows)
    with pytest.raises(DataError, match=complaint):
        read_results(path)


def test_real_performances():
    folder = real("livecodebench")
    found = import_results(folder)
    rows = json.loads(next(folder.glob("*.json")).read_text())["performances"]
    for model in ("DSCoder-33b-Ins", "GPT-4O-2024-05-13"):
        said = [one["pass@1"] for one in rows if one["model"] == model]
        mine = scores(found, model)
        assert len(mine) == len(said) == 442
        assert 100 * np.mean(list(mine.values())) == pytest.approx(np.mean(said), abs=1e-4)
        assert set(trials(found, model).values()) == {10}
