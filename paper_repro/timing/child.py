"""What every timed process does: read what is to be done, and write what it found and took.

Run as ``python -m paper_repro.timing.<module> JOB ANSWER``: JOB is JSON, ANSWER the file to write.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

Job = dict[str, Any]
Figures = dict[str, Any]

QUICK = 1.0
"""Seconds below which a step is done again, and the median of so many runs counts."""
RUNS, MOST_RUNS = 5, 200
LEAST = 0.2
"""Seconds that a quick step's runs last together, so that the first, cold ones do not count."""

FREE_SHARE = 0.9
"""Share of the free memory that a process may take."""


def peak_bytes() -> int:
    """Return the most memory that this process has held (resident).

    Linux knows it by process; ``ru_maxrss`` counts what the parent held before the process began.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def own_bytes() -> int:
    """Return what this process holds now, memory that several share in equal parts; 0 if unknown.

    Linux's proportional set size.
    """
    rollup = Path("/proc/self/smaps_rollup")
    if rollup.exists():
        for line in rollup.read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0


class Watch(Thread):
    """Looks now and then at what this process holds.

    Attributes:
        own: the most found.
    """

    def __init__(self, interval: float = 0.2) -> None:
        super().__init__(daemon=True)
        self.own, self._interval = own_bytes(), interval

    def run(self) -> None:
        """Look until the process ends."""
        while True:
            time.sleep(self._interval)
            self.own = max(self.own, own_bytes())


def spare_memory() -> None:
    """Let this process fail, rather than the machine, when it wants more than is free."""
    free = Path("/proc/meminfo")
    if free.exists():
        lines = dict(line.split(":") for line in free.read_text().splitlines())
        most = int(FREE_SHARE * 1024 * int(lines["MemAvailable"].split()[0]))
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def spent() -> Figures:
    """Return peak memory and processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"peak": peak_bytes(), "cpu": used.ru_utime + used.ru_stime}


def timed(step: Callable[[], Any]) -> tuple[Any, float]:
    """Do a step; a quick one several times. Returns what it returned, and its median seconds."""
    taken: list[float] = []
    while not taken or (max(taken) < QUICK and len(taken) < _runs(sum(taken))):
        start = time.perf_counter()
        found = step()
        taken.append(time.perf_counter() - start)
    return found, sorted(taken)[len(taken) // 2]


def _runs(seconds: float) -> int:
    """How often a quick step is to be done that has taken so many seconds so far."""
    return MOST_RUNS if seconds < LEAST else RUNS


def answer(work: Callable[[Job], Figures]) -> None:
    """Do the job of the command line and write the figures found."""
    spare_memory()
    do(work, json.loads(sys.argv[1]), Path(sys.argv[2]))


def do(work: Callable[[Job], Figures], job: Job, path: Path) -> None:
    """Do a job, and write the figures found and what this process used."""
    figures = work(job)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({**figures, **spent()}))
    os.replace(part, path)
