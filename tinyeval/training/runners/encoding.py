"""Tokenizes contexts and continuations as lm-evaluation-harness does.

A continuation must be scored on the tokens that it has *after its context*: "Paris" and " Paris"
are different tokens, and a tokenizer may merge across the boundary.  The rules (Gao et al. 2024,
``lm_eval/api/model.py``): white space at the end of the context belongs to the continuation;
context + continuation is encoded as one text, and cut after as many tokens as the context alone
has; an empty context becomes the begin token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tinyeval.errors import DataError

Pair = tuple[str, str]
"""Context and continuation."""


class Request(NamedTuple):
    """Tokens of the context, and the tokens to be scored."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]


def encode_pairs(tokenizer: Any, pairs: Sequence[Pair], max_length: int) -> list[Request]:
    """Return the tokens of contexts and continuations.

    Args:
        tokenizer: a tokenizer of transformers.
        pairs: context and continuation.
        max_length: most tokens that the model can read; longer contexts are cut on the left.

    Raises:
        DataError: a continuation without a token of its own, or longer than the model can read.
    """
    moved = [move_space(*pair) for pair in pairs]
    contexts = encode(tokenizer, [context for context, _ in moved if context])
    wholes = encode(tokenizer, [context + rest for context, rest in moved if context])
    alone = encode(tokenizer, [rest for context, rest in moved if not context], special=False)
    begin = first_token(tokenizer)
    requests = []
    for context, _ in moved:
        if context:
            before, whole = next(contexts), next(wholes)
            request = Request(tuple(before), tuple(whole[len(before) :]))
        else:
            tokens = tuple(next(alone))
            rest = tokens[1:] if tokens[:1] == (begin,) else tokens
            request = Request((begin,), rest)
        requests.append(request)
    return [_fit(one, pair, max_length) for one, pair in zip(requests, pairs, strict=True)]


def encode(tokenizer: Any, texts: Sequence[str], special: bool = True) -> Iterator[Sequence[int]]:
    """Yield the tokens of texts; the begin token is not added to a text that has it already."""
    begin = tokenizer.decode([first_token(tokenizer)])
    coded: dict[str, Sequence[int]] = {}
    for skip in (True, False):
        chosen = [
            one
            for one in dict.fromkeys(texts)  # the choices of an item share a context
            if skip is bool(not special or (begin and one.startswith(begin)))
        ]
        if chosen:
            found = tokenizer(chosen, add_special_tokens=not skip)["input_ids"]
            coded |= dict(zip(chosen, found, strict=True))
    return (coded[one] for one in texts)


def first_token(tokenizer: Any) -> int:
    """Return the begin token, or the end token if there is none."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise DataError("the tokenizer has neither a begin (bos) nor an end (eos) token; give it one")


def pad_token(tokenizer: Any) -> int:
    """Return the token to pad with, which is never read."""
    token = tokenizer.pad_token_id
    return first_token(tokenizer) if token is None else int(token)


def max_length(model: Any, tokenizer: Any) -> int:
    """Return how many tokens a model can read."""
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else None
    for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
        found = getattr(config or model.config, name, None)
        if isinstance(found, int) and found > 0:
            return found
    found = getattr(tokenizer, "model_max_length", None)
    # tokenizers without a limit report 10**30
    return int(found) if found is not None and found < 10**9 else _UNKNOWN_LENGTH


_UNKNOWN_LENGTH = 2048


def move_space(context: str, continuation: str) -> Pair:
    """Return a pair whose white space at the end of the context begins the continuation."""
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation


def _fit(request: Request, pair: Pair, max_length: int) -> Request:
    """Shorten the context to what the model can read: the last token is scored, not read."""
    context, continuation = request
    if not continuation:
        raise DataError(
            f"the answer {pair[1]!r} has no token of its own after {pair[0][-40:]!r}; give the "
            "choices another form"
        )
    if len(continuation) > max_length:
        raise DataError(
            f"the answer {pair[1][:40]!r} has {len(continuation)} tokens, more than the "
            f"{max_length} that the model can read"
        )
    room = max_length + 1 - len(continuation)
    return Request(context[-room:], continuation)
