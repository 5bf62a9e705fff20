"""Batches of rows of like length, made smaller when memory runs out."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from typing import Any

from tinyeval.errors import TinyEvalError

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory")


def run_batches(
    sizes: Sequence[int], budget: int, work: Callable[[list[int]], None], what: str = "item"
) -> int:
    """Do some work on every row, longest rows first, as many at once as fit the budget.

    The longest come first because, if memory is too small, it shows at once.  Then the batch is
    halved, and so are the later ones.

    Args:
        sizes: tokens of each row; a batch costs its number of rows times the longest of them.
        budget: tokens of a batch; one row is always a batch.
        work: called with the positions of the rows of a batch.
        what: a row is, for the error message.

    Returns:
        The budget in force at the end.

    Raises:
        TinyEvalError: memory is too small for a single row.
    """
    order = sorted(range(len(sizes)), key=lambda k: (-sizes[k], k))
    start = 0
    while start < len(order):
        longest = max(1, sizes[order[start]])
        batch = order[start : start + max(1, budget // longest)]
        if _fits(work, batch):
            start += len(batch)
            continue
        if len(batch) == 1:
            raise TinyEvalError(
                f"out of memory with a single {what} of {longest} tokens; free memory on the "
                "device, or answer on another one"
            )
        budget = len(batch) // 2 * longest
        _free()
    return budget


def _fits(work: Callable[[list[int]], None], batch: list[int]) -> bool:
    """Return whether the work was done; the error is gone, with all it held, on return."""
    try:
        work(batch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether a device, or the machine, had too little memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(one in text for one in _MESSAGES)


def _free() -> None:
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
