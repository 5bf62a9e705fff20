"""Ids that look alike are named, never joined."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.importers.lookalikes import doubts, key, look_alikes, suggest

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "modèle") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    "group",
    [
        ("001", "1"),
        ("0", "000"),
        ("gpt-4", "gpt-4 "),
        ("gpt-4", "GPT-4"),
        ("a  b", "a b"),
        ("a\tb", "a b"),
        (COMPOSED, DECOMPOSED),
        ("ｇｐｔ-4", "gpt-4"),
        ("straße", "STRASSE"),
    ],
)
def test_what_looks_alike(group):
    assert look_alikes(["other", *group]) == [group]


@pytest.mark.parametrize(
    "pair", [("a7", "a07"), ("arc/1", "arc/01"), ("gpt-4", "gpt-4o"), ("l", "1")]
)
def test_what_does_not(pair):
    assert look_alikes(pair) == []


def test_the_same_id_twice_is_one():
    assert look_alikes(["1", "1"]) == []


@given(st.text())
def test_the_key_is_its_own_key(one):
    assert key(key(one)) == key(one)


def test_doubts_name_the_groups():
    (told,) = doubts(["gpt-4", "gpt-4 ", "x", "X", "y"], "model")
    assert (told.kind, told.count) == ("doubt", 2)
    assert str(told).endswith("they are kept apart: 'gpt-4' / 'gpt-4 ', 'x' / 'X'")
    assert doubts(["a", "b"], "item") == ()


def test_suggestions():
    assert suggest(["27", "9"], ["026", "027"]) == "027"
    assert suggest(["27"], ["arc/26", "arc/27"]) == "arc/27"
    assert suggest(["arc/27"], ["26", "27"]) == "27"
    assert suggest(["mmlu/9", "Q1 "], ["q1", "q2"]) == "q1"
    assert suggest(["x"], ["y"]) is None
    assert suggest([], ["y"]) is None
