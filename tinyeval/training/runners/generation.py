"""Greedy answers of a causal language model, in batches.

Rows are padded on the left, so that the next token of each row follows its last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tinyeval.training.optional import load
from tinyeval.training.runners.batches import Batches
from tinyeval.training.runners.encoding import encode, pad_token
from tinyeval.training.runners.scoring import cut


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    stop: Sequence[str],
    max_tokens: int,
    max_length: int,
    batch_tokens: int,
) -> list[str]:
    """Return the model's most likely continuation of each prompt, up to a stop text.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        tokenizer: its tokenizer.
        prompts: texts.
        stop: texts at which an answer ends; they are not part of it.
        max_tokens: most tokens of an answer.
        max_length: most tokens that the model can read; longer prompts are cut on the left.
        batch_tokens: tokens per batch, including padding and answers.

    Raises:
        TinyEvalError: memory is too small for a single prompt.
    """
    room = max(1, max_length - max_tokens)
    rows = [list(tokens)[-room:] for tokens in encode(tokenizer, prompts)]
    texts = [""] * len(prompts)

    def work(batch: list[int]) -> None:
        new = _greedy(model, tokenizer, [rows[k] for k in batch], stop, max_tokens)
        for k, tokens in zip(batch, new, strict=True):
            texts[k] = cut(tokenizer.decode(tokens, skip_special_tokens=True), stop)

    Batches(batch_tokens, "prompt").run([len(row) + max_tokens for row in rows], work)
    return texts


def _greedy(
    model: Any, tokenizer: Any, rows: Sequence[list[int]], stop: Sequence[str], max_tokens: int
) -> list[list[int]]:
    """Return the new tokens of each row."""
    transformers = load("transformers", "hf")
    length, pad = max(map(len, rows)), pad_token(tokenizer)
    ids = np.full((len(rows), length), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for k, row in enumerate(rows):
        ids[k, length - len(row) :] = row
        mask[k, length - len(row) :] = 1
    end = model.generation_config.eos_token_id
    # what it leaves open is the model's own: penalties count, as they do in the harness
    config = transformers.GenerationConfig(
        do_sample=False,
        max_new_tokens=max_tokens,
        pad_token_id=pad,
        eos_token_id=tokenizer.eos_token_id if end is None else end,
    )

    def stopped(tokens: torch.Tensor, _: Any, **__: Any) -> torch.Tensor:
        texts = tokenizer.batch_decode(tokens[:, length:], skip_special_tokens=True)
        found = [any(one in text for one in stop) for text in texts]
        return torch.tensor(found, device=tokens.device)

    device = next(model.parameters()).device
    with torch.no_grad():
        out = model.generate(
            input_ids=torch.from_numpy(ids).to(device),
            attention_mask=torch.from_numpy(mask).to(device),
            generation_config=config,
            stopping_criteria=transformers.StoppingCriteriaList([stopped]),
        )
    return out[:, length:].tolist()
