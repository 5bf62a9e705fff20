"""Narrow histories: source models that score much the same, and what is safe there.

    python -m paper_repro.narrow --data DIR [--jobs 2]

Checkpoints of training runs by run, transformers by model, fine-tunes of one base model, and
variants of one model that differ by chance alone or by little more.  `narrow_before.csv` is what
the same command wrote with the gate of before (commit b117a80).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paper_repro.engine.catalogue import NARROW, SETS
from paper_repro.engine.markdown import Former, former, lines_of
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import HERE, main
from paper_repro.engine.table import Table

REPEATS = 3
BASELINES = ("history_mean", "random+ridge")
BAR = 1.05
"""The default's error divided by the better baseline's that it should not exceed."""


def cases() -> tuple[Case, ...]:
    """Return every set under the split that holds out models like the source models."""
    runs, *others = NARROW.values()
    found = [Case(runs, "group:run", REPEATS), Case(SETS["nlu29_90"], "group:base_model", REPEATS)]
    found += [Case(which, "random", REPEATS) for which in others]
    beyond = [one for one in NARROW.values() if one.spread is None]
    return (*found, *(Case(which, split) for which in beyond for split in ("top", "bottom")))


PLAN = Plan(
    "narrow",
    cases(),
    ("default", *BASELINES, "random+mean", "within_range"),
    items=(10, 30, 100),
)


def by_unit(table: Table, before: Former) -> tuple[str, str]:
    """Return the table of every set, and a sentence on the bar."""
    rows, ratios = [], []
    for unit in table.units:
        if not {"default", *BASELINES} <= table.results[unit].keys():
            continue
        error = {m: table.figure(unit, m, "mae") for m in table.plan.methods}
        ratio = error["default"] / min(error[one] for one in BASELINES)
        if unit.split not in ("top", "bottom"):
            ratios.append(ratio)
        old = before.get((unit.set, unit.split, unit.items), {})
        values = [old.get("mae", np.nan), *error.values()]
        shown = [f"{100 * value:.2f}" if np.isfinite(value) else "" for value in values]
        rows.append([unit.set, unit.split, str(unit.items), *shown, f"{ratio:.2f}"])
    head = ["set", "split", "items", "default, before", *table.plan.methods, "default / better"]
    met = sum(ratio <= BAR for ratio in ratios)
    text = (
        f"Of {len(ratios)} rows with new models like the source models, the default is within "
        f"{BAR} of the better baseline in {met}"
    )
    worst = f"; the largest ratio is {max(ratios):.2f}." if ratios else "."
    return lines_of(head, rows), text + worst


def report(table: Table) -> str:
    """Return the page."""
    rows, text = by_unit(table, former(HERE / "narrow_before.csv"))
    parts = ["# Narrow histories", ABOUT, text, rows, TRIED]
    return "\n\n".join(parts) + "\n"


ABOUT = (
    "Mean absolute error of new models' full scores, percentage points. *default / better* is the "
    "default's error divided by that of the better of two baselines: saying the history's mean, "
    "and ridge regression on as many random items. Whole runs and whole base models are held out; "
    "the other splits are random. On the top and bottom splits the new models score beyond all "
    "source models; there both baselines break. The history of `language_runs` says that it holds "
    "checkpoints (columns `run` and `step`), the others do not."
)

TRIED = (Path(__file__).parent / "narrow_tried.md").read_text().strip()

if __name__ == "__main__":
    main(PLAN, report, __doc__)
