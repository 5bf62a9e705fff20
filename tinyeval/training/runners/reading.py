"""Runs a causal language model of transformers on batches of rows, and scores tokens.

Segments of a row see the trunk, their ancestors and themselves, and have the positions of their own
texts.  The head is computed only where a token is scored.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tinyeval.training.runners.batches import is_out_of_memory
from tinyeval.training.runners.held import Bools, Held, empty_cache, window
from tinyeval.training.runners.shared_rows import Row, Segment, Tokens


class Read(NamedTuple):
    """One token to be scored, after the token in a column of a row."""

    row: int
    column: int
    token: int
    place: int


class Reader:
    """Runs a model on batches of rows.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        pad: token to pad with.
    """

    def __init__(self, model: Any, pad: int) -> None:
        self.model, self.pad = model, pad
        self.device = next(model.parameters()).device
        # of the class: accelerate hides the parameter names of a model's own ``forward``
        self.takes = frozenset(inspect.signature(type(model).forward).parameters)
        self._finds_head = True

    def can_share(self, longest: int) -> bool:
        """Return whether rows may be shared: plain attention at given positions, as tried here.

        Args:
            longest: tokens of the longest text; sliding windows must be no shorter.
        """
        known = getattr(self.model.config, "_attn_implementation", None) in ("eager", "sdpa")
        if not known or not {"past_key_values", "position_ids", "use_cache"} <= self.takes:
            return False
        with torch.no_grad():
            ids = torch.full((1, 1), self.pad, device=self.device)
            cache = self.model(input_ids=ids, use_cache=True).past_key_values
            if type(cache).__name__ != "DynamicCache" or window(cache) < longest:
                return False
            try:
                return self._tried()
            except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
                if is_out_of_memory(error):
                    raise
                return False

    def _tried(self) -> bool:
        """Return whether a shared reading of a few tokens gives what a plain one gives."""
        vocabulary = self.model.config.get_text_config().vocab_size
        some = np.random.default_rng(0).integers(0, vocabulary, 7)
        a, b, c, d = (tuple(one.tolist()) for one in np.split(some, [2, 3, 5]))
        trunk = Row((Segment(a, 0, (0, 2)),))
        above = Row((Segment(b, 2, (0, 2)), Segment(c, 3, (0, 1), 0), Segment(d, 3, (1, 2), 0)), 2)
        _, held = self.logits([trunk, trunk], [(0, 0)], None, keep=True)
        shared, _ = self.logits([above, above], [(1, k) for k in (0, 2, 4)], held, keep=False)
        whole = [Row((Segment(a + b + one, 0, (0, 1)),)) for one in (c, d)]
        plain, _ = self.logits(whole, [(0, 2), (0, 4), (1, 4)], None, keep=False)
        loose = plain.dtype in (torch.float16, torch.bfloat16) or torch.is_autocast_enabled()
        error = (shared.float() - plain.float()).abs().max() / plain.float().std()
        return bool(error < (0.1 if loose else 1e-3))

    def read(
        self, rows: Sequence[Row], reads: Sequence[Read], held: Held | None
    ) -> tuple[list[tuple[int, float]], Held | None]:
        """Read a batch of rows.

        Args:
            rows: all trunks, or none.
            reads: tokens to be scored.
            held: what the rows follow, in the same order; None: nothing.

        Returns:
            Place and log-probability of every token, and what is held after trunks.
        """
        keep = any(one.above for one in rows)
        row, column, token, place = np.array(reads, dtype=np.int64).reshape(-1, 4).T
        places, which = np.unique(np.stack([row, column]), axis=1, return_inverse=True)
        with torch.no_grad():
            logits, after = self.logits(rows, list(zip(*places.tolist(), strict=True)), held, keep)
            logits = logits.float()  # (places, vocabulary)
            at = torch.from_numpy(which.reshape(-1)).to(logits.device)
            values = (
                logits[at, torch.from_numpy(token).to(logits.device)] - logits.logsumexp(-1)[at]
            )
        return list(zip(place.tolist(), values.double().tolist(), strict=True)), after

    def hold(self, texts: Sequence[Tokens]) -> Held:
        """Read some texts, and return what is held of them."""
        rows = [Row((Segment(one, 0, (0, 1)),)) for one in texts]
        with torch.no_grad():
            _, held = self.logits(rows, [(0, 0)], None, keep=True)
        assert held is not None
        return held

    def step(
        self, tokens: NDArray[np.int64], positions: NDArray[np.int64], held: Held
    ) -> tuple[torch.Tensor, Held]:
        """Read one token more of every row; return its logits, and what is held then."""
        mask = np.concatenate([held.mask, np.ones((len(tokens), 1), dtype=bool)], 1)
        inputs = {
            "input_ids": self._put(tokens[:, None]),
            "position_ids": self._put(positions[:, None]),
            "attention_mask": self._put(mask.astype(np.int64)),
            "past_key_values": held.cache,
            "use_cache": True,
        }
        logits, output = self._run(inputs, [(k, 0) for k in range(len(tokens))])
        return logits, Held(output.past_key_values, mask)

    def logits(
        self,
        rows: Sequence[Row],
        places: Sequence[tuple[int, int]],
        held: Held | None,
        keep: bool,
    ) -> tuple[torch.Tensor, Held | None]:
        """Return the logits at places (row, column), shape (places, vocabulary), and the cache."""
        ids, mask = _padded([_tokens(one) for one in rows], self.pad)
        inputs: dict[str, Any] = {"input_ids": ids}
        if "use_cache" in self.takes:
            inputs["use_cache"] = keep or held is not None
        if held is None and all(len(one.segments) == 1 for one in rows):
            inputs["attention_mask"] = mask.astype(np.int64)
        else:
            inputs["position_ids"] = _padded([_positions(one) for one in rows], 0)[0]
            before = np.zeros((len(rows), 0), dtype=bool) if held is None else held.mask
            inputs["attention_mask"] = visible(rows, before, ids.shape[1])[:, None]
        given = {k: self._put(v) if isinstance(v, np.ndarray) else v for k, v in inputs.items()}
        if held is not None:
            given["past_key_values"] = held.cache
        elif keep:
            given["past_key_values"] = empty_cache()
        logits, output = self._run(given, places)
        if not keep:
            return logits, None
        whole = mask if held is None else np.concatenate([held.mask, mask], 1)
        return logits, Held(output.past_key_values, whole)

    def _put(self, array: NDArray) -> torch.Tensor:
        """Return an array on the device; a mask in the form that the model's attention adds."""
        found = torch.from_numpy(array).to(self.device)
        if found.dtype != torch.bool or self.model.config._attn_implementation == "sdpa":
            return found
        dtype = next(self.model.parameters()).dtype
        zero = torch.zeros((), dtype=dtype, device=self.device)
        return torch.where(found, zero, torch.finfo(dtype).min)

    def _run(
        self, inputs: dict[str, Any], places: Sequence[tuple[int, int]]
    ) -> tuple[torch.Tensor, Any]:
        """Return the model's logits at places, and all that it returns."""
        row, column = np.array(places, dtype=np.int64).reshape(-1, 2).T
        if not self._finds_head and "logits_to_keep" in self.takes:
            kept, column = np.unique(column, return_inverse=True)
            inputs["logits_to_keep"] = torch.from_numpy(kept).to(self.device)
        with self._head_at(row, column, tuple(inputs["input_ids"].shape)) as found:
            output = self.model(**inputs)
        self._finds_head = bool(found)
        if found:
            return output.logits[0], output
        return output.logits[torch.from_numpy(row), torch.from_numpy(column)], output

    @contextmanager
    def _head_at(self, row: NDArray, column: NDArray, shape: tuple[int, ...]) -> Iterator[list]:
        """Let the model compute its logits at these places only; tells by a list that it did."""
        head, found = self.model.get_output_embeddings(), []

        def pick(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
            if len(given) != 1 or given[0].dim() != 3 or tuple(given[0].shape[:2]) != shape:
                return None
            at = (torch.from_numpy(one).to(given[0].device) for one in (row, column))
            found.append(True)
            return (given[0][tuple(at)][None],)

        if head is None or not self._finds_head:
            yield found
            return
        hook = head.register_forward_pre_hook(pick)
        try:
            yield found
        finally:
            hook.remove()


def visible(rows: Sequence[Row], before: Bools, width: int) -> Bools:
    """Return which columns each token sees, shape (rows, width, columns before + width)."""
    held = before.shape[1]
    seen = np.zeros((len(rows), width, held + width), dtype=bool)
    seen[:, :, :held] = before[:, None]
    seen[:, np.arange(width), held + np.arange(width)] = True  # padding sees something, too
    for own, row in zip(seen, rows, strict=True):
        ends: list[int] = []
        start = 0
        for one in row.segments:
            end = start + len(one.tokens)
            if one.parent >= 0:
                own[start:end, held:] |= own[ends[one.parent] - 1, held:]
            own[start:end, held + start : held + end] = np.tri(end - start, dtype=bool)
            ends.append(end)
            start = end
    return seen


def _tokens(row: Row) -> NDArray[np.int64]:
    return np.array([token for one in row.segments for token in one.tokens], dtype=np.int64)


def _positions(row: Row) -> NDArray[np.int64]:
    parts = [np.arange(len(one.tokens)) + one.start for one in row.segments]
    return np.concatenate(parts).astype(np.int64)


def _padded(rows: Sequence[NDArray], fill: int) -> tuple[NDArray[np.int64], Bools]:
    """Return rows of one length, and which of their columns are not padding."""
    width = max(map(len, rows))
    values = np.full((len(rows), width), fill, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=bool)
    for k, row in enumerate(rows):
        values[k, : len(row)] = row
        mask[k, : len(row)] = True
    return values, mask
