"""Words that the families share, and words that nobody knows."""

from __future__ import annotations

from random import Random

NAMES = ("ann", "bob", "dan", "eva", "ian", "kim", "lou", "max", "pat", "sam", "tom", "zoe")
COLOURS = ("red", "blue", "pink", "gold", "grey", "teal", "lime", "cyan")
KINDS = tuple(a + b + c for a in "bdfg" for b in "aeiou" for c in "lmr")
"""Invented kinds of things, as in "bal are dom"."""

LETTERS = "abcdefghikmn"


def invented(rng: Random, length: int) -> str:
    """Return an invented word: consonants and vowels in turn."""
    return "".join(rng.choice("aeiou" if k % 2 else "bdfgklmnprstvz") for k in range(length))
