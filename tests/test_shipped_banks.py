"""The banks that ship predict what they did: numbers of before, kept in shipped_predictions.json.

The file holds answers of made-up models on each bank's anchors (1, 0, - for none), and what
tinyeval said of them in November 2026.  It changes only together with a bank.
"""

import json
from pathlib import Path

import pytest

import tinyeval
from tinyeval.bank import packing
from tinyeval.bank.identity import identity

KNOWN = json.loads((Path(__file__).parent / "shipped_predictions.json").read_text())
BANKS = Path(__file__).parent.parent / "item_banks"


@pytest.fixture(scope="module", params=KNOWN)
def shipped(request):
    """A bank, what is known of it, and the answers as a program would give them."""
    known = KNOWN[request.param]
    answers = {
        model: {
            item: float(score)
            for item, score in zip(known["anchors"], scores, strict=True)
            if score != "-"
        }
        for model, scores in known["answers"].items()
    }
    return tinyeval.ItemBank.load(BANKS / request.param), known, answers


def close(expected):
    return pytest.approx(expected, rel=0, abs=1e-12)


def assert_same(predictions, known):
    assert [one.model for one in predictions] == list(known)
    for one, expected in zip(predictions, known.values(), strict=True):
        assert [one.score, one.lower, one.upper] == close(
            [expected[name] for name in ("score", "lower", "upper")]
        )
        assert list(one.ability) == close(expected["ability"])
        assert one.benchmarks.keys() == expected["benchmarks"].keys()
        for name, interval in one.benchmarks.items():
            assert list(interval) == close(expected["benchmarks"][name])
        for name in ("n_answered", "in_range", "misfit"):
            assert getattr(one, name) == expected[name]
        assert len(one.warnings) == expected["warnings"]


def test_a_shipped_bank_has_its_anchors_and_expects_its_errors(shipped):
    bank, known, _ = shipped
    assert list(bank.anchors.items) == known["anchors"]
    assert {str(n): error for n, error in bank.expected_error.items()} == known["expected_error"]


def test_a_shipped_bank_predicts_as_before(shipped):
    bank, known, answers = shipped
    assert_same(bank.predict(answers), known["predictions"])


def test_its_first_twenty_anchors_predict_as_before(shipped):
    bank, known, answers = shipped
    first = bank.anchors.items[:20]
    few = {model: {i: one[i] for i in first if i in one} for model, one in answers.items()}
    assert_same(bank.head(20).predict(few), known["head"])


def test_it_compares_as_before(shipped):
    bank, known, answers = shipped
    for one, expected in zip(bank.compare(answers), known["comparisons"], strict=True):
        assert [one.a, one.b, one.n_shared] == [*expected[:2], expected[-1]]
        found = [one.difference, one.lower, one.upper, one.probability]
        assert found == close(expected[2:-1])


def test_what_ships_of_its_items_states_a_licence(shipped):
    bank, _, _ = shipped
    assert bool(bank.content) == bool(bank.source.get("content_licence"))


def test_its_digest_is_in_its_manifest_and_survives_another_version(shipped, monkeypatch, tmp_path):
    bank, _, _ = shipped
    monkeypatch.setattr(packing, "__version__", "99.0")
    assert identity(bank.files()) == bank.digest == bank.save(tmp_path / "bank")
    assert tinyeval.ItemBank.load(tmp_path / "bank").digest == bank.digest
