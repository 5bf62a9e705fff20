"""Two stages: what a first block tells, and what is gained by asking the rest accordingly.

    python -m paper_repro.stages --data DIR [--jobs 2]

Every method is asked the same number of items of every model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paper_repro.engine.catalogue import SETS
from paper_repro.engine.markdown import lines_of
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.staged import AT, FEW
from paper_repro.engine.table import Table, Unit

REPEATS = 2
SPLITS = ("random", "top", "bottom")
BARS = {
    10: {"random": 0.93, "top": 1.02, "bottom": 1.02},
    30: {"random": 0.97, "top": 0.88, "bottom": 0.92},
    100: {"random": 0.97, "top": 0.88, "bottom": 0.92},
}
"""Error divided by the default's that should not be exceeded."""

PLAN = Plan(
    "stages",
    tuple(
        Case(SETS[name], split, REPEATS if split == "random" else 1)
        for split in SPLITS
        for name in SETS
    ),
    ("default", "two_stages", "within_range", "one_stage"),
    items=(10, 30, 100),
)


SHOWN = ("default", "two_stages", "within_range")
WITHIN = "random"


def units_of(table: Table, split: str, items: int) -> list[Unit]:
    """Return the units of a column that every method shown has."""
    return [
        one
        for one in table.units
        if (one.split, one.items) == (split, items) and set(SHOWN) <= table.results[one].keys()
    ]


def by_column(table: Table) -> str:
    """Return the mean errors over sets, and their ratios to the default's."""
    rows = []
    for items in PLAN.items:
        for split in SPLITS:
            units = units_of(table, split, items)
            if not units:
                continue
            error = {
                m: float(np.mean([table.figure(unit, m, "mae") for unit in units])) for m in SHOWN
            }
            spread, bar = table.ratio(units, "two_stages", "default"), BARS[items][split]
            ratio = error["two_stages"] / error["default"]
            shown = [f"{100 * value:.2f}" for value in error.values()]
            more = [f"{ratio:.3f}", f"{spread.lower:.2f} to {spread.upper:.2f}", f"{bar:.2f}"]
            met = "yes" if ratio <= bar else "no"
            rows.append([split, str(items), "2", str(len(units)), *shown, *more, met])
    head = ["split", "items asked", "looks", "sets", "default", "two stages", "`within_range`"]
    return lines_of([*head, "two stages / default", "90 %", "bar", "met"], rows)


def by_set(table: Table) -> str:
    """Return the ratio of errors, two stages to default, of every set."""
    columns = [(split, items) for split in SPLITS for items in PLAN.items]
    rows = []
    for name in SETS:
        row = [name]
        for split, items in columns:
            found = [one for one in units_of(table, split, items) if one.set == name]
            both = [table.figure(found[0], m, "mae") if found else np.nan for m in SHOWN[:2]]
            row.append(f"{both[1] / both[0]:.2f}" if found else "")
        rows.append(row)
    return lines_of(["set", *(f"{split}, {items}" for split, items in columns)], rows)


def intervals(table: Table) -> str:
    """Return how often the 90 % intervals hold, over all test models, and how wide they are."""
    rows = []
    for split in SPLITS:
        row, sets = [split], 0
        for method in ("one_stage", "two_stages"):
            held, width, sets = [], [], 0
            for unit in table.units:
                for one in table.results[unit].get(method, []) if unit.split == split else ():
                    if one.trial.bounds is None:
                        continue
                    lower, upper = one.trial.bounds[:, 0]
                    held += ((lower <= one.trial.truth) & (one.trial.truth <= upper)).tolist()
                    width += (upper - lower).tolist()
                    sets += 1
            row += [f"{np.mean(held):.3f}", f"{100 * np.mean(width):.1f}"] if held else ["", ""]
        rows.append([*row, str(len(held)), str(sets)])
    head = ["split", "one stage: held", "width", "two stages: held", "width", "models", "sets"]
    return lines_of(head, rows)


def report(table: Table) -> str:
    """Return the page."""
    parts = ["# Two stages", ABOUT, by_column(table), "## Intervals", HELD, intervals(table)]
    return "\n\n".join([*parts, "## By set", BY_SET, by_set(table), TRIED]) + "\n"


ABOUT = (
    "Mean absolute error of new models' full scores, percentage points, mean over sets. Every "
    "method is asked the same number of items of every model. *two stages*: the first half of the "
    "default's anchors, then the form that the answers choose (docs/methods.md), as `tinyeval "
    "build --stages 2` makes it: two looks at the answers. Two random splits of each set; one "
    "split with the strongest and one with the weakest models as test models. The interval of the "
    "ratio is a bootstrap over test models of the ratio of summed errors. The bars are those "
    "that were set before the work."
)

HELD = (
    f"90 % intervals with {AT} items, of sets with at most {FEW} source models, first repeat: "
    "share of test models whose score the interval holds, and its mean width in points."
)

BY_SET = "Error in two stages divided by the default's."

TRIED = (Path(__file__).parent / "stages_tried.md").read_text().strip()

if __name__ == "__main__":
    main(PLAN, report, __doc__)
