"""Concurrent work whose results are taken as they come, so that an interruption loses few."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds in which other work may still end after some has failed."""


def as_done(work: Callable[[int], T], n: int, workers: int) -> Iterator[dict[int, T]]:
    """Yield ``{k: work(k)}`` for k = 0 .. n - 1, one or several at a time, as they end.

    No more than ``workers`` calls are begun whose results were not taken and dealt with, so that no
    more are lost by an interruption.  After a failure none is begun; what ends soon after is still
    yielded, and the failure is then raised.  The threads do not keep a process alive.

    Args:
        work: called in threads.
        n: number of calls.
        workers: number of threads.

    Example:
        >>> from tinyeval.training.runners.concurrent import as_done
        >>> found = {}
        >>> for part in as_done(lambda k: k * k, 4, workers=2):
        ...     found.update(part)
        >>> sorted(found.items())
        [(0, 0), (1, 1), (2, 4), (3, 9)]
    """
    crew = _Crew(work, n, min(workers, n))
    try:
        yield from crew.results()
    finally:
        crew.stop()


class _Crew(Generic[T]):
    """Threads that work, and what they have done."""

    def __init__(self, work: Callable[[int], T], n: int, workers: int) -> None:
        self.work, self.n = work, n
        self.todo = iter(range(n))
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.begin = threading.Semaphore(workers)
        self.ended: queue.SimpleQueue[tuple[int, T | None, BaseException | None]]
        self.ended = queue.SimpleQueue()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(workers)]
        for one in self.threads:
            one.start()

    def stop(self) -> None:
        """Let threads end that have nothing in hand."""
        self.stopped.set()
        self.begin.release(len(self.threads) + 1)

    def results(self) -> Iterator[dict[int, T]]:
        """Yield results until all are there, or raise the first failure."""
        left, failure, deadline = self.n, None, float("inf")
        while left and (ended := self._next(deadline)):
            left -= len(ended)
            for _, _, error in ended:
                if error is not None and failure is None:
                    failure, deadline = error, time.monotonic() + PATIENCE
            if found := {k: value for k, value, error in ended if error is None}:
                yield found  # type: ignore[misc]
            self.begin.release(len(ended))
        if failure is not None:
            raise failure

    def _run(self) -> None:
        while True:
            self.begin.acquire()
            with self.lock:
                k = None if self.stopped.is_set() else next(self.todo, None)
            if k is None:
                self.begin.release()  # the next one ends as well
                return
            try:
                self.ended.put((k, self.work(k), None))
            except BaseException as error:
                self.stopped.set()
                self.ended.put((k, None, error))

    def _next(self, deadline: float) -> list[tuple[int, T | None, BaseException | None]]:
        """Return what has ended, at least one; nothing if no more will, or none in time."""
        found: list[tuple[int, T | None, BaseException | None]] = []
        while not found:
            alive = any(one.is_alive() for one in self.threads)
            try:
                found.append(self.ended.get(timeout=0.1 if alive else 0.001))
            except queue.Empty:
                if not alive or time.monotonic() > deadline:
                    return []
        while not self.ended.empty():
            found.append(self.ended.get())
        return found
