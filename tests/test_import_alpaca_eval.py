"""Annotations of AlpacaEval, and which way they point."""

from __future__ import annotations

import json

import numpy as np
import pytest
from importing import annotation, real, told, write

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import import_results, read_results


def annotations(root, model, preferences, **more):
    rows = [
        annotation(f"Question {k}", one, **{"generator_2": model, **more})
        for k, one in enumerate(preferences)
    ]
    return write(root / "results" / model / "weighted" / "annotations.json", rows)


def row(found, model):
    return found.responses.select([model]).scores[0].tolist()


def test_the_second_generator_is_the_model(tmp_path):
    annotations(tmp_path, "mine", [2.0, 1.0, 1.25, 1.5])
    annotations(tmp_path, "other", [1.0, 1.0, 1.0, 2.0])
    found = import_results(tmp_path)
    assert found.format == "alpaca_eval"
    assert row(found, "mine") == [1.0, 0.0, 0.25, 0.5]
    assert row(found, "other") == [0.0, 0.0, 0.0, 1.0]
    assert list(found.responses.items.columns["instruction"]) == [f"Question {k}" for k in range(4)]
    assert set(found.responses.items.columns["subject"]) == {"helpful_base"}


def test_items_are_told_by_their_instructions(tmp_path):
    one = annotations(tmp_path, "mine", [2.0, 1.0])
    rows = json.loads(one.read_text())
    write(one, rows[::-1])
    annotations(tmp_path, "other", [2.0, 1.0])
    found = import_results(tmp_path)
    assert row(found, "mine") == row(found, "other")


def test_ties_and_answers_without_a_preference(tmp_path):
    found = import_results(annotations(tmp_path, "mine", [0, None, 2]))
    np.testing.assert_array_equal(row(found, "mine"), [0.5, np.nan, 1])
    assert told(found) == ["missing: 1 answers have no preference, and are missing: 'Question 1'"]


def test_the_model_first_is_refused(tmp_path):
    for model in ("mine", "other"):
        annotations(tmp_path, model, [1.0], generator_1=model, generator_2="base")
    with pytest.raises(DataError, match="all files compare with 'base' as generator_2"):
        read_results(tmp_path)


def test_a_folder_that_says_otherwise(tmp_path):
    path = annotations(tmp_path, "mine", [1.0], generator_1="mine", generator_2="base")
    with pytest.raises(DataError, match="lies in a folder of 'mine', which is generator_1 here"):
        read_results(path)


def test_direction_cannot_be_said_otherwise(tmp_path):
    path = annotations(tmp_path, "mine", [1.0])
    with pytest.raises(ConfigError, match="leave that out"):
        read_results(path, direction="lower")


def test_other_baselines_are_in_doubt(tmp_path):
    annotations(tmp_path, "mine", [1.0])
    annotations(tmp_path, "other", [1.0], generator_1="text_davinci_003")
    assert any("baseline differs" in one for one in told(import_results(tmp_path)))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([annotation("a", 2), annotation("b", 2, generator_2="x")], "expected one generator_2"),
        ([annotation("a", 3)], "is 3, outside the scale 1 to 2"),
        ([annotation("a", "first")], "the preference is no number but 'first'"),
        ([annotation("a", 2, generator_1="")], "expected an annotation with generator_1"),
    ],
)
def test_damaged(tmp_path, rows, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "annotations.json", rows))


def test_real_annotations():
    folder = real("alpaca_eval")
    found = import_results(folder)
    rows = json.loads(next(folder.glob("*.json")).read_text())
    assert len(rows) == found.responses.n_items == 40
    expected = [one["preference"] - 1 for one in rows]
    np.testing.assert_allclose(row(found, "claude-2.1"), expected, atol=1e-6)
    # the leaderboard has 15.7 % wins against GPT-4 Turbo, not 84.3 %
    assert np.mean(row(found, "claude-2.1")) == pytest.approx(0.108, abs=1e-3)
