"""Outputs of MMLU-Pro, and results of ZeroEval."""

from __future__ import annotations

import json

import pytest
from importing import pro_output, real, scores, told, write, zero_answer

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results


def test_answers_are_compared(tmp_path):
    rows = [pro_output(70, "A"), pro_output(71, "B"), pro_output(72, None, category="math")]
    found = import_results(write(tmp_path / "model_outputs_my_model-3_1_5shots.json", rows))
    assert (found.format, found.why.split(" (")[0]) == (
        "mmlu_pro",
        "questions with answer and pred",
    )
    expected = {"mmlu_pro/70": 1.0, "mmlu_pro/71": 0.0, "mmlu_pro/72": 0.0}
    assert scores(found, "my_model-3_1") == expected
    assert list(found.responses.items.columns["subject"]) == ["law", "law", "math"]
    assert told(found) == [
        "guessed: 1 outputs name no answer, and count as wrong (MMLU-Pro guesses one at random): "
        "'mmlu_pro/72'"
    ]


def test_shots_are_told_apart(tmp_path):
    for shots, pred in ((0, "A"), (5, "B")):
        write(tmp_path / f"model_outputs_m_{shots}shots.json", [pro_output(70, pred)])
    found = import_results(tmp_path)
    assert found.responses.models.ids == ("m [n-shot=0]", "m")


def test_files_of_categories_are_of_the_folder(tmp_path):
    for question, category in ((70, "law"), (71, "math")):
        rows = [pro_output(question, "A", category=category)]
        write(tmp_path / "gpt-4o" / f"{category}_result.json", rows)
    assert scores(import_results(tmp_path), "gpt-4o") == {"mmlu_pro/70": 1.0, "mmlu_pro/71": 1.0}


@pytest.mark.parametrize(
    "rows", [[pro_output(70, "A"), pro_output(70, "B")], [pro_output(70, "A", answer=3)]]
)
def test_damaged(tmp_path, rows):
    with pytest.raises(DataError, match="expected a question with its id and answer, each once"):
        read_results(write(tmp_path / "model_outputs_m_5shots.json", rows))


def test_real_outputs():
    folder = real("mmlu_pro")
    found = import_results(folder)
    rows = json.loads(next(folder.glob("*.json")).read_text())
    right = sum(one["pred"] == one["answer"] for one in rows)
    mine = scores(found, "Meta-Llama-3_1-8B-Instruct")
    assert (sum(mine.values()), len(mine)) == (right, 60) == (33, 60)


# --- ZeroEval -----------------------------------------------------------------------------------


def test_zeroeval_marks(tmp_path):
    rows = [zero_answer("crux-test-#0", correct=True), zero_answer("crux-test-#1", correct=False)]
    found = import_results(write(tmp_path / "gpt-4o.json", rows))
    assert found.format == "zeroeval"
    assert scores(found, "openai/gpt-4o") == {"crux/crux-test-#0": 1.0, "crux/crux-test-#1": 0.0}
    assert found.chosen == {"crux": {"metric": "correct"}}


def test_zeroeval_several_marks(tmp_path):
    path = write(tmp_path / "m.json", [zero_answer("a", matched=True, solved=False)])
    with pytest.raises(DataError, match=r"2 metrics.*'matched', 'solved'"):
        read_results(path)
    assert scores(import_results(path, metric="solved"), "openai/gpt-4o") == {"crux/a": 0.0}


def test_zeroeval_without_marks(tmp_path):
    path = write(tmp_path / "m.json", [zero_answer("a")])
    with pytest.raises(DataError, match=r"has 1 answers and what they should be.*no mark"):
        read_results(path)


def test_zeroeval_of_two_models(tmp_path):
    rows = [zero_answer("a", correct=True), zero_answer("b", correct=True, generator="x")]
    with pytest.raises(DataError, match="expected one model and one data set"):
        read_results(write(tmp_path / "m.json", rows))


def test_real_zeroeval_has_no_marks():
    folder = real("zeroeval")
    with pytest.raises(DataError, match=r"has 30 answers.*no mark that tells which are right"):
        read_results(folder)
