"""Why the default is the default: every selection with the estimators that suit it.

    python paper_repro/default_choice.py --data DIR

Seven public sets (DATA.md), 30 and 100 items; two random 75 / 25 splits, the top split and the
bottom split, everything learned on source models only. Writes default_choice.md (means over sets)
and default_choice.csv (every split) beside this file. A set that is done is not run again while its
part of the csv lies there.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from tinyeval.backtesting import backtest
from tinyeval.importers import read_results

SETS = (
    "ollb2_ifeval_musr",
    "ollb2_math_hard",
    "arc_challenge_official",
    "helm_lite_83",
    "helm_legalbench_79",
    "glue_87",
    "alpaca_eval2_weighted",
)
METHODS = (
    "optimal_design+kriging",
    "optimal_design+kernel_ridge",
    "optimal_design+ridge",
    "optimal_design+p_irt",
    "random+mean",
    "stratified+mean",
    "random+ridge",
    "random+kernel_ridge",
    "random+kriging",
    "random+p_irt",
    "random+aipw",
    "anchor_points+weighted_anchors",
    "anchor_points+kernel_ridge",
    "anchor_points_irt+weighted_anchors",
    "anchor_points_irt+p_irt",
    "anchor_points_irt+kriging",
    "mrmr+kernel_ridge",
    "information+score_curve",
)
SPLITS = ("random", "top", "bottom")
ITEMS = (30, 100)


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets, see DATA.md")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    path = arguments.out / "default_choice.csv"
    rows = list(csv.DictReader(path.open())) if path.exists() else []
    for name in SETS:
        if name not in {row["set"] for row in rows}:
            rows += measured(arguments.data / name / "responses.parquet", name)
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    (arguments.out / "default_choice.md").write_text(table(rows))


def measured(path: Path, name: str) -> list[dict[str, str]]:
    """Return one row per split, method and number of items."""
    responses, start, rows = read_results(path), time.perf_counter(), []
    for split in SPLITS:
        options = {"items": ITEMS, "methods": METHODS, "repeats": 2, "intervals": False}
        for row in backtest(responses, split=split, **options).rows:
            rows.append({"set": name, **{key: str(value) for key, value in row.items()}})
    print(name, round(time.perf_counter() - start), "s", flush=True)
    return rows


def table(rows: list[dict[str, str]]) -> str:
    """Return the mean error over sets by method, split and number of items, best in bold."""
    errors: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(dict)
    for row in rows:
        cell = errors[row["method"], row["split"], row["items"]]
        cell.setdefault(row["set"], []).append(100 * float(row["mae"]))
    columns = [(split, str(n)) for split in SPLITS for n in ITEMS]
    means = {
        key: float(np.mean([np.mean(values) for values in cell.values()]))
        for key, cell in errors.items()
    }
    best = {c: min(means[method, *c] for method in METHODS) for c in columns}
    lines = [
        "| selection + estimator | " + " | ".join(f"{s}, {n}" for s, n in columns) + " | all |"
    ]
    lines.append("|---" * (len(columns) + 2) + "|")
    for method in sorted(METHODS, key=lambda m: sum(means[m, *c] for c in columns)):
        cells = [means[method, *c] for c in columns]
        shown = [
            f"**{v:.2f}**" if v == best[c] else f"{v:.2f}"
            for v, c in zip(cells, columns, strict=True)
        ]
        lines.append(f"| {method} | " + " | ".join(shown) + f" | {np.mean(cells):.2f} |")
    seconds = sum(float(row["seconds"]) for row in rows)
    note = (
        "\nMean absolute error in percentage points, mean over the seven sets; random selections "
        "are averaged over ten draws in each split. Command: `python "
        f"paper_repro/default_choice.py --data DIR`; {datetime.date.today()}, {seconds:.0f} s on "
        "two CPU cores.\n"
    )
    return "\n".join(lines) + "\n" + note


if __name__ == "__main__":
    main()
