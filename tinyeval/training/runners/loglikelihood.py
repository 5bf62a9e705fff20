"""Log-likelihoods of continuations under a causal language model, in batches.

A request is a context c and a continuation y; its log-likelihood is

    log p(y | c) = sum_t log p(y_t | c, y_1 .. y_(t-1)).

What requests share is read once (:mod:`tinyeval.training.runners.shared_rows`).  Where this may not
be exact (attention that is not plain, recurrent states, positions that cannot be set), every text
is a row of its own.  Rows are padded on the right, where the real tokens of a causal model do not
see the padding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.training.runners.batches import Batches, TooLargeError
from tinyeval.training.runners.encoding import Request
from tinyeval.training.runners.held import Held
from tinyeval.training.runners.reading import Read, Reader
from tinyeval.training.runners.shared_rows import (
    Row,
    n_tokens,
    plain_rows,
    shared_rows,
    sorted_texts,
)

WORTH = 0.9
"""Most tokens of shared rows, as a share of all texts', for which sharing is tried."""


def log_likelihoods(
    model: object,
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
        share: read what requests share only once, if the model allows it.

    Returns:
        Shape (requests,).

    Raises:
        TinyEvalError: memory is too small for a single item.
    """
    asked = Asked(requests)
    reader = Reader(model, pad)
    rows = shared_rows(asked.texts) if share else []
    lengths = [len(one) for one in asked.texts]
    worth = rows and n_tokens(rows) < WORTH * sum(lengths)
    if worth and reader.can_share(max(lengths)):
        try:
            return _read(reader, asked, rows, batch_tokens)
        except TooLargeError:  # a shared row may be longer than any text
            pass
    return _read(reader, asked, plain_rows(asked.texts), batch_tokens)


def _read(
    reader: Reader, asked: Asked, rows: Sequence[Row], batch_tokens: int
) -> NDArray[np.float64]:
    """Return the log-likelihood of each request."""
    values, batches = np.zeros(asked.n_tokens), Batches(batch_tokens)

    def read(some: Sequence[Row], held: Held | None, owner: Sequence[int]) -> None:
        def work(batch: list[int]) -> None:
            chosen = [some[k] for k in batch]
            below = None if held is None else held.take([owner[k] for k in batch])
            found, after = reader.read(chosen, asked.reads(chosen), below)
            # by place, so that a batch that is read again when memory ran out counts once
            for place, value in found:
                values[place] = value
            above = [(one, k) for k, trunk in enumerate(chosen) for one in trunk.above]
            if above:
                read([one for one, _ in above], after, [k for _, k in above])

        batches.run([one.size for one in some], work)

    read(rows, None, ())
    return asked.sums(values)


class Asked:
    """The texts that requests need to be read, and which tokens are scored where.

    The last token of a continuation is scored but not read.

    Attributes:
        texts: what is to be read, sorted, without texts that another one begins with.
        n_tokens: number of tokens to be scored.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.texts, place = sorted_texts([(*c, *y[:-1]) for c, y in requests])
        self._order = np.argsort(place, kind="stable")
        chosen = [requests[k] for k in self._order]
        self._tokens = [one.continuation for one in chosen]
        lengths = np.array([len(one) for one in self._tokens], dtype=np.int64)
        self._begin = np.array([len(one.context) - 1 for one in chosen], dtype=np.int64)
        self._end = self._begin + lengths
        self._slot = np.cumsum(lengths) - lengths
        self._first = np.searchsorted(place[self._order], np.arange(len(self.texts) + 1))
        self.n_tokens = int(lengths.sum())

    def reads(self, rows: Sequence[Row]) -> list[Read]:
        """Return the tokens that are scored by the rows of a batch."""
        return [one for k, row in enumerate(rows) for one in self._of_row(k, row)]

    def _of_row(self, number: int, row: Row) -> list[Read]:
        found, column = [], 0
        for one in row.segments:
            stop = one.start + len(one.tokens)
            shift = column - one.start
            own = slice(*self._first[list(one.rows)])
            there = (self._begin[own] < stop) & (self._end[own] > one.start)
            for k in np.flatnonzero(there) + own.start:
                begin = int(self._begin[k])
                for at in range(max(begin, one.start), min(int(self._end[k]), stop)):
                    token, slot = self._tokens[k][at - begin], int(self._slot[k]) + at - begin
                    found.append(Read(number, at + shift, token, slot))
            column += len(one.tokens)
        return found

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of each request's tokens, in the order of the requests."""
        sums = np.zeros(len(self._order))
        for k, (start, tokens) in enumerate(zip(self._slot, self._tokens, strict=True)):
            sums[self._order[k]] = values[start : start + len(tokens)].sum()
        return sums
