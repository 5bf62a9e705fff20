"""Batches of rows of similar length, halved when memory runs out."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tinyeval.errors import TinyEvalError

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory")


class TooLargeError(TinyEvalError):
    """Memory is too small for a single row."""


class Batches:
    """Batches within a budget, which shrinks when memory runs out.

    Attributes:
        budget: tokens per batch; a single row is always allowed.
        what: name of a row in the error message.
    """

    def __init__(self, budget: int, what: str = "item") -> None:
        self.budget, self.what = budget, what

    def run(self, sizes: Sequence[int], work: Callable[[list[int]], None]) -> None:
        """Process all rows, longest first.

        The longest rows come first, so that too little memory shows at once.  The batch is then
        halved, and so are all later ones.  Work may itself run batches: what is too large for those
        is tried again with fewer rows here.

        Args:
            sizes: tokens of each row; a batch costs its number of rows times its longest row.
            work: called with the positions of the rows of a batch.

        Raises:
            TooLargeError: memory is too small for a single row.
        """
        order = sorted(range(len(sizes)), key=lambda k: (-sizes[k], k))
        start = 0
        while start < len(order):
            longest = max(1, sizes[order[start]])
            batch = order[start : start + max(1, self.budget // longest)]
            if _fits(work, batch):
                start += len(batch)
                continue
            if len(batch) == 1:
                raise TooLargeError(
                    f"out of memory with a single {self.what} of {longest} tokens; free memory on "
                    "the device, or answer on another one"
                )
            self.budget = len(batch) // 2 * longest
            _free()


def _fits(work: Callable[[list[int]], None], batch: list[int]) -> bool:
    """Return whether the work fitted into memory; the error and what it holds are released."""
    try:
        work(batch)
    except TooLargeError:
        if len(batch) == 1:
            raise
        return False
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the device or the machine ran out of memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(one in text for one in _MESSAGES)


def _free() -> None:
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
