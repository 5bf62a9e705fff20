"""Seconds and memory of every step, against the machine's limits and against py-irt and girth.

    python -m paper_repro.speed --venvs DIR [--data DIR]

Every cell runs in a process of its own; without other work on the machine. ``--venvs`` is a folder
for the rivals' own environments, made with pip where they are missing; ``--data`` adds a real set
to the comparison (DATA.md). A run that is stopped goes on where it was; a cell that takes longer
than ``--limit`` is stopped, one that would is left out. Writes speed.md and speed.csv beside
this file, speed_cuda.* with ``--device cuda``. After a change of the package's code

    rm -r paper_repro/.results/speed/*/tinyeval

measures ours again, and nothing of the rivals'.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from paper_repro.engine.data import add_data_option
from paper_repro.timing.cells import parts
from paper_repro.timing.figures import to_csv
from paper_repro.timing.pages import page
from paper_repro.timing.rivals import install
from paper_repro.timing.runs import Runner

HERE = Path(__file__).parent


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venvs", type=Path, help="folder of the rivals' environments")
    add_data_option(parser, required=False)
    parser.add_argument("--parts", default="", help="only these, with commas")
    parser.add_argument("--most", type=float, default=float("inf"), help="answers of a cell")
    parser.add_argument("--huge", action="store_true", help="20,000 x 100,000 as well")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--limit", type=float, default=300.0, help="seconds of a cell")
    parser.add_argument("--only-report", action="store_true", help="measure nothing")
    parser.add_argument("--results", type=Path, default=HERE / ".results" / "speed")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the page")
    return parser.parse_args()


def main() -> None:
    """Measure what is missing, and write the page."""
    given = arguments()
    results = given.results.absolute()
    runner = Runner(
        results, given.data, given.venvs, given.device, given.threads, limit=given.limit
    )
    every = parts(given.huge, given.data is not None)
    chosen = given.parts.split(",") if given.parts else list(every)
    cells = dict.fromkeys(
        cell for name in chosen for cell in every[name] if cell.size.cells <= given.most
    )
    if not given.only_report:
        if given.venvs is not None:
            install(given.venvs)
        new = [cell for cell in cells if runner.get(cell) is None]
        minutes = sum(map(runner.guess, new)) / 60
        print(f"{len(new)} cells to measure, perhaps {minutes:.0f} minutes", flush=True)
        for k, cell in enumerate(new):
            print(f"{k + 1}/{len(new)} {cell}: {runner.measure(cell)}", flush=True)
    name = "speed" if given.device == "cpu" else f"speed_{given.device.replace(':', '')}"
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{name}.csv").write_text(to_csv(runner, every))
    (given.out / f"{name}.md").write_text(page(runner, every))


if __name__ == "__main__":
    main()
