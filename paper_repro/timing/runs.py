"""Measuring: every cell in a fresh process, with a time limit; results on disk, one file each.

A result lies at DEVICE-THREADS/WHO/STEP/CELL.json, and what later cells need of it beside it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from paper_repro.timing.answers import Size
from paper_repro.timing.cells import Cell
from paper_repro.timing.rivals import python_of
from tinyeval.atomic import write_file

ROOT = Path(__file__).parents[2]
"""Folder of the packages, which a process finds there."""

START = 6.0
"""Seconds that a process takes to begin, about: libraries and the tiny run before the clock."""

RATES = {
    **{("tinyeval", "fit"): 0.3, ("tinyeval", "build"): 20.0, ("tinyeval", "select"): 0.7},
    **{("tinyeval", "estimate"): 3.0, ("tinyeval", "processes"): 20.0},
    **{("tinyeval", "import"): 60.0, ("tinyeval", "samples"): 60.0},
    **{("py_irt", "fit"): 120.0, ("girth", "fit"): 2000.0},
}
"""Seconds per million answers, roughly, for the estimate before anything is measured."""


SHELL = ("command", "processes", "import")
"""Steps that are the command line's: the seconds are those of the whole process."""

CHOSEN = 8.0
"""Times the seconds of one fit that a fit takes which chooses its dimensions."""


@dataclass(frozen=True)
class Runner:
    """Where and how cells are measured.

    Attributes:
        folder: of the results.
        data: folder of the real sets, if there is one.
        venvs: folder of the rivals' environments, if rivals are measured.
        device: of fits.
        threads: of every process.
        limit: seconds after which a process is stopped.
    """

    folder: Path
    data: Path | None = None
    venvs: Path | None = None
    device: str = "cpu"
    threads: int = 2
    limit: float = 300.0

    @property
    def own(self) -> Path:
        """Folder of the results of this device and number of threads."""
        return self.folder / f"{self.device.replace(':', '')}-{self.threads}"

    def path(self, cell: Cell) -> Path:
        """Where the result of a cell lies."""
        return self.own / cell.who / cell.step / f"{cell.stem}.json"

    def get(self, cell: Cell) -> dict[str, Any] | None:
        """Return what was measured, None if nothing was, or too short a time was given to it."""
        try:
            found = json.loads(self.path(cell).read_text())
        except (OSError, ValueError):
            return None
        return None if found.get("over", self.limit) < self.limit else found

    def expected(self, cell: Cell) -> float | None:
        """Seconds by those of the same step at smaller sizes, None if there are none.

        On the line through the two largest of them, or in proportion where there is one only;
        predictions do not grow with the history.
        """
        known = sorted(dict(sorted(self._smaller(cell))).items())[-2:]
        if not known:
            return None
        answers, seconds = known[-1]
        if cell.step in ("predict", "command"):
            return seconds
        less, lower = known[0] if len(known) == 2 else (0, 0.0)
        rate = max(seconds - lower, 0.0) / (answers - less)
        return seconds + rate * (cell.size.answers - answers)

    def _smaller(self, cell: Cell) -> Iterator[tuple[int, float]]:
        """Answers and seconds of what differs from a cell by a smaller size alone."""
        for path in self.path(cell).parent.glob("*.json"):
            found = json.loads(path.read_text())
            other = Cell(**{**found["cell"], "size": Size(**found["cell"]["size"])})
            seconds = found.get("seconds", found.get("over"))
            same = replace(other, size=cell.size) == cell and not other.size.set
            if seconds and same and other.size.within(cell.size):
                yield other.size.answers, seconds

    def guess(self, cell: Cell) -> float:
        """Seconds that a cell may take, its process's start included."""
        rate = RATES.get((cell.who, cell.step), 0.0)
        rate *= CHOSEN if cell.step == "fit" and not cell.dimensions else 1.0
        seconds = self.expected(cell) or rate * cell.size.answers / 1e6
        return START + (seconds if seconds < self.limit else 0.0)

    def measure(self, cell: Cell) -> str:
        """Measure a cell unless it is known, and what it needs; returns what happened.

        What would not end in time by its seconds at smaller sizes is left out.
        """
        if self.get(cell) is not None:
            return "known"
        if cell.who in ("py_irt", "girth") and self.venvs is None:
            return "left out: no --venvs"
        if cell.size.set and self.data is None:
            return "left out: no --data"
        hope = self.expected(cell)
        if hope is not None and hope > self.limit:
            return f"left out: would take about {hope:,.0f} s"
        for other in cell.needs:
            self.measure(other)
            if "seconds" not in (self.get(other) or {}):
                return f"left out: it needs {other}"
        found = self._run(cell)
        found["cell"] = asdict(cell)
        write_file(self.path(cell), json.dumps(found, indent=1).encode())
        if "seconds" in found:
            return f"{found['seconds']:.3g} s, {found['peak'] / 2**20:,.0f} MiB"
        return found.get("error") or f"stopped after {self.limit:g} s"

    def _run(self, cell: Cell) -> dict[str, Any]:
        path = self.path(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        out = path.with_suffix(".out")
        for old in path.parent.glob(f"{out.name}*"):
            old.unlink()
        codes = self.codes(cell.size) if cell.size.models else None
        job = asdict(cell) | {"path": str(codes), "device": self.device}
        job |= {"artifact": str(path.with_suffix("")), "needs": []}
        job["needs"] = [str(self.path(one).with_suffix("")) for one in cell.needs]
        start = time.perf_counter()
        error = run(self.command(cell, job, out), self.environment(cell), self.limit)
        process = time.perf_counter() - start
        if error is not None:
            return {"over": self.limit} if error == "" else {"error": error}
        found = [json.loads(one.read_text()) for one in sorted(path.parent.glob(f"{out.name}*"))]
        if cell.step in SHELL:
            peaks = [one["peak"] for one in found]
            cpu = sum(one["cpu"] for one in found)
            owns = [one["own"] for one in found]
            figures = {"seconds": process, "peak": max(peaks), "peaks": peaks}
            return figures | {"own": max(owns), "owns": owns, "cpu": cpu}
        return {**found[0], "process": process}

    def command(self, cell: Cell, job: dict[str, Any], out: Path) -> list[str]:
        """Command line of a cell's process."""
        python = str(python_of(cell.who, self.venvs)) if cell.who != "tinyeval" else sys.executable
        module = {"machine": "limits", "tinyeval": "work"}.get(cell.who, f"fit_{cell.who}")
        if cell.step not in SHELL:
            return [python, "-m", f"paper_repro.timing.{module}", json.dumps(job), str(out)]
        first = Path(job["needs"][0])
        own = ["-m", "paper_repro.timing.command", str(out)]
        if cell.step == "command":
            return [python, *own, "predict", str(first / "bank"), str(first / "one.csv")]
        if cell.step == "import":
            table = f"{job['artifact']}.parquet"
            own += ["import", str(first / "samples"), "--metric", "acc", "--overwrite"]
            return [python, *own, "--jobs", str(cell.number), "--out", table]
        own += ["build", str(first / "results.npz"), "--overwrite", "--device", self.device]
        own += ["--out", str(Path(job["artifact"]) / "bank")]
        own += ["--items", str(cell.anchors)]
        if cell.number == 1:
            return [python, *own]
        spread = ["-m", "torch.distributed.run", "--standalone"]
        return [python, *spread, f"--nproc-per-node={cell.number}", *own]

    def environment(self, cell: Cell) -> dict[str, str]:
        """Environment of a cell's process: its threads, and where its modules are."""
        threads = self.threads // (cell.number if cell.step == "processes" else 1)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        return {
            **os.environ,
            **dict.fromkeys(names, str(max(1, threads))),
            "PYTHONPATH": str(ROOT),
        }

    def codes(self, size: Size) -> Path:
        """Where the answers of a size lie; they are written once."""
        path = self.folder / "answers" / f"{size.stem}.npy"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            job = {"size": asdict(size), "path": str(path), "data": str(self.data)}
            command = [sys.executable, "-m", "paper_repro.timing.prepare", json.dumps(job)]
            command.append(str(path.with_suffix(".out")))
            error = run(command, self.environment(Cell("tinyeval", "", size)), None)
            if error is not None:
                raise SystemExit(f"the answers of {size} cannot be made: {error}")
        return path


def run(command: Sequence[str], environment: dict[str, str], limit: float | None) -> str | None:
    """Run a process and all that it starts; None if it went well, "" if the time was up."""
    options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **options)
    try:
        _, text = process.communicate(timeout=limit)
    except BaseException as problem:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(problem, subprocess.TimeoutExpired):
            return ""
        raise
    if process.returncode == 0:
        return None
    return reason(text.decode(errors="replace")) or f"it ended with code {process.returncode}"


def reason(text: str) -> str:
    """Return the last line that tells of an error, or the last one with words."""
    lines = [line.strip() for line in text.splitlines() if any(map(str.isalpha, line))]
    errors = [line for line in lines if "Error:" in line]
    return (errors or lines or [""])[-1]
