"""Batches of rows of similar length, halved when memory runs out."""

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
    """Process all rows in batches within a budget, longest rows first.

    The longest rows come first, so that too little memory shows at once.  The batch is then halved,
    and so are all later ones.

    Args:
        sizes: tokens of each row; a batch costs its number of rows times its longest row.
        budget: tokens per batch; a single row is always allowed.
        work: called with the positions of the rows of a batch.
        what: name of a row in the error message.

    Returns:
        The budget at the end.

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
    """Return whether the work fitted into memory; the error and what it holds are released."""
    try:
        work(batch)
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
