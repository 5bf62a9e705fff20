"""Answers items with a causal language model of transformers, in memory or in a folder.

Multiple choice is scored as in lm-evaluation-harness (Gao et al. 2024): the answer is the choice
with the largest log-likelihood after the prompt (``acc``), or the largest per character
(``acc_norm``).  Items without choices are answered greedily and scored by exact match.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, DataError
from tinyeval.training.items import Item
from tinyeval.training.optional import load
from tinyeval.training.restore_state import same_modes
from tinyeval.training.runners.encoding import (
    Pair,
    Request,
    encode_pairs,
    max_length,
    pad_token,
)
from tinyeval.training.runners.scoring import exact_match

METRICS = ("acc", "acc_norm", "probability")
BATCH_TOKENS = {"cpu": 4096}
"""Tokens per batch by type of device; on a CPU, larger batches overflow its caches (measured)."""
_MANY_TOKENS = 32768


@dataclass(frozen=True)
class CausalLM:
    """An answering function: ``answer(items, model)`` returns item -> score.

    Attributes:
        tokenizer: tokenizer of the model; None: the one in the model's folder.
        metric: metric of items with choices: ``acc``, ``acc_norm``, or ``probability``, the
            likelihood of the correct choice divided by that of all choices.
        delimiter: text between prompt and choice.
        chat: put the prompt into the tokenizer's chat template, as the user's message.
        max_tokens: most tokens of a generated answer.
        batch_tokens: tokens per batch; None: 4,096 on a CPU, 32,768 elsewhere.
        device: device of a model that is read from a folder; ``auto``: a GPU if there is one.
        share: process the context that choices share only once, if the model allows it.
    """

    tokenizer: Any = None
    metric: str = "acc"
    delimiter: str = " "
    chat: bool = False
    max_tokens: int = 256
    batch_tokens: int | None = None
    device: str = "auto"
    share: bool = True
    _last: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ConfigError(f"unknown metric {self.metric!r}; known are: {', '.join(METRICS)}")
        if self.max_tokens < 1 or (self.batch_tokens is not None and self.batch_tokens < 1):
            raise ConfigError("max_tokens and batch_tokens must be 1 or more")

    def __call__(self, items: Sequence[Item], model: Any) -> dict[str, float]:
        """Answer some items.

        Args:
            items: items with ``prompt``, ``gold`` and, for multiple choice, ``choices``.
            model: a model of transformers, or a folder that ``from_pretrained`` reads.  A model in
                memory keeps its device and its training mode.

        Returns:
            A score in [0, 1] for each item.

        Raises:
            DataError: items that lack a field, or a folder that cannot be read.
            TinyEvalError: memory is too small for a single item.
        """
        model, tokenizer = self._load(model)
        chosen = [one for one in items if one.choices]
        written = [one for one in items if not one.choices]
        with same_modes(model), _precision(model):
            model.eval()
            scores = self._choose(chosen, model, tokenizer)
            scores |= self._write(written, model, tokenizer)
        return {one.id: scores[one.id] for one in items}

    def choice_log_likelihoods(
        self, items: Sequence[Item], model: Any, tokenizer: Any
    ) -> list[NDArray[np.float64]]:
        """Return the log-likelihood of each choice of each item, in nats."""
        from tinyeval.training.runners.loglikelihood import log_likelihoods

        prompts = self._prompts(items, tokenizer)
        pairs = [
            (prompt, self.delimiter + choice)
            for one, prompt in zip(items, prompts, strict=True)
            for choice in one.choices
        ]
        values = log_likelihoods(
            model,
            self._encode(tokenizer, pairs, max_length(model, tokenizer)),
            pad=pad_token(tokenizer),
            batch_tokens=self._budget(model),
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
        gold = {one.id: one.gold for one in items}
        if not items:
            return {}
        values = self.choice_log_likelihoods(items, model, tokenizer)
        return {
            one.id: self._mark(one, gold[one.id], value)
            for one, value in zip(items, values, strict=True)
        }

    def _mark(self, item: Item, gold: int, value: NDArray[np.float64]) -> float:
        if not np.isfinite(value).all():
            raise DataError(
                f"item {item.id!r}: the model gives log-likelihoods {value.tolist()}; its weights "
                "or its precision are broken"
            )
        if self.metric == "probability":
            share = np.exp(value - value.max())
            return float(share[gold] / share.sum())
        if self.metric == "acc_norm":
            value = value / [max(1, len(one)) for one in item.choices]
        return float(np.argmax(value) == gold)

    def _write(self, items: Sequence[Item], model: Any, tokenizer: Any) -> dict[str, float]:
        from tinyeval.training.runners.generation import generate

        gold = {one.id: one.answers for one in items}
        by_stop: dict[tuple[str, ...], list[Item]] = {}
        for one in items:
            by_stop.setdefault(one.stop, []).append(one)
        scores = {}
        for stop, group in by_stop.items():
            texts = generate(
                model,
                tokenizer,
                self._prompts(group, tokenizer),
                stop=stop,
                max_tokens=self.max_tokens,
                max_length=max_length(model, tokenizer),
                batch_tokens=self._budget(model),
            )
            for one, text in zip(group, texts, strict=True):
                scores[one.id] = exact_match(text, gold[one.id])
        return scores

    def _prompts(self, items: Sequence[Item], tokenizer: Any) -> list[str]:
        if not self.chat:
            return [one.prompt for one in items]
        messages = [[{"role": "user", "content": one.prompt}] for one in items]
        return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def _budget(self, model: Any) -> int:
        kind = next(model.parameters()).device.type
        return self.batch_tokens or BATCH_TOKENS.get(kind, _MANY_TOKENS)

    def _load(self, model: Any) -> tuple[Any, Any]:
        """Return model and tokenizer; a compiled model is unwrapped."""
        if not isinstance(model, (str, Path)):
            if self.tokenizer is None:
                raise ConfigError("a model in memory needs its tokenizer: CausalLM(tokenizer)")
            return getattr(model, "_orig_mod", model), self.tokenizer
        return _from_folder(Path(model), self.device, self.tokenizer)


def causal_lm(items: Sequence[Item], model: Any) -> Mapping[str, float]:
    """Answer items with the model in a ``from_pretrained`` folder, with the default settings."""
    return CausalLM()(items, model)


def _from_folder(path: Path, device: str, tokenizer: Any) -> tuple[Any, Any]:
    transformers, torch = load("transformers", "hf"), load("torch", "hf")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if not (path / "config.json").is_file():
        raise DataError(f"{path}: expected a folder with a model's config.json; there is none")
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32 if device == "cpu" else torch.bfloat16
        )
        if tokenizer is None:
            tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: the model or its tokenizer cannot be read ({reason})") from error
    return model.to(device), tokenizer


@contextmanager
def _precision(model: Any) -> Iterator[None]:
    """Compute in bfloat16 if the weights are float32 on a GPU, as training does."""
    first = next(model.parameters())
    if first.device.type != "cuda" or str(first.dtype) != "torch.float32":
        yield
        return
    with load("torch", "hf").autocast("cuda", dtype=load("torch", "hf").bfloat16):
        yield
