"""Why the default is the default: every selection with the estimators that suit it.

python -m paper_repro.default_choice --data DIR [--jobs 2]
"""

from __future__ import annotations

import numpy as np

from paper_repro.engine.catalogue import SETS
from paper_repro.engine.markdown import lines_of, shown
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table

NAMES = tuple(SETS)[:7]

METHODS = (
    *("default", "random+stack", "anchor_points+stack", "anchor_points_irt+stack", "mrmr+stack"),
    *("optimal_design+kriging", "optimal_design+kernel_ridge", "optimal_design+ridge"),
    *("optimal_design+p_irt", "random+mean", "stratified+mean", "random+ridge"),
    *("random+kernel_ridge", "random+kriging", "random+p_irt", "random+aipw"),
    *("anchor_points+weighted_anchors", "anchor_points+kernel_ridge"),
    *("anchor_points_irt+weighted_anchors", "anchor_points_irt+p_irt"),
    *("anchor_points_irt+kriging", "mrmr+kernel_ridge", "information+score_curve"),
)

PLAN = Plan(
    "default_choice",
    tuple(
        Case(SETS[name], split, repeats)
        for split, repeats in (("random", 2), ("top", 1), ("bottom", 1))
        for name in NAMES
    ),
    METHODS,
    items=(30, 100),
)


def report(table: Table) -> str:
    """Return the mean error over sets by method, split and number of items, best in bold."""
    columns = table.columns
    value = {m: np.array([table.mean(c, m) for c in columns]) for m in METHODS}
    known = {m: row for m, row in value.items() if np.isfinite(row).all()}
    best = np.min(list(known.values()), axis=0) if known else np.empty(0)
    rows = []
    for method in sorted(known, key=lambda m: known[m].mean()):
        cells = [shown(one, "mae") for one in known[method]]
        bold = [
            f"**{text}**" if one == low else text
            for text, one, low in zip(cells, known[method], best, strict=True)
        ]
        rows.append([method, *bold, shown(known[method].mean(), "mae")])
    head = ["selection + estimator", *(str(c) for c in columns), "all"]
    text = (
        "Mean absolute error in percentage points, mean over the seven sets; random selections "
        "are averaged over ten draws in each split."
    )
    return f"{lines_of(head, rows)}\n\n{text}\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
