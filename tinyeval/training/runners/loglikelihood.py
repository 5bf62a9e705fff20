"""Log-likelihoods of continuations under a causal language model, in batches.

A request is a context c and a continuation y; its log-likelihood is

    log p(y | c) = sum_t log p(y_t | c, y_1 .. y_(t-1)).

Rows are padded on the right, where the real tokens of a causal model do not see the padding.  The
choices of an item share their context: it is read once, its keys and values are repeated for the
choices, and then only the continuations are read.  Where this may not be exact (sliding windows,
recurrent states, positions that cannot be set), every row is read in full.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tinyeval.training.runners.batches import run_batches
from tinyeval.training.runners.encoding import Request

Tokens = tuple[int, ...]


class Read(NamedTuple):
    """One token to be scored, by the logits of a row at a position."""

    row: int
    position: int
    token: int
    request: int


@dataclass(frozen=True)
class Group:
    """Requests with one context.

    Attributes:
        context: tokens that all of them begin with.
        branches: tokens that are read after the context; none if the context alone is enough.
        requests: of each request its position, its continuation, and the number of its branch.
    """

    context: Tokens
    branches: tuple[Tokens, ...]
    requests: tuple[tuple[int, Tokens, int], ...]

    @property
    def size(self) -> int:
        """Number of tokens if every branch is read with its context."""
        return max(1, len(self.branches)) * (
            len(self.context) + max(map(len, self.branches), default=0)
        )


def log_likelihoods(
    model: Any,
    requests: Sequence[Request],
    *,
    pad: int,
    batch_tokens: int = 16384,
    share: bool = True,
) -> NDArray[np.float64]:
    """Return the log-likelihood of each continuation, in nats.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        requests: as :func:`~tinyeval.training.runners.encoding.encode_pairs` returns them.
        pad: token to pad with.
        batch_tokens: tokens per batch, including padding; halved when memory runs out.
        share: read a shared context only once, if the model allows it.

    Returns:
        Shape (requests,).

    Raises:
        TinyEvalError: memory is too small for a single item.
    """
    reader = Reader(model, pad)
    groups = group_requests(requests, share and reader.can_share())
    result = np.zeros(len(requests))

    def work(batch: list[int]) -> None:
        for request, value in reader.score([groups[k] for k in batch]).items():
            result[request] = value

    run_batches([one.size for one in groups], batch_tokens, work)
    return result


def group_requests(requests: Sequence[Request], share: bool) -> list[Group]:
    """Return groups of requests that are read together.

    Without ``share``, two requests form a group only if the tokens of one begin with those of the
    other, as with choices of one token: the shorter one needs no pass of its own.
    """
    by_context: dict[Tokens, list[int]] = {}
    for k, one in enumerate(requests):
        by_context.setdefault(one.context, []).append(k)
    groups = []
    for context, members in by_context.items():
        whole = _group(context, members, requests)
        groups += [whole] if share or len(whole.branches) < 2 else _split(whole)
    return groups


def _group(context: Tokens, members: list[int], requests: Sequence[Request]) -> Group:
    reads = {k: requests[k].continuation[:-1] for k in members}
    longest: list[Tokens] = []
    for tokens in sorted({*reads.values()}, key=lambda one: (-len(one), one)):
        if tokens and not any(other[: len(tokens)] == tokens for other in longest):
            longest.append(tokens)
    chosen = tuple(
        (k, requests[k].continuation, _begins(longest, tokens)) for k, tokens in reads.items()
    )
    return Group(context, tuple(longest), chosen)


def _begins(branches: Sequence[Tokens], tokens: Tokens) -> int:
    """Return the first branch that begins with ``tokens``, 0 for none."""
    return next((b for b, one in enumerate(branches) if one[: len(tokens)] == tokens), 0)


def _split(group: Group) -> list[Group]:
    """Return one group per branch."""
    return [
        Group(
            group.context,
            (branch,),
            tuple((k, tokens, 0) for k, tokens, own in group.requests if own == b),
        )
        for b, branch in enumerate(group.branches)
    ]


class Reader:
    """Runs a model on groups of requests."""

    def __init__(self, model: Any, pad: int) -> None:
        self.model, self.pad = model, pad
        self.device = next(model.parameters()).device
        # of the class: accelerate hides the parameter names of a model's own ``forward``
        self.takes = frozenset(inspect.signature(type(model).forward).parameters)

    def can_share(self) -> bool:
        """Return whether keys and values can be reused: plain attention at given positions."""
        known = getattr(self.model.config, "_attn_implementation", None) in ("eager", "sdpa")
        if not known or not {"past_key_values", "position_ids", "use_cache"} <= self.takes:
            return False
        ids = torch.full((1, 1), self.pad, device=self.device)
        with torch.no_grad():
            cache = self.model(input_ids=ids, use_cache=True).past_key_values
        layers = getattr(cache, "layers", ())
        plain = type(cache).__name__ == "DynamicCache" and hasattr(cache, "batch_select_indices")
        return plain and {type(one).__name__ for one in layers} == {"DynamicLayer"}

    def score(self, groups: Sequence[Group]) -> dict[int, float]:
        """Return request -> log-likelihood of a batch of groups."""
        total: dict[int, float] = {}
        with torch.no_grad():
            if max((len(one.branches) for one in groups), default=0) < 2:
                self._score_rows(groups, total)
            else:
                self._score_shared(groups, total)
        return total

    def _score_rows(self, groups: Sequence[Group], total: dict[int, float]) -> None:
        """Read every context with its one branch, as one row."""
        rows, reads = [], []
        for row, group in enumerate(groups):
            rows.append(group.context + (group.branches[0] if group.branches else ()))
            start = len(group.context) - 1
            for request, tokens, _ in group.requests:
                reads += [Read(row, start + t, one, request) for t, one in enumerate(tokens)]
        ids, mask = self._pad(rows)
        self._add(self._forward(reads, input_ids=ids, attention_mask=mask)[0], reads, total)

    def _score_shared(self, groups: Sequence[Group], total: dict[int, float]) -> None:
        """Read contexts, then branches on top of them."""
        first: list[Read] = []
        later: list[Read] = []
        branches: list[Tokens] = []
        owner: list[int] = []
        for row, group in enumerate(groups):
            for request, tokens, branch in group.requests:
                first.append(Read(row, len(group.context) - 1, tokens[0], request))
                at = len(branches) + branch
                later += [Read(at, t, one, request) for t, one in enumerate(tokens[1:])]
            branches += group.branches
            owner += [row] * len(group.branches)
        ids, mask = self._pad([one.context for one in groups])
        read = self._forward(first, input_ids=ids, attention_mask=mask, use_cache=True)
        self._add(read[0], first, total)
        cache, owners = read[1].past_key_values, torch.tensor(owner, device=self.device)
        cache.batch_select_indices(owners)
        ids, own = self._pad(branches)
        before = mask[owners]
        positions = before.sum(1, keepdim=True) + torch.arange(ids.shape[1], device=self.device)
        read = self._forward(
            later,
            input_ids=ids,
            attention_mask=torch.cat([before, own], dim=1),
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
        )
        self._add(read[0], later, total)

    def _pad(self, rows: Sequence[Tokens]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return token ids and mask, each of shape (rows, longest row)."""
        length = max(map(len, rows))
        ids = np.full((len(rows), length), self.pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for k, row in enumerate(rows):
            ids[k, : len(row)] = row
            mask[k, : len(row)] = 1
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    def _forward(self, reads: Sequence[Read], **inputs: Any) -> tuple[torch.Tensor, Any]:
        """Return the log-probability of each token to be read, and the model's output."""
        row, position, token, _ = np.array(reads, dtype=np.int64).T
        if "logits_to_keep" in self.takes:
            # the positions that any row needs: few, if the contexts are of similar length
            kept, position = np.unique(position, return_inverse=True)
            inputs["logits_to_keep"] = torch.from_numpy(kept).to(self.device)
        output = self.model(**inputs)
        places, place = np.unique(np.stack([row, position]), axis=1, return_inverse=True)
        logits = output.logits[tuple(places)].float()  # (places, vocabulary)
        chosen = logits[place.reshape(-1), token] - logits.logsumexp(-1)[place.reshape(-1)]
        return chosen.double().cpu(), output

    @staticmethod
    def _add(values: torch.Tensor, reads: Sequence[Read], total: dict[int, float]) -> None:
        for one, value in zip(reads, values.tolist(), strict=True):
            total[one.request] = total.get(one.request, 0.0) + value
