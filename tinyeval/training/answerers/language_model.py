"""Answers of a causal language model in a folder or on the Hugging Face Hub."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyeval.asking.marks import check_askable
from tinyeval.errors import DataError, one_line
from tinyeval.training.answerers.base import Answerer, Part
from tinyeval.training.answerers.files import fingerprint
from tinyeval.training.items import Item
from tinyeval.training.runners.loading import Loading, check_name

if TYPE_CHECKING:
    from tinyeval.training.runners.causal_lm import CausalLM

BATCHES = 4
"""Batches of text between two parts: what an interruption may cost, and how often a bar moves."""

WRITTEN = 256
"""Tokens of a written answer whose content does not say how many it may have."""

CHARACTERS = 4
"""Characters of text that are counted as one token."""


@dataclass(frozen=True)
class LanguageModel(Answerer):
    """Loads a model and asks it with :class:`~tinyeval.training.CausalLM`.

    Attributes:
        device, dtype, revision: see :class:`~tinyeval.training.runners.loading.Loading`.
        tokenizer: folder or Hub name of a tokenizer; None: the model's own.
        batch_tokens: tokens per batch; None: by the device.
        chat: put prompts into the tokenizer's chat template; None: where an item says so.
    """

    device: str = "auto"
    dtype: str = "auto"
    revision: str | None = None
    tokenizer: str | None = None
    batch_tokens: int | None = None
    chat: bool | None = None

    def check(self, items: Sequence[Item], model: Any) -> str:
        """Raise unless there may be such a model, and the items can be marked.

        Raises:
            ConfigError, DataError: no such model or settings, or items that cannot be answered as
                their history was.
        """
        check_askable(items)
        for one in items:
            _check_fields(one, one.chat if self.chat is None else self.chat)
        Loading(self.device, self.dtype, self.revision)
        check_name(model, self.revision)
        return ""

    def answer(self, items: Sequence[Item], model: Any) -> Iterator[Part]:
        """Yield the scores of items with like prompts together, so that those are read once."""
        self.check(items, model)
        runner = self._runner()
        loaded = Loading(self.device, self.dtype, self.revision)(model, self.tokenizer)
        size = BATCHES * runner.budget(loaded.model)
        try:
            for part in split(items, size):
                yield runner(part, loaded)
        finally:
            del loaded
            _free()

    def identity(self, model: Any) -> dict[str, Any]:
        """Return the model's files, or its name and commit, and how it is loaded and asked."""
        folder = Path(model)
        if folder.is_dir():
            which: dict[str, Any] = fingerprint(folder)
        else:
            which = {"hub": str(model), "commit": _commit(str(model), self.revision)}
        asked = {"dtype": self.dtype, "tokenizer": self.tokenizer, "chat": self.chat}
        return {"language model": which, "device": self.device, **asked}

    def _runner(self) -> CausalLM:
        from tinyeval.training.runners.causal_lm import CausalLM

        return CausalLM(batch_tokens=self.batch_tokens, chat=self.chat)


def split(items: Sequence[Item], tokens: int) -> Iterator[list[Item]]:
    """Yield the items in parts of about as many tokens, those with like prompts side by side."""
    part: list[Item] = []
    total = 0
    for one in sorted(items, key=_text):
        size = (len(_text(one)) + sum(map(len, one.choices))) // CHARACTERS
        size += 1 if one.choices else one.max_tokens or WRITTEN
        if part and total + size > tokens:
            yield part
            part, total = [], 0
        part.append(one)
        total += size
    if part:
        yield part


def _check_fields(item: Item, chat: bool) -> None:
    """Raise :class:`DataError` if an item lacks a field that a question or a mark needs."""
    if item.choices:
        item.pairs(template=(lambda messages: "?") if chat and not item.raw else None)
        item.golds  # noqa: B018
        return
    item.messages if chat and not item.raw else item.prompt  # noqa: B018
    item.answers  # noqa: B018


def _text(item: Item) -> str:
    names = ("prompt", "prompts", "messages")
    found = next((item.content[one] for one in names if item.content.get(one)), "")
    return found if isinstance(found, str) else json.dumps(found, default=str)


def _commit(name: str, revision: str | None) -> str | None:
    """Return the commit of a model on the Hub; the revision of an adapter.

    Raises:
        DataError: there is no such model, or the Hub cannot be reached.
    """
    from tinyeval.training.optional import load

    make = load("transformers", "hf").AutoConfig.from_pretrained
    try:
        config = make(name, **({} if revision is None else {"revision": revision}))
    except (OSError, ValueError, KeyError) as error:
        if "config.json" in str(error):  # an adapter has none
            return revision
        raise DataError(
            f"{name}: there is no such folder here, and the Hub does not give it "
            f"({one_line(error, 300)})"
        ) from error
    return getattr(config, "_commit_hash", None) or revision


def _free() -> None:
    """Give back the memory of a model, before the next one is loaded."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
