"""Answers items with a model on an OpenAI-compatible server (vLLM, SGLang, a provider).

Through the chat interface the model writes its answer.  Items with choices are then asked as a
lettered list, and the first letter that stands alone is the answer.  This differs from scoring by
likelihood: use it with a bank that was built from written answers.

Through completions with ``echo`` and ``logprobs`` (vLLM, SGLang) choices are scored by likelihood,
as lm-evaluation-harness does: a context is sent alone as well, to count the tokens before a choice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyeval.asking.item import Item
from tinyeval.asking.marks import check_askable, mark_choices, mark_text
from tinyeval.errors import ConfigError, DataError
from tinyeval.training.runners.chat import chat_context
from tinyeval.training.runners.concurrent import as_done
from tinyeval.training.runners.echoed import (
    Template,
    choice_log_likelihoods,
    has_begun,
    prompts_of,
)
from tinyeval.training.runners.posting import Poster
from tinyeval.training.runners.scoring import LETTERS, chosen_letter, cut, lettered

MAX_TOKENS = 256
"""Most tokens of an answer, where nobody says."""

MOST_STOPS = 4
"""Stop texts that OpenAI's interface takes; an answer is cut at the others afterwards."""


@dataclass(frozen=True)
class Endpoint:
    """An answering function: ``answer(items)``, or ``answer(items, model)`` with a model's name.

    Attributes:
        url: address up to and including the version, such as ``http://localhost:8000/v1``.
        model: name of the model on the server.
        key_variable: environment variable that holds the API key, if the server needs one.
        chat: ask through the chat interface; False: ask for a completion, for base models.
        likelihood: score choices by likelihood; needs ``chat=False``, and a server that gives the
            log-probabilities of a prompt.
        max_tokens: most tokens of an answer; None: as an item says, or 256.
        timeout: seconds after which a request fails.
        attempts: most requests per item; the wait between them doubles from one second.
        workers: number of concurrent requests.
        options: further fields of every request, such as ``{"seed": 0}``.
        tokenizer: the model's tokenizer of transformers; only completions of items that the history
            asked through chat templates need it.
    """

    url: str
    model: str = ""
    key_variable: str = "OPENAI_API_KEY"
    chat: bool = True
    likelihood: bool = False
    max_tokens: int | None = None
    timeout: float = 120.0
    attempts: int = 5
    workers: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep
    tokenizer: Any = None

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"expected an address http(s)://.../v1, found {self.url!r}")
        most = 1 if self.max_tokens is None else self.max_tokens
        if min(self.attempts, self.workers, most) < 1 or not self.timeout > 0:
            raise ConfigError("attempts, workers, max_tokens and timeout must be positive")
        if self.chat and self.likelihood:
            raise ConfigError("a chat gives no likelihoods of choices; ask with chat=False")

    def __call__(self, items: Sequence[Item], model: str | None = None) -> dict[str, float]:
        """Answer some items; see :meth:`answers`."""
        found = {item: score for part in self.answers(items, model) for item, score in part.items()}
        return {one.id: found[one.id] for one in items}

    def answers(
        self, items: Sequence[Item], model: str | None = None
    ) -> Iterator[dict[str, float]]:
        """Yield the score of each item when its answer comes.

        Args:
            items: items with ``prompt``, ``gold`` and, for multiple choice, ``choices``.
            model: name of the model on the server, instead of the endpoint's own.

        Raises:
            DataError: items that lack a field, or a malformed reply.
            TinyEvalError: the server refuses, or does not answer after all attempts.
        """
        self.check(items)  # before the first request is paid for
        name = model or self.model
        for part in as_done(lambda k: self._score(items[k], name), len(items), self.workers):
            yield {items[k].id: score for k, score in part.items()}

    def check(self, items: Sequence[Item]) -> str:
        """Raise if some items cannot be asked, and return what is doubtful about the answers.

        Raises:
            DataError: items that lack a field or cannot be asked through this interface.
        """
        check_askable(items)
        for one in items:
            self._check_template(one)
            if one.choices and self.likelihood:
                prompts_of(one, self._template(one))
            elif one.choices and len(one.choices) > len(LETTERS):
                raise DataError(f"item {one.id!r} has more than {len(LETTERS)} choices")
            else:
                self._question(one)
            one.golds if one.choices else one.answers  # noqa: B018  (refused if it lacks them)
        return "" if self.likelihood else _doubt(items)

    def _check_template(self, item: Item) -> None:
        if self.chat and item.raw:
            raise DataError(
                f"item {item.id!r}: its prompt holds a chat template already, and the chat "
                "interface would add another; ask through completions"
            )
        if not self.chat and item.chat and not item.raw and self.tokenizer is None:
            raise DataError(
                f"item {item.id!r}: its history was asked through chat templates, which "
                "completions do not apply: name the model's tokenizer, or ask through the chat "
                "interface"
            )

    def asked(self) -> dict[str, Any]:
        """Return what requests ask for, on which answers depend."""
        names = ("chat", "likelihood", "max_tokens")
        own = {"tokenizer": getattr(self.tokenizer, "name_or_path", None)}
        return {**{one: getattr(self, one) for one in names}, "options": dict(self.options), **own}

    def _score(self, item: Item, model: str) -> float:
        if item.choices and self.likelihood:
            body = {"model": model, "temperature": 0, **dict(self.options)}
            values = choice_log_likelihoods(
                item,
                lambda more: self._post(item, {**body, **more}),
                self._template(item),
                self._begun(),
            )
            return mark_choices(item, np.array(values))
        text = self._text(item, model)
        if item.choices:
            return float(chosen_letter(text, len(item.choices)) in item.golds)
        return mark_text(item, cut(text, item.stop))

    def _text(self, item: Item, model: str) -> str:
        """Return what the model writes."""
        most = self.max_tokens or item.max_tokens or MAX_TOKENS
        body: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": most}
        if not item.choices and item.content.get("stop"):
            body["stop"] = list(item.stop[:MOST_STOPS])
        body |= self._question(item)
        reply = self._post(item, body | dict(self.options))
        try:
            choice = reply["choices"][0]
            text = choice["message"]["content"] if self.chat else choice["text"]
        except (LookupError, TypeError):
            text = reply
        if text is None:  # a chat model that wrote nothing
            return ""
        if not isinstance(text, str):
            raise DataError(
                f"{self.url}: expected an answer to item {item.id!r} in choices[0], found "
                f"{json.dumps(reply)[:120]}"
            )
        return text

    def _question(self, item: Item) -> dict[str, Any]:
        """Return the prompt or the messages of a request; choices stand in the last one."""
        template = self._template(item)
        if self.chat or template:
            *before, last = (dict(one) for one in item.messages)
            if item.choices:
                last["content"] = lettered(last["content"], item.choices)
            if template is None:
                return {"messages": [*before, last]}
            text = template((*before, last))
        else:
            text = lettered(item.prompt, item.choices) if item.choices else item.prompt
        own = {"add_special_tokens": False} if has_begun(item, text, self._begun()) else {}
        return {"prompt": text, **own}

    def _template(self, item: Item) -> Template | None:
        """Return what makes a text of a conversation, where the server does not."""
        if self.chat or item.raw or not item.chat:
            return None
        return lambda messages: chat_context(messages, self.tokenizer)

    def _begun(self) -> str | None:
        return None if self.tokenizer is None else (self.tokenizer.bos_token or "\0")

    def _post(self, item: Item, body: Mapping[str, Any]) -> Any:
        path = "/chat/completions" if self.chat else "/completions"
        post = Poster(self.key_variable, self.timeout, self.attempts, self.sleep)
        return post(self.url.rstrip("/") + path, body, item.id)


def _doubt(items: Sequence[Item]) -> str:
    """Say that choices were scored by likelihood in the history; nothing if they were not."""
    scored = [one.id for one in items if one.choices and one.metric]
    if not scored:
        return ""
    return (
        f"the history scored the choices of {len(scored)} items by likelihood, such as "
        f"{scored[0]!r}, but here a letter is asked for: answers may differ; completions of a "
        "server that gives logprobs answer as the history did"
    )
