"""Processes that share a build: each fits some of the items and calibrates on some of the folds.

``torchrun`` launches several; without it there is one, and nothing is sent.  Sums and gathered
parts are the same in every process, bit for bit, so that all processes go on alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tinyeval.errors import ProcessError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(hours=1)
"""How long a process waits for the others; a process that ended is noticed at once."""


@dataclass(frozen=True)
class Processes:
    """The processes of a build.

    Attributes:
        number: number of this process, from 0.
        size: number of processes.
        local: number of this process among those of its machine, from 0.
    """

    number: int = 0
    size: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process reports and writes."""
        return self.number == 0

    def add_up(self, *tensors: Tensor) -> None:
        """Replace tensors, in place, by their sums over all processes.

        Raises:
            ProcessError: another process ended.
        """
        if self.size > 1:
            from torch import distributed

            with _others_live():
                for tensor in tensors:
                    distributed.all_reduce(tensor)

    def add_up_arrays(self, *arrays: NDArray) -> None:
        """Replace numpy arrays likewise; with nccl the sums are made on the GPU.

        Raises:
            ProcessError: another process ended.
        """
        if self.size > 1:
            import torch

            place = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
            for array in arrays:
                here = torch.from_numpy(array)
                there = here.to(place)
                self.add_up(there)
                here.copy_(there)

    def copy_first(self, *tensors: Tensor) -> None:
        """Replace tensors, in place, by the tensors of process 0.

        Raises:
            ProcessError: another process ended.
        """
        if self.size > 1:
            from torch import distributed

            with _others_live():
                for tensor in tensors:
                    distributed.broadcast(tensor, 0)

    def gather(self, part: T) -> list[T]:
        """Return the parts of all processes, in the order of their numbers.

        Raises:
            ProcessError: another process ended.
        """
        if self.size == 1:
            return [part]
        from torch import distributed

        parts: list[Any] = [None] * self.size
        with _others_live():
            distributed.all_gather_object(parts, part)
        return parts

    def gather_or_fail(self, make: Callable[[], T]) -> list[T]:
        """Return the results of ``make`` in all processes, in the order of their numbers.

        Raises:
            ProcessError: ``make`` failed in another process; where it failed, its own error is
                raised.
        """
        part: list[T] = []
        problem: Exception | None = None
        try:
            part = [make()]
        except (
            Exception
        ) as error:  # the other processes must hear of it first, or they would wait for ever
            problem = error
        told = "" if problem is None else f"{type(problem).__name__}: {problem}"
        gathered = self.gather((part, told))
        if problem is not None:
            raise problem
        failed = next((k for k, (_, message) in enumerate(gathered) if message), None)
        if failed is not None:
            raise ProcessError(f"process {failed} of {self.size} failed: {gathered[failed][1]}")
        return [found[0] for found, _ in gathered]

    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean over the rows, shape (rows, ...), of all processes."""
        total, n = rows.sum(0), rows.new_full((), float(len(rows)))
        self.add_up(total, n)
        return total / n

    def share(self, n: int) -> slice:
        """Return this process's slice of ``n`` things."""
        return slice(n * self.number // self.size, n * (self.number + 1) // self.size)

    def mine(self, k: int) -> bool:
        """Say whether this process does the ``k``-th of some tasks; process 0 has its turn last."""
        return k % self.size == self.size - 1 - self.number


ALONE = Processes()
"""A process by itself."""


def current() -> Processes:
    """Return the processes that this one has joined (in a training run), or this one alone."""
    torch: Any = sys.modules.get("torch")
    if torch and torch.distributed.is_available() and torch.distributed.is_initialized():
        return Processes(torch.distributed.get_rank(), torch.distributed.get_world_size())
    return ALONE


@contextmanager
def launched(device: str) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` launched, if it did.

    Args:
        device: where sums are exchanged: on ``cuda`` by nccl, anywhere else by gloo.

    Raises:
        ProcessError: the other processes cannot be reached.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "MASTER_ADDR" not in os.environ:
        yield ALONE
        return
    import torch
    from torch import distributed

    on_gpu = device.startswith(("cuda", "auto")) and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    with _others_live():
        distributed.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        yield Processes(distributed.get_rank(), distributed.get_world_size(), local)
    finally:
        distributed.destroy_process_group()


@contextmanager
def _others_live() -> Iterator[None]:
    """Turn torch's error about a lost process into a :class:`ProcessError`."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessError(
            f"another process of this build ended or cannot be reached ({str(error)[:120]}); "
            "nothing was written: see what it reported, and start the build again"
        ) from error
