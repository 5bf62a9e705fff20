"""Log-likelihoods of choices from a server that echoes prompts with log-probabilities.

One request holds the contexts of an item alone and each context with each choice.  The tokens of a
choice are those of the whole after as many as the context alone has, as in lm-evaluation-harness.
The server generates one token more after each, which does not count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinyeval.asking.item import Item, Messages
from tinyeval.errors import DataError
from tinyeval.training.runners.encoding import move_space

Template = Callable[[Messages], str]
Post = Callable[[Mapping[str, Any]], Any]

_REMEDY = (
    "the server must give log-probabilities of prompts (echo and logprobs of completions, as vLLM "
    "and SGLang do): ask another one, or through the chat interface"
)


def prompts_of(
    item: Item, template: Template | None = None
) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the texts that are sent, and the positions of context and whole of each choice.

    Args:
        item: an item with choices.
        template: makes the context of a conversation; None: the prompt is the context.

    Raises:
        DataError: an item without context, whose choices a server cannot score.
    """
    pairs = [move_space(*pair) for pair in item.pairs(template=template)]
    if not all(context for context, _ in pairs):
        raise DataError(
            f"item {item.id!r} has no text before its choices; a server cannot score their first "
            "token: run the model from a folder"
        )
    texts = list(dict.fromkeys(context for context, _ in pairs))
    at = {one: k for k, one in enumerate(texts)}
    places = [(at[context], len(texts) + k) for k, (context, _) in enumerate(pairs)]
    return texts + [context + rest for context, rest in pairs], places


def choice_log_likelihoods(
    item: Item, post: Post, template: Template | None = None, begun: str | None = None
) -> list[float]:
    """Return the log-likelihood of each choice of an item, in nats.

    Args:
        item: an item with choices.
        post: sends the fields of a request, and returns the reply.
        template: makes the context of a conversation; None: the prompt is the context.
        begun: text of the token with which a text begins, if that is known: the server does not
            add it to texts that have it.

    Raises:
        DataError: a reply without the log-probabilities of the prompts.
    """
    texts, places = prompts_of(item, template)
    body: dict[str, Any] = {"prompt": texts, "max_tokens": 1, "echo": True, "logprobs": 1}
    if has_begun(item, texts[0], begun):
        body["add_special_tokens"] = False
    rows = _rows(item, post(body), len(texts))
    return [_sum(item, rows[whole], len(rows[context])) for context, whole in places]


def has_begun(item: Item, text: str, begun: str | None) -> bool:
    """Return whether a text has the tokens at its beginning that a server would add."""
    return item.raw if begun is None else text.startswith(begun)


def _rows(item: Item, reply: Any, n: int) -> list[Sequence[Any]]:
    """Return the log-probabilities of each text's tokens."""
    try:
        listed = reply["choices"]
        found = {one.get("index", k): one["logprobs"] for k, one in enumerate(listed)}
        rows = [found[k]["token_logprobs"][:-1] for k in range(n)]
    except (LookupError, TypeError, AttributeError) as error:
        raise _wrong(item, f"{n} texts", json.dumps(reply)[:120]) from error
    return rows


def _sum(item: Item, row: Sequence[Any], start: int) -> float:
    values = row[start:]
    if start < 1 or not values or not all(isinstance(one, (int, float)) for one in values):
        raise _wrong(item, "every token of its choices", json.dumps(list(values))[:120])
    return float(sum(values))


def _wrong(item: Item, expected: str, found: str) -> DataError:
    return DataError(
        f"item {item.id!r}: expected log-probabilities of {expected}, found {found}; {_REMEDY}"
    )
