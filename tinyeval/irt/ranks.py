"""Processes that share a fit: each holds some of the items, and all add up sums over models.

Under ``torchrun`` every process is a rank; without, there is one, and nothing is sent.  Every rank
gets the same sums, bit for bit, so that all go on alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import torch

T = TypeVar("T")
Tensor = torch.Tensor


@dataclass(frozen=True)
class Ranks:
    """The processes of a fit.

    Attributes:
        rank: of this process, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    def add_up(self, *tensors: Tensor) -> None:
        """Replace tensors, in place, by their sums over all processes."""
        if self.size > 1:
            for tensor in tensors:
                torch.distributed.all_reduce(tensor)

    def total(self, number: int) -> int:
        """Return the sum of a whole number over all processes."""
        tensor = torch.tensor(number)
        self.add_up(tensor)
        return int(tensor)

    def mean(self, rows: Tensor) -> Tensor:
        """Return the mean of the rows of all processes."""
        total = torch.cat([rows.sum(0), rows.new_tensor([float(len(rows))])])
        self.add_up(total)
        return total[:-1] / total[-1]

    def share(self, n: int) -> slice:
        """Return this process's part of ``n`` things in order."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def gather(self, part: T) -> list[T]:
        """Return every process's part, in the order of their ranks."""
        if self.size == 1:
            return [part]
        parts: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(parts, part)
        return parts


ALONE = Ranks()
"""A process by itself."""
