"""How wrong is it? The default against random items, inside the range and beyond it.

    python paper_repro/first_table.py --data DIR

Four public sets (DATA.md), 30 and 100 items, five random 75 / 25 splits and the top split (source =
weakest 60 %, test = strongest 15 %), everything learned on source models only. Writes
first_table.md and first_table.csv beside this file.
"""

from __future__ import annotations

import argparse
import datetime
import time
from pathlib import Path

from tinyeval.backtesting import Backtest, backtest
from tinyeval.importers import read_results

SETS = {
    "ollb2_ifeval_musr": "IFEval + MuSR (Open LLM Leaderboard v2), 429 models",
    "arc_challenge_official": "ARC-Challenge (Open LLM Leaderboard), 212 models",
    "helm_lite_83": "HELM Lite, 83 models",
    "helm_legalbench_79": "LegalBench (HELM), 79 models",
}
METHODS = ("default", "random+mean", "random+ridge")


def main() -> None:
    """Run the backtests and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets, see DATA.md")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    start = time.perf_counter()
    lines = [
        "| set | split | items | tinyeval | random items, mean | random items, ridge "
        "| 90 % interval covers | width |",
        "|---" * 8 + "|",
    ]
    rows: list[str] = []
    for name, title in SETS.items():
        responses = read_results(arguments.data / name / "responses.parquet")
        for split in ("random", "top"):
            found = backtest(responses, items=(30, 100), split=split, methods=METHODS)
            lines += table_rows(title, split, found)
            header, *body = found.to_csv().splitlines()
            rows += [f"set,{header}"] * (not rows) + [f"{name},{row}" for row in body]
            print("\n".join(lines[-2:]), flush=True)
    seconds = round(time.perf_counter() - start)
    note = (
        f"\nMean absolute error and width in percentage points, test models only. Command: `python "
        f"paper_repro/first_table.py --data DIR`; {datetime.date.today()}, {seconds} s on two CPU "
        "cores.\n"
    )
    (arguments.out / "first_table.md").write_text("\n".join(lines) + "\n" + note)
    (arguments.out / "first_table.csv").write_text("\n".join(rows) + "\n")


def table_rows(title: str, split: str, found: Backtest) -> list[str]:
    """Return one row per number of items."""
    by_key = {(int(row["items"]), str(row["method"])): row for row in found.summary()}
    lines = []
    for items in sorted({key[0] for key in by_key}):
        cells = [title, split, str(items)]
        errors = [100 * float(by_key[items, method]["mae"]) for method in METHODS]
        best = min(errors)
        cells += [f"**{one:.2f}**" if one == best else f"{one:.2f}" for one in errors]
        ours = by_key[items, "default"]
        cells += [f"{float(ours['coverage']):.2f}", f"{100 * float(ours['width']):.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
