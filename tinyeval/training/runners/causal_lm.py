"""Answers items with a causal language model of transformers, in memory or in a folder.

Items are asked and marked as lm-evaluation-harness does it (Gao et al. 2024), by the metric that
their content names: choices by their log-likelihoods after the prompt, written answers, which are
the likeliest token after token, by exact match (:mod:`tinyeval.asking.marks`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.asking.item import DELIMITER, Item
from tinyeval.asking.marks import CHOICE_METRICS, check_askable, mark_choices, mark_text
from tinyeval.errors import ConfigError
from tinyeval.training.optional import load
from tinyeval.training.restore_state import same_modes
from tinyeval.training.runners.chat import chat_context
from tinyeval.training.runners.encoding import (
    Pair,
    Request,
    encode_pairs,
    max_length,
    pad_token,
)
from tinyeval.training.runners.loading import Loaded, Loading

BATCH_TOKENS = {"cpu": 4096}
"""Tokens per batch by type of device; on a CPU, larger batches overflow its caches (measured)."""
_MANY_TOKENS = 32768


@dataclass(frozen=True)
class CausalLM:
    """An answering function: ``answer(items, model)`` returns item -> score.

    Attributes:
        tokenizer: tokenizer of the model; None: the one in the model's folder.
        metric: metric of items with choices: ``acc``, ``acc_norm``, ``acc_bytes``, or
            ``probability``, the likelihood of the right choices divided by that of all choices;
            None: the one that an item names, or ``acc``.
        delimiter: text between prompt and choice; None: the item's, or a space, or nothing
            after a chat template.
        chat: put the prompt into the tokenizer's chat template, as the user's message; None: where
            an item says that its history was asked so.
        max_tokens: most tokens of a written answer, where an item does not say.
        batch_tokens: tokens per batch; None: 4,096 on a CPU, 32,768 elsewhere.
        device, dtype, revision: how a model is loaded that is not in memory, as in
            :class:`~tinyeval.training.runners.loading.Loading`.
        share: process the context that choices share only once, if the model allows it.
    """

    tokenizer: Any = None
    metric: str | None = None
    delimiter: str | None = None
    chat: bool | None = None
    max_tokens: int = 256
    batch_tokens: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None
    share: bool = True
    _last: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.metric is not None and self.metric not in CHOICE_METRICS:
            known = ", ".join(CHOICE_METRICS)
            raise ConfigError(f"unknown metric {self.metric!r}; known are: {known}")
        if self.max_tokens < 1 or (self.batch_tokens is not None and self.batch_tokens < 1):
            raise ConfigError("max_tokens and batch_tokens must be 1 or more")

    def __call__(self, items: Sequence[Item], model: Any) -> dict[str, float]:
        """Answer some items.

        Args:
            items: items with ``prompt``, ``gold`` and, for multiple choice, ``choices``.
            model: a model of transformers, a folder or Hub name that ``from_pretrained`` reads, or
                what :class:`Loading` has loaded.  A model in memory keeps its device and its
                training mode.

        Returns:
            A score in [0, 1] for each item.

        Raises:
            DataError: items that lack a field, or cannot be answered as their history was; a
                folder that cannot be read.
            TinyEvalError: memory is too small for a single item.
        """
        check_askable(items, self.metric or "")  # before a model is read
        (model, tokenizer), in_training = self._load(model)
        if any(self._in_chat(one) for one in items):
            chat_context(({"role": "user", "content": "?"},), tokenizer)  # before any is asked
        chosen = [one for one in items if one.choices]
        written = [one for one in items if not one.choices]
        with same_modes(model), _precision(model) if in_training else nullcontext():
            model.eval()
            scores = self._choose(chosen, model, tokenizer)
            scores |= self._write(written, model, tokenizer)
        return {one.id: scores[one.id] for one in items}

    def choice_log_likelihoods(
        self, items: Sequence[Item], model: Any, tokenizer: Any
    ) -> list[NDArray[np.float64]]:
        """Return the log-likelihood of each choice of each item, in nats."""
        from tinyeval.training.runners.loglikelihood import log_likelihoods

        pairs = [pair for one in items for pair in self._pairs(one, tokenizer)]
        values = log_likelihoods(
            model,
            self._encode(tokenizer, pairs, max_length(model, tokenizer)),
            pad=pad_token(tokenizer),
            batch_tokens=self.budget(model),
            share=self.share,
        )
        ends = np.cumsum([len(one.choices) for one in items])
        return np.split(values, ends[:-1])

    def _encode(self, tokenizer: Any, pairs: list[Pair], length: int) -> list[Request]:
        """Return the tokens of pairs; the last result is kept for the next checkpoint of a run."""
        last = self._last
        if last.get("tokenizer") is not tokenizer or last["asked"] != (pairs, length):
            requests = encode_pairs(tokenizer, pairs, length)
            last.update(tokenizer=tokenizer, asked=(pairs, length), requests=requests)
        return last["requests"]

    def _choose(self, items: Sequence[Item], model: Any, tokenizer: Any) -> dict[str, float]:
        if not items:
            return {}
        for one in items:
            one.golds  # noqa: B018  (an item that lacks it is refused before any is asked)
        values = self.choice_log_likelihoods(items, model, tokenizer)
        return {
            one.id: mark_choices(one, value, self.metric or "")
            for one, value in zip(items, values, strict=True)
        }

    def _write(self, items: Sequence[Item], model: Any, tokenizer: Any) -> dict[str, float]:
        from tinyeval.training.runners.generation import generate

        groups: dict[tuple[tuple[str, ...], int], list[Item]] = {}
        for one in items:
            one.answers  # noqa: B018  (likewise)
            stop = _stops(one, tokenizer)
            groups.setdefault((stop, one.max_tokens or self.max_tokens), []).append(one)
        scores = {}
        for (stop, max_tokens), group in groups.items():
            texts = generate(
                model,
                tokenizer,
                [self._context(one, tokenizer) for one in group],
                stop=stop,
                max_tokens=max_tokens,
                max_length=max_length(model, tokenizer),
                batch_tokens=self.budget(model),
            )
            for one, text in zip(group, texts, strict=True):
                scores[one.id] = mark_text(one, text)
        return scores

    def _in_chat(self, item: Item) -> bool:
        return not item.raw and (item.chat if self.chat is None else self.chat)

    def _context(self, item: Item, tokenizer: Any) -> str:
        if not self._in_chat(item):
            return item.prompt
        return chat_context(item.messages, tokenizer)

    def _pairs(self, item: Item, tokenizer: Any) -> list[Pair]:
        chat, delimiter = self._in_chat(item), self.delimiter
        if delimiter is None and chat != item.chat and not item.raw:
            delimiter = "" if chat else DELIMITER  # the harness has none after a chat template
        template = (lambda messages: chat_context(messages, tokenizer)) if chat else None
        return item.pairs(delimiter, template)

    def budget(self, model: Any) -> int:
        """Return how many tokens a batch has."""
        kind = next(model.parameters()).device.type
        return self.batch_tokens or BATCH_TOKENS.get(kind, _MANY_TOKENS)

    def _load(self, model: Any) -> tuple[Loaded, bool]:
        """Return model and tokenizer, and whether the model is in training."""
        if isinstance(model, (str, Path)):
            model = Loading(self.device, self.dtype, self.revision)(model, self.tokenizer)
        if isinstance(model, Loaded):
            return model, False
        if self.tokenizer is None:
            raise ConfigError("a model in memory needs its tokenizer: CausalLM(tokenizer)")
        # a compiled model is unwrapped
        return Loaded(getattr(model, "_orig_mod", model), self.tokenizer), True


def _stops(item: Item, tokenizer: Any) -> tuple[str, ...]:
    """Return where an answer ends; the harness adds the end token's own text."""
    end = tokenizer.eos_token if item.metric else None
    return item.stop if not end or end in item.stop else (*item.stop, end)


def causal_lm(items: Sequence[Item], model: Any) -> Mapping[str, float]:
    """Answer items with the model in a ``from_pretrained`` folder, with the default settings."""
    return CausalLM()(items, model)


@contextmanager
def _precision(model: Any) -> Iterator[None]:
    """Compute in bfloat16 if the weights are float32 on a GPU, as training does."""
    first = next(model.parameters())
    if first.device.type != "cuda" or str(first.dtype) != "torch.float32":
        yield
        return
    with load("torch", "hf").autocast("cuda", dtype=load("torch", "hf").bfloat16):
        yield
