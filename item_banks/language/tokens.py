"""Tokens, and rows of training text.

A token is a word that texts often have, with the space before it, or else a single character: so
small a vocabulary takes few of a small model's weights, and texts are short.  A text is the token
that begins it, the prompt, a space, the answer, and a line feed.  Rows are filled with whole
texts, the first of which begins the row, as it does when an item is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from item_banks.language.benchmark import STOP, training_questions
from item_banks.language.families import FAMILIES, LEVELS, Question
from tinyeval.training.optional import load

CONTEXT = 64
"""Tokens that a model can read; every text is shorter."""

PAD, BEGIN, UNKNOWN = "<pad>", "<s>", "<unk>"
CHARACTERS = " ()*+,-.0123456789:<=>?[]abcdefghijklmnopqrstuvwxyz{}"

NO_LABEL = -100
"""What transformers takes for a token that is not to be learned."""

SAMPLE, OFTEN = 20_000, 25
"""Texts that words are counted in, and how often a word of the vocabulary is there at least."""


@cache
def splitter() -> tuple[str, tuple[str, ...]]:
    """Return the regular expression that a token matches, and the vocabulary."""
    even = dict.fromkeys(FAMILIES, 1.0)
    found = training_questions(Random("words"), even, (1.0,) * len(LEVELS))
    texts = [f"{one.prompt} {one.answer}" for one in islice(found, SAMPLE)]
    counts = Counter(word for text in texts for word in re.findall("(?:^| )[a-z]{2,}", text))
    words = sorted(word for word, count in counts.items() if count >= OFTEN)
    bare = "|".join(sorted({word.strip() for word in words}))
    pattern = rf"(?:^| )(?:{bare})(?![a-z])|[\s\S]"
    return pattern, (PAD, BEGIN, STOP, UNKNOWN, *CHARACTERS, *words)


def make_tokenizer() -> Any:
    """Return the tokenizer, of transformers; it puts a token before every text.

    Raises:
        DependencyError: transformers is not installed.
    """
    transformers, tokenizers = load("transformers", "hf"), load("tokenizers", "hf")
    pattern, vocabulary = splitter()
    codes = {one: k for k, one in enumerate(vocabulary)}
    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel(codes, unk_token=UNKNOWN))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
    raw.decoder = tokenizers.decoders.Fuse()
    raw.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, codes[BEGIN])]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token=BEGIN,
        eos_token=STOP,
        pad_token=PAD,
        unk_token=UNKNOWN,
        model_max_length=CONTEXT,
    )


def special_tokens() -> dict[str, int]:
    """Return what a model's configuration says of the vocabulary."""
    vocabulary = splitter()[1]
    names = {"pad_token_id": PAD, "bos_token_id": BEGIN, "eos_token_id": STOP}
    ids = {name: vocabulary.index(one) for name, one in names.items()}
    return {"vocab_size": len(vocabulary), **ids}


@cache
def _coding() -> tuple[re.Pattern[str], dict[str, int]]:
    pattern, vocabulary = splitter()
    return re.compile(pattern), {one: k for k, one in enumerate(vocabulary)}


def encode(text: str) -> list[int]:
    """Return the tokens of a text as the tokenizer does, without the one that begins it."""
    pattern, codes = _coding()
    unknown = codes[UNKNOWN]
    return [codes.get(one, unknown) for one in pattern.findall(text)]


def make_rows(
    questions: Iterator[Question], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Fill rows with questions and their answers.

    Args:
        questions: taken as they come; the one that a row has no room for begins the next.
        rows: how many to fill.

    Returns:
        Tokens and labels, both (rows, ``CONTEXT``).  Only answers, each with the line feed that
        ends it, are to be learned.
    """
    codes = _coding()[1]
    ids = np.full((rows, CONTEXT), codes[PAD])
    labels = np.full((rows, CONTEXT), NO_LABEL)
    before, after = _tokens(next(questions))
    for row in range(rows):
        end = 0
        while end + len(before) + len(after) <= CONTEXT:
            start, end = end + len(before), end + len(before) + len(after)
            ids[row, start - len(before) : end] = before + after
            labels[row, start:end] = after
            before, after = _tokens(next(questions))
    return ids, labels


def _tokens(one: Question) -> tuple[list[int], list[int]]:
    begin = _coding()[1][BEGIN]
    return [begin, *encode(one.prompt)], encode(f" {one.answer}{STOP}")
