"""The parts of the check: ``python -m paper_repro.gpu_check.parts NAME JOB ANSWER``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paper_repro.timing.child import Figures, Job


@dataclass(frozen=True)
class Part:
    """A part.

    Attributes:
        what: what is measured, for the page.
        limit: seconds after which its process is stopped.
        bar: seconds that it should take at most; None: it has to be right.
        skipped: why it is not run.
    """

    what: str
    limit: float
    bar: float | None = None
    skipped: str = ""

    @property
    def bar_text(self) -> str:
        """The bar, for the page."""
        return "right" if self.bar is None else f"under {self.bar:g} s"


PARTS = {
    "limits": Part("the device's own limits", 40),
    "fit_tests": Part("the fit's tests", 90),
    "fit_small": Part("fit, 429 x 1,297, dimensions chosen", 40, 3),
    "build_small": Part("build, 429 x 1,297", 60, 15),
    "fit_medium": Part("fit, 5,000 x 28,632, 5 % missing, dimensions chosen", 60, 3),
    "choices": Part("100 items, four choices, 60 to 900 tokens, 1.2 billion weights", 80, 10),
    "written": Part("50 items, 256 tokens written, the same model", 80),
    "halved": Part("memory runs out once, and the batch is halved", 60),
    "same": Part("the same answers as the processor's, float32", 60),
    "two_ranks": Part(
        "two ranks on one device",
        0,
        skipped="nccl refuses two ranks on one device; two GPUs are needed",
    ),
    "fit_large": Part("fit, 20,000 x 100,000, dimensions chosen", 120, 30),
    "build_medium": Part("build, 5,000 x 28,632, 5 % missing", 300, 15),
}
"""In the order of running: what takes longest comes last."""


def work_of(name: str) -> Callable[[Job], Figures]:
    """Return the function of a part; each imports what it needs alone."""
    if name in ("limits", "fit_tests") or name.startswith(("fit_", "build_")):
        from paper_repro.gpu_check import fits

        return fits.WORK[name]
    from paper_repro.gpu_check import answers

    return answers.WORK[name]


def main() -> None:
    """Do a part, and write what it found."""
    name, job, path = sys.argv[1:]
    found = work_of(name)(json.loads(job))
    Path(path).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
