"""Do the 90 % intervals hold, and how wide are they? By split and by set.

    python -m paper_repro.coverage --data DIR [--jobs 2]

Beside the default: the mean of random items with its normal interval for a finite population.
"""

from __future__ import annotations

import numpy as np

from paper_repro.engine.catalogue import FRONTIERS, SETS
from paper_repro.engine.markdown import figures, lines_of, shown
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table

NAMES = tuple(SETS)[:9]

PLAN = Plan(
    "coverage",
    tuple(Case(SETS[name], split, n) for split, n in (("random", 3), ("top", 1)) for name in NAMES)
    + tuple(Case(SETS[name], split) for split in ("bottom", "few:30") for name in NAMES)
    + tuple(Case(SETS[s], split) for s in NAMES for split in FRONTIERS.get(s, ())),
    ("default", "random+normal"),
    items=(30, 100),
    calibrated=("default",),
)


def report(table: Table) -> str:
    """Return the page."""
    rows = []
    for column in table.columns:
        row = [str(column), str(len(table.complete(column)))]
        for method in table.plan.methods:
            shares = [table.figure(unit, method, "coverage") for unit in table.complete(column)]
            mean = [table.mean(column, method, name) for name in ("coverage", "width")]
            row += [
                shown(mean[0], "coverage"),
                shown(min(shares, default=np.nan), "coverage"),
                shown(mean[1], "width"),
            ]
        rows.append(row)
    head = ["split, items", "sets"]
    head += [f"{m}: {what}" for m in table.plan.methods for what in ("covers", "least", "width")]
    parts = ["# Coverage and width of the 90 % intervals", TEXT, lines_of(head, rows)]
    parts += ["## Set by set", figures(table, ("mae", "coverage", "width"))]
    return "\n\n".join(parts) + "\n"


TEXT = (
    "Share of test models whose true score lies in the interval, mean over sets and the least of "
    "any set, and the mean width in percentage points. *random+normal* is the mean of k random "
    "answers with 1.645 s sqrt(1/k - 1/n) to either side."
)


if __name__ == "__main__":
    main(PLAN, report, __doc__)
