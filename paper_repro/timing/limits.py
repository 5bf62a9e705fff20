"""The machine's measured limits: memory bandwidth, matrix products, sigmoids."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

from paper_repro.timing.child import Figures, Job, answer

MEBIBYTES = 512
"""Size of the array that is read: far more than the caches hold."""

SQUARE = (2048, 4096)
MODELS, BLOCK, FACTORS = 2000, 4096, 5
"""Shapes of the fit's products: models, items of a block, and four dimensions with an intercept."""


def best(step: Callable[[], object], device: str, runs: int = 5) -> float:
    """Seconds of the fastest of some runs, after one that is not counted."""
    taken = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        step()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


def product(rows: int, inner: int, columns: int, device: str) -> float:
    """Floating-point operations per second of a product of these shapes."""
    one, other = torch.rand(rows, inner, device=device), torch.rand(inner, columns, device=device)
    out = torch.empty(rows, columns, device=device)
    return 2 * rows * inner * columns / best(lambda: torch.mm(one, other, out=out), device)


def measure(job: Job) -> Figures:
    """Measure the limits with the threads that the environment allows."""
    device = job["device"]
    start = time.perf_counter()
    values = torch.rand(MEBIBYTES * 2**18, device=device)
    other = torch.empty_like(values)
    size = 4 * values.numel()
    found = {
        "read": size / best(values.sum, device),
        "copy": 2 * size / best(lambda: other.copy_(values), device),
        "sigmoid": values.numel() / best(lambda: torch.sigmoid(values, out=other), device),
        "logits": product(MODELS, FACTORS - 1, BLOCK, device),
        "gradients": product(BLOCK, MODELS, FACTORS, device),
        "hessians": product(BLOCK, MODELS, FACTORS**2, device),
    }
    found |= {f"square {n}": product(n, n, n, device) for n in SQUARE}
    return {
        **{"limits": found, "processor": processor(device), "cores": os.cpu_count()},
        **{"version": f"torch {torch.__version__}", "seconds": time.perf_counter() - start},
    }


def processor(device: str) -> str:
    """Name of what computes."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    answer(measure)
