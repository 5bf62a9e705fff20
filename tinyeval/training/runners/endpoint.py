"""Answers items with a model on an OpenAI-compatible server (vLLM, llama.cpp, a provider).

The model generates its answer, because most servers return no likelihoods.  Items with choices are
asked as a lettered list, and the first letter that stands alone is the answer.  This differs from
scoring by log-likelihood: use it with a bank that was built from generated answers.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tinyeval.errors import ConfigError, DataError, TinyEvalError
from tinyeval.training.items import Item
from tinyeval.training.runners.scoring import LETTERS, chosen_letter, cut, exact_match, lettered

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Status codes of temporary failures: timeouts, too many requests, an overloaded server."""
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)
_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class Endpoint:
    """An answering function: ``answer(items)``, or ``answer(items, model)`` with a model's name.

    Attributes:
        url: address up to and including the version, such as ``http://localhost:8000/v1``.
        model: name of the model on the server.
        key_variable: environment variable that holds the API key, if the server needs one.
        chat: ask through the chat interface; False: ask for a completion, for base models.
        max_tokens: most tokens of an answer.
        timeout: seconds after which a request fails.
        attempts: most requests per item; the wait between them doubles from one second.
        workers: number of concurrent requests.
        options: further fields of every request, such as ``{"seed": 0}``.
    """

    url: str
    model: str = ""
    key_variable: str = "OPENAI_API_KEY"
    chat: bool = True
    max_tokens: int = 256
    timeout: float = 120.0
    attempts: int = 5
    workers: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"expected an address http(s)://.../v1, found {self.url!r}")
        if min(self.attempts, self.workers, self.max_tokens) < 1 or not self.timeout > 0:
            raise ConfigError("attempts, workers, max_tokens and timeout must be positive")

    def __call__(self, items: Sequence[Item], model: str | None = None) -> dict[str, float]:
        """Answer some items.

        Args:
            items: items with ``prompt``, ``gold`` and, for multiple choice, ``choices``.
            model: name of the model on the server, instead of the endpoint's own.

        Raises:
            DataError: items that lack a field, or a malformed reply.
            TinyEvalError: the server refuses, or does not answer after all attempts.
        """
        # every item is checked before the first request is paid for
        prompts = [_question(one) for one in items]
        gold = [one.gold if one.choices else one.answers for one in items]
        name = model or self.model
        with ThreadPoolExecutor(self.workers) as pool:
            texts = list(
                pool.map(lambda k: self._ask(items[k], prompts[k], name), range(len(items)))
            )
        return {
            one.id: _mark(one, right, text)
            for one, right, text in zip(items, gold, texts, strict=True)
        }

    def _ask(self, item: Item, prompt: str, model: str) -> str:
        body: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": self.max_tokens}
        if self.chat:
            body["messages"] = [{"role": "user", "content": prompt}]
        else:
            body["prompt"] = prompt
        path = "/chat/completions" if self.chat else "/completions"
        reply = self._post(self.url.rstrip("/") + path, body | dict(self.options), item.id)
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

    def _post(self, url: str, body: Mapping[str, Any], item: str) -> Any:
        """Return the server's reply; temporary failures are retried."""
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self.key_variable):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        for attempt in range(1, self.attempts + 1):
            wait = 2.0 ** (attempt - 1)
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as reply:
                    return json.load(reply)
            except urllib.error.HTTPError as error:
                reason = f"status {error.code}: {_text_of(error)}"
                if error.code not in _PASSING:
                    raise TinyEvalError(f"{url}: refused item {item!r} with {reason}") from error
                wait = _retry_after(error, wait)
            except _BROKEN as error:
                reason = str(error) or type(error).__name__
            except ValueError as error:
                raise DataError(f"{url}: the answer to item {item!r} is no JSON") from error
            if attempt < self.attempts:
                self.sleep(min(wait, _LONGEST_WAIT))
        raise TinyEvalError(
            f"{url}: no answer to item {item!r} after {self.attempts} attempts ({reason}); check "
            "that the server runs, or raise timeout and attempts"
        )


def _question(item: Item) -> str:
    if len(item.choices) > len(LETTERS):
        raise DataError(f"item {item.id!r} has more than {len(LETTERS)} choices, one per letter")
    return lettered(item.prompt, item.choices) if item.choices else item.prompt


def _mark(item: Item, gold: Any, text: str) -> float:
    if item.choices:
        return float(chosen_letter(text, len(item.choices)) == gold)
    return exact_match(cut(text, item.stop), gold)


def _text_of(error: urllib.error.HTTPError) -> str:
    with error:
        return " ".join(error.read(2000).decode("utf-8", "replace").split())[:200]


def _retry_after(error: urllib.error.HTTPError, otherwise: float) -> float:
    """Return the number of seconds that the server asks to wait."""
    try:
        return max(0.0, float(error.headers.get("Retry-After", otherwise)))
    except ValueError:
        return otherwise
