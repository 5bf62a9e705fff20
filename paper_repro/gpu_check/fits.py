"""The fit and the build on the device, against its own bandwidth."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from paper_repro.timing.child import Figures, Job
from paper_repro.timing.limits import MEBIBYTES, best
from paper_repro.timing.runs import ROOT
from paper_repro.timing.work import Sweeps
from tinyeval import ResponseMatrix, Settings, build
from tinyeval.irt.fit import fit_irt
from tinyeval.tables import Table

SIZES = {
    "small": (429, 1_297, 0.0),
    "medium": (5_000, 28_632, 0.05),
    "large": (20_000, 100_000, 0.0),
}
"""Models, items, share of the answers that are missing."""

TRIED = {"small": (100, 200, 0.0), "medium": (150, 300, 0.05), "large": (200, 400, 0.0)}

BYTES = {"complete": 96, "missing": 134}
"""Bytes that a sweep reads or writes for each cell, counted over the operations of its two passes
(:mod:`tinyeval.irt.alternating`): unpacking once; logits, sigmoid, residual, weight and the two
products twice."""

DRAWN = 2**26
"""Cells drawn at a time."""

TESTS = ("tests/test_irt_fit.py", "tests/test_packed.py")


def responses(kind: str, job: Job) -> ResponseMatrix:
    """Draw answers of a 2PL of four dimensions, on the device, where it is soon done."""
    models, items, missing = (TRIED if job["small"] else SIZES)[kind]
    device = job["device"]
    rng = torch.Generator(device).manual_seed(0)
    draw = partial(torch.randn, generator=rng, device=device)
    ability, slopes = draw(models, 4), draw(items, 4) * 0.5
    slopes[:, 0] = slopes[:, 0].abs() + 0.5
    intercept = draw(items)
    scores = np.empty((models, items), dtype=np.float32)
    step = max(1, DRAWN // items)
    for start in range(0, models, step):
        chance = torch.sigmoid(ability[start : start + step] @ slopes.T + intercept)
        cells = torch.rand(chance.shape, generator=rng, device=device)
        right = (cells < chance).float()
        if missing:
            gone = torch.rand(chance.shape, generator=rng, device=device) < missing
            right = right.masked_fill(gone, float("nan"))
        scores[start : start + step] = right.cpu().numpy()
    rows = Table(tuple(f"m{k:06d}" for k in range(models)))
    return ResponseMatrix(scores, rows, Table(tuple(f"i{k:06d}" for k in range(items))))


def warm_up(job: Job) -> None:
    """Load libraries and start the device before the clock starts."""
    tiny = {**job, "small": True}
    fit_irt(responses("small", tiny), dimensions=(1, 2), device=job["device"])


def fit(kind: str, job: Job) -> Figures:
    """Time the fit, and one of four dimensions by the sweep."""
    given, device = responses(kind, job), job["device"]
    warm_up(job)
    start = time.perf_counter()
    found = fit_irt(given, dimensions=Settings().irt.dimensions, device=device)
    seconds = time.perf_counter() - start
    sweeps = Sweeps()
    fit_irt(given, dimensions=4, device=device, progress=sweeps)
    told = sweeps.figures()
    detail = f"{found.model.dimensions} dimensions"
    if told:
        cells = given.n_models * given.n_items
        missing = "missing" if np.isnan(given.scores).any() else "complete"
        rate = cells * BYTES[missing] / told["sweep_seconds"] / 1e9
        limit = copy_rate(device) / 1e9
        detail += (
            f"; of four dimensions {told['sweep_seconds'] * 1e3:.1f} ms a sweep, which moves "
            f"{rate:,.0f} GB/s of the {limit:,.0f} that a copy does"
        )
    if device != "cpu":
        detail += f"; {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB on the device"
    return {"seconds": seconds, "detail": detail}


def copy_rate(device: str) -> float:
    """Return the bytes a second that a copy reads and writes."""
    values = torch.zeros(MEBIBYTES * 2**18 // (8 if device == "cpu" else 1), device=device)
    other = torch.empty_like(values)
    return 8 * values.numel() / best(lambda: other.copy_(values), device)


def whole_build(kind: str, job: Job) -> Figures:
    """Time a build, calibration included."""
    given = responses(kind, job)
    items = 20 if job["small"] else 100
    settings = Settings().replace(device=job["device"], items=items)
    warm_up(job)
    start = time.perf_counter()
    bank = build(given, settings=settings)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "detail": f"{len(bank.anchors)} anchors; selection on the processor",
    }


def limits(job: Job) -> Figures:
    """Measure what the device can do."""
    device = job["device"]
    n = 512 if job["small"] else 4096
    one, other = torch.rand(n, n, device=device), torch.rand(n, n, device=device)
    rate = 2 * n**3 / best(lambda: one @ other, device)
    host = torch.empty(2**24 if job["small"] else 2**28)
    there = torch.empty_like(host, device=device)
    send = 4 * host.numel() / best(lambda: there.copy_(host), device)
    detail = (
        f"copy {copy_rate(device) / 1e9:,.0f} GB/s, float32 products {rate / 1e12:.1f} TFLOP/s, "
        f"from the processor {send / 1e9:.1f} GB/s"
    )
    if device != "cpu":
        fixed = host.pin_memory()
        pinned = 4 * host.numel() / best(lambda: there.copy_(fixed), device)
        detail += f" ({pinned / 1e9:.1f} from pinned memory)"
    return {"detail": detail}


def fit_tests(job: Job) -> Figures:
    """Run the fit's tests with the device in place of the processor."""
    tests = TESTS[:1] if job["small"] else TESTS
    command = [sys.executable, "-m", "pytest", "-p", "paper_repro.gpu_check.on_device"]
    command += ["-m", "not slow", *tests]
    environment = {**os.environ, "TINYEVAL_FIT_DEVICE": job["device"], "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    lines = [one for one in done.stdout.splitlines() if one.strip()]
    failed = [one for one in lines if one.startswith("FAILED")]
    detail = " ".join([*failed, *lines[-1:]]) if failed else " ".join(lines[-1:])
    return {"seconds": time.perf_counter() - start, "ok": done.returncode == 0, "detail": detail}


WORK: dict[str, Callable[[Job], Figures]] = {
    "limits": limits,
    "fit_tests": fit_tests,
    **{f"fit_{kind}": partial(fit, kind) for kind in SIZES},
    **{f"build_{kind}": partial(whole_build, kind) for kind in ("small", "medium")},
}
