"""A recipe may be a stranger's: whatever is wrong with it is one ConfigError, in one line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tinyeval.config import load_settings
from tinyeval.errors import ConfigError


def refused(path: Path, message: str) -> None:
    start = time.process_time()
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(path)
    assert time.process_time() - start < 10
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    assert text.startswith(str(path))


def laughs(first: str) -> str:
    """Ten lists of ten of the list before: 10^10 values."""
    lists = [f"a: &a [{first}]"]
    lists += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdef", "bcdefg")]  # noqa: B905
    return ", ".join(lists)


TEXTS = {
    "a key twice": ("items: 5\nseed: 1\nitems: 6", r":3: .*'items' appears twice, first in line 1"),
    "a key of a section twice": ("irt: {method: map, method: pyro}", "'method' appears twice"),
    "a number and its text": ('quotas: {anchors: {1: 2, "1": 3}}', "'1' appears twice"),
    "a long key twice": ("? " + "k" * 5000 + "\n: 1\n? " + "k" * 5000, "'k+' appears twice"),
    "deep lists": ("[" * 3000, "nested more than 20 deep"),
    "deep mappings": ("{a: " * 3000, "nested more than 20 deep"),
    "deep blocks": ("\n".join(" " * k + "a:" for k in range(200)), "nested more than 20 deep"),
    "many brackets": ("[" * 10**6, "nested more than 20 deep"),
    "many laughs": (f"selection: {{options: {{{laughs('x, x, x')}}}}}", "holds more than 50,000"),
    "an alias in itself": ("selection: {options: &a {b: *a}}", "alias stands for what it lies in"),
    "a huge number": ("items: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
    "no date": ("items: 2020-99-99", "not valid YAML: month must be"),
    "no number": ("items: 0x_", "not valid YAML: invalid literal"),
    "a long name": ("? " + "k" * 10_000 + "\n: 1", "k{60}: there is no such setting"),
    "a long value": ("irt: {method: " + "x" * 10_000 + "}", "irt.method: "),
    "a long quota": ("quotas: {anchors: " + "x" * 10_000 + "}", "expected a number of anchors"),
    "a long tag": ("items: !" + "t" * 10_000 + " 3", "not valid YAML: could not determine"),
    "NUL": ("items: \0", "not valid YAML"),
    "a code": ("items: !!python/object/apply:os.getpid []", "not valid YAML"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(tmp_path, name):
    text, message = TEXTS[name]
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    refused(path, message)


def test_keys_are_compared_within_their_own_mapping(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "irt: {method: map}\nselection: {method: random}\nquotas: {anchors: {a: 1, A: 2}}"
    )
    assert load_settings(path).quotas.anchors == {"a": 1, "A": 2}


def test_aliases_and_merges_stay(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("seed: &s 7\nirt: {dimensions: &d [1, 2]}\ninterval: {folds: *s}")
    settings = load_settings(path)
    assert (settings.seed, settings.interval.folds) == (7, 7)
    path.write_text("selection: &a {method: random}\nestimator: {<<: *a, method: mean}")
    assert load_settings(path).estimator.method == "mean"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbfitems: 5")
    assert load_settings(path).items == 5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_what_never_ends_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    for name in ("pipe.yaml", "zero.yaml"):
        refused(tmp_path / name, "no regular file")
    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(10**12)
    refused(tmp_path / "large.yaml", "more than 1,048,576 bytes")
