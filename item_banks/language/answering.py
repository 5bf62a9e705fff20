"""Items of the benchmark as tinyeval's runner takes them, and the runner that answers them.

A choice is the one with the largest log-likelihood; a written answer is the greedy one, and must
be right to the letter.
"""

from __future__ import annotations

from collections.abc import Sequence

from item_banks.language.benchmark import TextItem
from item_banks.language.tokens import make_tokenizer
from tinyeval.training import CausalLM, Item

MAX_TOKENS = 16
"""Of a written answer: a space, the longest right answer, and the line feed."""


def make_answer() -> CausalLM:
    """Return the answering function: ``answer(items, model)`` gives item -> score."""
    return CausalLM(make_tokenizer(), max_tokens=MAX_TOKENS)


def to_ask(items: Sequence[TextItem]) -> tuple[Item, ...]:
    """Return the items as the runner takes them."""
    return tuple(Item(one.id, one.content, one.family) for one in items)
