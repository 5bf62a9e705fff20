"""The bank of small text items that ships, and the answers of training runs behind it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from item_banks import make_language
from item_banks.language import benchmark, runs
from tinyeval.bank.codec import decode_content
from tinyeval.bank.item_bank import ItemBank
from tinyeval.importers import import_results
from tinyeval.responses import ResponseMatrix
from tinyeval.training import bank_items

ROOT = Path(__file__).parents[1] / "item_banks"
DUMP = ROOT / "language"
RUNS, CHECKPOINTS, ITEMS, ANCHORS = 24, 10, 2520, 60


@pytest.fixture(scope="module")
def responses() -> ResponseMatrix:
    return import_results(DUMP / "responses.parquet").responses


@pytest.fixture(scope="module")
def items() -> tuple[benchmark.TextItem, ...]:
    return benchmark.make_items()


@pytest.fixture(scope="module")
def bank() -> ItemBank:
    return ItemBank.load(ROOT / "language_bank")


def test_the_dump_is_small():
    files = [*DUMP.glob("*.parquet"), *DUMP.glob("*.csv")]
    assert len(files) == 4
    assert sum(file.stat().st_size for file in files) < 2e6


def test_every_checkpoint_answered_every_item(responses):
    assert responses.scores.shape == (RUNS * CHECKPOINTS, ITEMS)
    assert set(np.unique(responses.scores)) == {0, 1}


def test_the_items_are_those_that_the_benchmark_makes(responses, items):
    assert set(responses.items.ids) == {one.id for one in items}
    families = dict(zip(responses.items.ids, responses.items.columns["benchmark"], strict=True))
    assert families == {one.id: one.family for one in items}
    content = decode_content((DUMP / "content.parquet").read_bytes())
    assert content == {one.id: one.content for one in items}


def test_the_models_are_the_runs_that_are_drawn():
    with (DUMP / "models.csv").open() as file:
        rows = list(csv.DictReader(file))
    drawn = [runs.draw_run(number) for number in range(RUNS)]
    about = {
        one.name: (one.architecture, str(one.width), str(one.depth), str(one.learning_rate))
        for one in drawn
    }
    columns = ("architecture", "width", "depth", "learning_rate")
    assert {row["family"]: tuple(row[name] for name in columns) for row in rows} == about
    assert all(row["model"] == f"{row['family']}-step{row['step']}" for row in rows)
    assert {row["step"] for row in rows if row["model"].startswith("run-000")} >= {"0", "2000"}


def test_training_teaches_something(responses):
    step = responses.models.columns["step"].astype(float)
    score = responses.scores.mean(axis=1)
    assert score[step == 2000].min() > score[step == 0].max()


def test_the_bank_holds_every_item_with_its_text(bank, items):
    assert len(bank.anchors) == ANCHORS
    asked = {
        one.id: (dict(one.content), one.benchmark) for one in bank_items(bank, anchors_only=False)
    }
    assert asked == {one.id: (one.content, one.family) for one in items}
    assert bank.settings["interval"]["groups"] == "family"


@pytest.mark.slow
def test_the_bank_is_made_from_the_dump(bank):
    again = make_language.make_bank(DUMP, ANCHORS)
    assert again.anchors.items == bank.anchors.items
    assert again.source == bank.source
    asked = import_results(DUMP / "responses.parquet").responses
    for one, other in zip(again.predict(asked), bank.predict(asked), strict=True):
        # other processors round otherwise
        found = (one.score, one.lower, one.upper)
        assert found == pytest.approx((other.score, other.lower, other.upper), abs=1e-3)


def test_source_checkpoints_are_predicted(bank, responses):
    score = np.array([one.score for one in bank.predict(responses)])
    assert np.abs(score - responses.scores.mean(axis=1)).mean() < 0.02
