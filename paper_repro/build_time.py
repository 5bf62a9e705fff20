"""Seconds that a whole build of the default takes, calibration included, on every set.

    python paper_repro/build_time.py --data DIR

All models of a set, 100 anchors (half of the items of a smaller benchmark), warm process, no other
work on the machine.
"""

from __future__ import annotations

import argparse
import datetime
import os
import time
from pathlib import Path

from engine.markdown import lines_of

from tinyeval.building import build, usable
from tinyeval.config import Settings
from tinyeval.errors import TinyEvalError
from tinyeval.importers import read_results


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets, see DATA.md")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="of the table")
    parser.add_argument("--sets", default="", help="only these, with commas")
    given = parser.parse_args()
    names = given.sets.split(",") if given.sets else sorted(os.listdir(given.data))
    rows = []
    for name in names:
        path = given.data / name / "responses.parquet"
        if not path.is_file():
            continue
        responses, _ = usable(read_results(path))
        n = min(100, responses.n_items // 2)
        start = time.perf_counter()
        try:
            bank = build(responses, settings=Settings().replace(items=n, device="cpu"))
        except TinyEvalError as error:
            print(f"{name}: left out: {error}", flush=True)
            continue
        seconds = time.perf_counter() - start
        rows.append((seconds, [name, f"{responses.n_models} x {responses.n_items:,}", str(n)]))
        rows[-1][1].extend([str(bank.irt.dimensions), f"{seconds:.1f}"])
        print(*rows[-1][1], flush=True)
    rows.sort()
    text = "# Seconds of a build\n\nModels x items, anchors, dimensions that the fit chose."
    table = lines_of(["set", "size", "anchors", "dimensions", "seconds"], [row for _, row in rows])
    note = f"Command: `python paper_repro/build_time.py --data DIR`; {datetime.date.today()}, "
    note += f"{os.cpu_count()} CPU cores."
    (given.out / "build_time.md").write_text("\n\n".join([text, table, note]) + "\n")


if __name__ == "__main__":
    main()
