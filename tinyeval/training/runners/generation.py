"""Greedy answers of a causal language model, in batches.

What prompts share, such as the examples of a few-shot prompt, is read once, where that is exact
(:mod:`tinyeval.training.runners.reading`); answers that have ended leave the batch.  For other
models, and those whose own configuration asks for penalties, transformers' ``generate`` does it,
prompts padded on the left, so that the next token of each row follows its last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tinyeval.training.optional import load
from tinyeval.training.runners.batches import Batches
from tinyeval.training.runners.encoding import encode, pad_token
from tinyeval.training.runners.held import Held
from tinyeval.training.runners.reading import Reader
from tinyeval.training.runners.scoring import cut
from tinyeval.training.runners.shared_rows import Row, Segment, Tokens, prompt_trunks

_MORE = 4
"""Tokens looked at beside those of a stop text: some decode to nothing."""

_ENDED = 0.25
"""Share of a batch's answers that have ended, above which they are left out."""


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
    rows = [tuple(tokens)[-room:] for tokens in encode(tokenizer, prompts)]
    reader = Reader(model, pad_token(tokenizer))
    writer = Writer(reader, tokenizer, stop, max_tokens)
    batches = Batches(batch_tokens, "prompt")
    if _is_plain(model.generation_config) and reader.can_share(
        max(map(len, rows), default=0) + max_tokens
    ):
        answers = _with_trunks(rows, writer, batches)
    else:
        answers = [[] for _ in rows]

        def work(batch: list[int]) -> None:
            for k, tokens in zip(batch, writer.write_padded([rows[k] for k in batch]), strict=True):
                answers[k] = tokens

        batches.run([len(row) + max_tokens for row in rows], work)
    return [cut(tokenizer.decode(one, skip_special_tokens=True), stop) for one in answers]


_HARMLESS = (
    *("bos_token_id", "decoder_start_token_id", "eos_token_id", "pad_token_id"),
    *("do_sample", "temperature", "top_k", "top_p", "min_p", "typical_p"),
    *("max_length", "max_new_tokens", "transformers_version", "use_cache"),
)
_NEUTRAL = {"repetition_penalty": 1.0, "num_beams": 1, "min_length": 0, "no_repeat_ngram_size": 0}
"""Settings of a model's generation, and values of others, that leave greedy answers alone."""


def _is_plain(config: Any) -> bool:
    """Return whether the model asks for nothing, such as penalties, but the likeliest tokens."""
    return all(
        name in _HARMLESS or name.startswith("_") or value in (None, False, _NEUTRAL.get(name))
        for name, value in config.to_diff_dict().items()
    )


def _with_trunks(rows: Sequence[Tokens], writer: Writer, batches: Batches) -> list[list[int]]:
    """Return the answers to prompts, whose trunks are read once."""
    answers: list[list[int]] = [[] for _ in rows]
    trunks, alone = prompt_trunks(rows)

    def write(some: Sequence[tuple[int, int]], begin: Sequence[int], held: Held | None) -> None:
        def work(batch: list[int]) -> None:
            chosen = [some[k] for k in batch]
            parts = [(rows[k], begin[trunk]) for k, trunk in chosen]
            below = None if held is None else held.take([trunk for _, trunk in chosen])
            for (k, _), tokens in zip(chosen, writer.write(parts, below), strict=True):
                answers[k] = tokens

        batches.run([len(rows[k]) + writer.max_tokens for k, _ in some], work)

    def read(batch: list[int]) -> None:
        chosen = [trunks[k] for k in batch]
        held = writer.reader.hold([rows[members[0]][:length] for length, members in chosen])
        some = [(k, at) for at, (_, members) in enumerate(chosen) for k in members]
        write(some, [length for length, _ in chosen], held)

    write([(k, 0) for k in alone], [0], None)
    batches.run([length for length, _ in trunks], read)
    return answers


class Writer:
    """Writes the answers of a batch of prompts.

    Args:
        reader: runs the model.
        tokenizer: its tokenizer.
        stop: texts at which an answer ends.
        max_tokens: most tokens of an answer.
    """

    def __init__(
        self, reader: Reader, tokenizer: Any, stop: Sequence[str], max_tokens: int
    ) -> None:
        self.reader, self.tokenizer, self.stop = reader, tokenizer, stop
        self.max_tokens = max_tokens
        end = reader.model.generation_config.eos_token_id
        end = tokenizer.eos_token_id if end is None else end
        self.ends = [end] if isinstance(end, int) else list(end or ())
        # a token is a byte of the stop text or more; the answer is cut in the end, so that a stop
        # text which is overlooked here costs time only
        self._last = max((len(one.encode()) for one in stop), default=0) + _MORE

    def write(self, prompts: Sequence[tuple[Tokens, int]], held: Held | None) -> list[list[int]]:
        """Return the new tokens of each prompt, of whose tokens the first so many are held."""
        answers: list[list[int]] = [[] for _ in prompts]
        rows = [Row((Segment(row[start:], start, (0, 1)),), start) for row, start in prompts]
        open_, positions = np.arange(len(rows)), np.array([len(row) for row, _ in prompts])
        ended = np.zeros(len(rows), dtype=bool)
        with torch.no_grad():
            places = [(k, row.width - 1) for k, row in enumerate(rows)]
            logits, held = self.reader.logits(rows, places, held, keep=True)
            assert held is not None
            held = held.with_room(self.max_tokens)
            for more in reversed(range(self.max_tokens)):
                new = logits.argmax(-1).cpu().numpy()
                for k in np.flatnonzero(~ended):
                    answers[open_[k]].append(int(new[k]))
                ended |= np.isin(new, self.ends) | self._stopped([answers[k] for k in open_])
                if not more or ended.all():
                    break
                if ended.mean() >= _ENDED:
                    left = np.flatnonzero(~ended)
                    held = held.take(left.tolist()).with_room(more)
                    open_, positions, new, ended = (
                        one[left] for one in (open_, positions, new, ended)
                    )
                logits, held = self.reader.step(new, positions, held)
                positions = positions + 1
        return answers

    def _stopped(self, answers: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
        """Return which answers have a stop text near their end."""
        if not self.stop:
            return np.zeros(len(answers), dtype=bool)
        tails = [one[-self._last :] for one in answers]
        texts = self.tokenizer.batch_decode(tails, skip_special_tokens=True)
        return np.array([any(one in text for one in self.stop) for text in texts])

    def write_padded(self, rows: Sequence[Tokens]) -> list[list[int]]:
        """Return the new tokens of each prompt, by the model's own ``generate``."""
        transformers, pad = load("transformers", "hf"), self.reader.pad
        length = max(map(len, rows))
        ids = np.full((len(rows), length), pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for k, row in enumerate(rows):
            ids[k, length - len(row) :] = row
            mask[k, length - len(row) :] = 1
        # what it leaves open is the model's own: penalties count, as they do in the harness
        config = transformers.GenerationConfig(
            do_sample=False,
            max_new_tokens=self.max_tokens,
            pad_token_id=pad,
            eos_token_id=self.ends,
        )

        def stopped(tokens: torch.Tensor, _: Any, **__: Any) -> torch.Tensor:
            new = tokens[:, length:][:, -self._last :].tolist()
            return torch.from_numpy(self._stopped(new)).to(tokens.device)

        with torch.no_grad():
            out = self.reader.model.generate(
                input_ids=torch.from_numpy(ids).to(self.reader.device),
                attention_mask=torch.from_numpy(mask).to(self.reader.device),
                generation_config=config,
                stopping_criteria=transformers.StoppingCriteriaList([stopped]),
            )
        return out[:, length:].tolist()
