"""Seconds that a whole build of the default takes, calibration included, on every set.

    python -m paper_repro.build_time --data DIR

All models of a set, 100 anchors (half of the items of a smaller benchmark), warm process, no other
work on the machine.
"""

from __future__ import annotations

import argparse
import datetime
import os
import time
from pathlib import Path

from paper_repro.engine.data import add_data_option
from paper_repro.engine.markdown import lines_of
from tinyeval import Settings, TinyEvalError, build, read_results


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="of the table")
    parser.add_argument("--sets", default="", help="only these, with commas")
    given = parser.parse_args()
    names = given.sets.split(",") if given.sets else sorted(os.listdir(given.data))
    rows = []
    for name in names:
        path = given.data / name / "responses.parquet"
        if not path.is_file():
            continue
        responses = read_results(path)
        n = min(100, responses.n_items // 2)
        start = time.perf_counter()
        try:
            bank = build(responses, items=n, settings=Settings().replace(device="cpu"))
        except TinyEvalError as error:
            print(f"{name}: left out: {error}", flush=True)
            continue
        seconds = time.perf_counter() - start
        size = f"{bank.source['models']} x {len(bank.items):,}"
        rows.append((seconds, [name, size, str(n)]))
        rows[-1][1].extend([str(bank.irt.dimensions), f"{seconds:.1f}"])
        print(*rows[-1][1], flush=True)
    rows.sort()
    text = "# Seconds of a build\n\nModels x items, anchors, dimensions that the fit chose."
    table = lines_of(["set", "size", "anchors", "dimensions", "seconds"], [row for _, row in rows])
    note = f"Command: `python -m paper_repro.build_time --data DIR`; {datetime.date.today()}, "
    note += f"{os.cpu_count()} CPU cores."
    (given.out / "build_time.md").write_text("\n\n".join([text, table, note]) + "\n")


if __name__ == "__main__":
    main()
