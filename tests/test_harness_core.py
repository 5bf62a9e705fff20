"""What readers of harnesses share: marks -> blocks, files -> one matrix."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Run
from tinyeval.importers.harness import read_jobs, run_block

PATH, RUN, RULES = Path("f.json"), Run("m"), Options().rules


def block(marks, rules=RULES, **more):
    more.setdefault("benchmark", "arc")
    return run_block(PATH, RUN, marks, rules, **more)


def test_marks_of_one_trial_have_no_trials():
    made = block({"a": [1.0], "b": [float("nan")], "c": [0.25]})
    assert made.items == ["a", "b", "c"]
    np.testing.assert_array_equal(made.scores, [[1, np.nan, 0.25]])
    assert made.trials is None
    assert made.item_notes["benchmark"] == {"a": "arc", "b": "arc", "c": "arc"}
    assert (made.run, made.models) == (RUN, ["m"])


def test_marks_of_several_trials_are_averaged_and_counted():
    made = block({"a": [1, 0, float("nan"), 0], "b": [float("nan")], "c": [], "d": [0.5]})
    np.testing.assert_array_equal(made.scores, np.float32([[1 / 3, np.nan, np.nan, 0.5]]))
    assert made.trials.tolist() == [[3, 0, 0, 1]]


def test_directions_and_scales_are_followed():
    made = block({"a": [0.25]}, chosen={"metric": "wer"}, findings=[Finding("dropped", "x")])
    assert made.scores == np.float32(0.75)
    assert [one.kind for one in made.findings] == ["dropped", "turned"]
    assert block({"a": [85]}, Options(scale=(0, 100)).rules).scores == np.float32(0.85)
    assert block({"a": [0.25]}, chosen={"metric": "wer"}, higher=True).scores == np.float32(0.25)


def test_no_marks_are_refused():
    with pytest.raises(DataError, match=r"f\.json: holds no marks"):
        block({})
    with pytest.raises(DataError, match="at most 65,535 can be"):
        block({"a": [1] * 70_000})


@dataclass(frozen=True)
class MarksJob:
    """A format of the tests: {"model", "date", "benchmark", "size", "marks": {item: [...]}}."""

    path: Path
    rules: Rules

    def read(self) -> Block:
        found = json.loads(self.path.read_text())
        metric = self.rules.metric.pick(found["benchmark"], list(found["marks"]), str(self.path))
        return run_block(
            self.path,
            Run(found["model"], found.get("identity", {}), {}, found.get("date", "")),
            found["marks"][metric],
            self.rules,
            benchmark=found["benchmark"],
            chosen={"metric": metric},
            sizes={found["benchmark"]: found["size"]},
        )


def write(path, **found):
    path.write_text(json.dumps({"benchmark": "arc", "size": 2, **found}))
    return path


def read(*paths, **options):
    given = Options(**options)
    return read_jobs([MarksJob(path, given.rules) for path in paths], given)


@pytest.mark.parametrize("parts", [True, False])
def test_jobs_make_one_matrix(tmp_path, parts):
    one = write(tmp_path / "1", model="a", marks={"acc": {"q0": [1, 0], "q1": [1]}})
    two = write(tmp_path / "2", model="b", marks={"acc": {"q0": [1], "q1": [0]}})
    three = write(tmp_path / "3", model="b", marks={"acc": {"q0": [0]}}, identity={"agent": "x"})
    folder = tmp_path / "parts" if parts else None
    for _ in range(2):
        found = read(one, two, three, parts=folder, partial=True)
        assert found.responses.models.ids == ("a", "b", "b [agent=x]")
        np.testing.assert_array_equal(found.responses.scores, [[0.5, 1], [1, 0], [0, np.nan]])
        assert found.responses.trials.tolist() == [[2, 1], [1, 1], [1, 0]]
        assert found.chosen == {"arc": {"metric": "acc"}}
        assert found.files == 3
        assert list(found.responses.models.column("partial")) == ["", "", "arc (1 of 2)"]


def test_choices_must_be_used(tmp_path):
    marks = {"acc": {"q0": [1], "q1": [1]}, "f1": {"q0": [0], "q1": [0]}}
    path = write(tmp_path / "1", model="a", marks=marks)
    assert read(path, metric="f1").responses.scores.sum() == 0
    with pytest.raises(DataError, match="has 2 metrics, expected one; available: 'acc', 'f1'"):
        read(path)
    with pytest.raises(DataError, match="no task has the metric 'bleu'"):
        read(path, metric="f1,bleu")
    with pytest.raises(ConfigError, match="have no filters to choose from, but filter='strict'"):
        read(path, metric="f1", filter="strict")
    with pytest.raises(DataError, match="no file was found"):
        read()
