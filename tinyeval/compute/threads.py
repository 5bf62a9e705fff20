"""Threads: whole folds side by side, one thread in each.

The matrices of a build are small: a second thread inside a product waits more than it works.  Sums
that are split over threads also round differently, so a bank's digest would depend on the machine.
Folds are independent, and each gives the same numbers on any machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

LARGE = 20_000_000
"""Cells above which one product uses all threads, and two folds at once need too much memory."""


@contextmanager
def one_thread(cells: int) -> Iterator[None]:
    """Keep numpy and torch to one thread, unless there are over LARGE cells."""
    import torch
    from threadpoolctl import threadpool_limits

    if cells > LARGE:
        yield
        return
    before = torch.get_num_threads()
    with threadpool_limits(1):
        try:
            torch.set_num_threads(1)
            yield
        finally:
            torch.set_num_threads(before)


def side_by_side(
    function: Callable[[T], R],
    parts: Sequence[T],
    cells: float,
    done: Callable[[int], None] = lambda count: None,
) -> list[R]:
    """Return ``[function(part) for part in parts]``, computed on all cores.

    Args:
        function: called in several threads at once; large arrays release the interpreter.
        parts: arguments of the function.
        cells: cells of the largest part; above LARGE the parts are done one after another.
        done: called in this thread with the number of parts done.
    """
    workers = 1 if cells > LARGE else max(1, min(len(parts), _cores()))
    results: list[R] = []
    with ThreadPoolExecutor(workers, initializer=_single if workers > 1 else None) as pool:
        try:
            for result in pool.map(function, parts):
                results.append(result)
                done(len(results))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def _cores() -> int:
    """Number of cores that this process may use; processes of one ``torchrun`` share the cores."""
    there = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    return max(1, there // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _single() -> None:
    """Keep OpenMP loops started by this thread to one thread; the limit is set per thread."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="openmp")
