"""What choosing items is worth: errors of methods that choose nothing, stored in a bank."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate
from test_cli import succeed

from tinyeval.bank.item_bank import ItemBank
from tinyeval.build_plan import BuildPlan
from tinyeval.building import build
from tinyeval.calibration.baseline_errors import BaselineErrors, baseline_errors, summarise
from tinyeval.calibration.baselines import Baselines
from tinyeval.errors import BankError
from tinyeval.estimators import get_estimator
from tinyeval.learning import learn
from tinyeval.selection.base import Anchors


@pytest.fixture(scope="module")
def fold(fast):
    """What was learned from 40 models, and 12 others."""
    responses = simulate(52, 30, seed=3)[0]
    source = responses.take(np.arange(40))
    return learn(source, BuildPlan.of(fast, source)), responses.take(np.arange(40, 52))


def test_the_historys_mean_is_that_of_the_source_models(fold):
    part, others = fold
    found = baseline_errors(part, others, np.array([5]), (0,))
    mean = part.history.responses.scores.mean()
    assert found.history == pytest.approx(np.abs(others.scores.mean(1) - mean), abs=1e-6)


def test_all_items_at_random_are_the_benchmark(fold):
    part, others = fold
    found = baseline_errors(part, others, np.array([5, 30]), (0,))
    assert found.mean[1] == pytest.approx(np.zeros(12), abs=1e-6)
    assert found.ridge[1].mean() < found.ridge[0].mean()
    assert found.mean[0].mean() > 0.05


def test_random_items_are_read_as_the_methods_of_that_name_read_them(fold):
    """The mean over many draws is that of the estimators ``mean`` and ``ridge`` on random items."""
    part, others = fold
    found = [baseline_errors(part, others, np.array([6]), (0, k)) for k in range(60)]
    truth, rng = others.scores.mean(1), np.random.default_rng(1)
    for name, errors in (
        ("mean", [one.mean for one in found]),
        ("ridge", [one.ridge for one in found]),
    ):
        own = []
        for _ in range(180):
            items = tuple(rng.permutation(part.history.responses.items.ids)[:6])
            anchors = Anchors(items, np.full(6, 1 / 6))
            fitted = get_estimator(name)(part.history, anchors, rng=rng)
            predicted = fitted.predict(others.align(items).astype(float)).mean[:, 0]
            own.append(np.abs(predicted - truth).mean())
        spread = np.std(own) * np.sqrt(2 / 180)
        assert np.mean(errors) == pytest.approx(np.mean(own), abs=4 * spread), name


def test_models_without_a_known_score_do_not_count():
    one = BaselineErrors(
        np.array([0.1, np.nan]), np.array([[0.2, np.nan]]), np.array([[0.3, np.nan]])
    )
    two = BaselineErrors(np.array([0.3]), np.array([[0.4]]), np.array([[0.5]]))
    found = summarise([one, two], np.array([5]))
    assert found.history_mean == pytest.approx(0.2)
    assert found.random_mean == pytest.approx({5: 0.3})
    assert found.random_ridge == pytest.approx({5: 0.4})


def test_a_bank_tells_them_for_the_same_numbers_of_answers(bank):
    known = bank.baselines
    assert list(known.random_mean) == list(known.random_ridge) == list(bank.expected_error)
    assert bank.expected_error[15] < known.random_mean[15] < known.random_mean[5]
    assert known.history_mean > bank.expected_error[5]


def test_answers_that_are_missing_are_left_out(fast):
    responses = simulate(40, 30, seed=4, missing=0.02)[0]
    known = build(responses, settings=fast.replace(items=5)).baselines
    assert 0 < known.random_ridge[5] < 0.2
    assert 0 < known.random_mean[5] < 0.4


def test_the_head_of_a_bank_has_those_of_fewer_items(bank):
    few = bank.head(12)
    assert list(few.baselines.random_mean) == [5, 10]
    assert few.baselines.history_mean == bank.baselines.history_mean


def test_they_are_kept_and_are_no_part_of_the_identity(bank, tmp_path):
    digest = bank.save(tmp_path / "with")
    without = replace(bank, baselines=None)
    assert without.digest == digest
    loaded = ItemBank.load(tmp_path / "with").baselines
    assert loaded.history_mean == pytest.approx(bank.baselines.history_mean, abs=1e-6)
    assert loaded.random_ridge == pytest.approx(dict(bank.baselines.random_ridge), abs=1e-6)
    without.save(tmp_path / "without")
    assert ItemBank.load(tmp_path / "without").baselines is None


GOOD = {"history_mean": 0.1, "random_mean": {"5": 0.2}, "random_ridge": {"5": 0.1}}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"history_mean": 0.1},
        GOOD | {"history_mean": "0.1"},
        GOOD | {"history_mean": True},
        GOOD | {"history_mean": 1.5},
        GOOD | {"random_mean": [0.2]},
        GOOD | {"random_mean": {"few": 0.2}},
        GOOD | {"random_ridge": {"5": None}},
        GOOD | {"random_ridge": {"5": -0.1}},
    ],
)
def test_other_values_in_a_manifest_are_refused(values):
    assert Baselines.from_manifest(GOOD).random_mean == {5: 0.2}
    with pytest.raises(BankError, match="'baselines' must give history_mean"):
        Baselines.from_manifest(values)


def test_errors_for_other_numbers_of_items_are_refused(bank):
    with pytest.raises(BankError, match="by the numbers of items of 'expected_error'"):
        replace(bank, baselines=Baselines.from_manifest(GOOD))


def test_show_and_the_card_set_them_beside_the_error(bank, tmp_path):
    bank.save(tmp_path / "bank")
    known, text = bank.baselines, succeed("show", tmp_path / "bank").output
    line = next(one.split() for one in text.splitlines() if one.split()[:1] == ["10"])
    errors = (bank.expected_error[10], known.random_mean[10], known.random_ridge[10])
    assert line == ["10", *(f"{error:.3f}" for error in errors)]
    assert f"history's mean, without any answer: {known.history_mean:.3f}" in text
    card = (tmp_path / "bank" / "README.md").read_text()
    assert f"| 10 | {' | '.join(f'{100 * error:.2f}' for error in errors)} |" in card


def test_show_says_with_how_few_answers_ridge_errs_less(bank, tmp_path):
    lucky = replace(bank.baselines, random_ridge={5: 0.0, 10: 0.0, 15: 1.0})
    replace(bank, baselines=lucky).save(tmp_path / "bank")
    text = succeed("show", tmp_path / "bank").output
    assert "with 5, 10 answers ridge on random items errs less" in text


def test_a_bank_without_them_shows_as_before(bank, tmp_path):
    replace(bank, baselines=None).save(tmp_path / "bank")
    text = succeed("show", tmp_path / "bank").output
    assert "answered  error\n" in text
    assert "history's mean" not in text
    assert json.loads(succeed("show", tmp_path / "bank", "--json").output)["baselines"] is None
