"""What each part of the default brings: one part changed at a time.

    python -m paper_repro.ablation --data DIR [--jobs 2]

Add a row by a name: SELECTOR+ESTIMATOR, or an entry of VARIANTS with the settings it changes.
"""

from __future__ import annotations

from typing import Any

from paper_repro.default_choice import NAMES
from paper_repro.engine.catalogue import SETS
from paper_repro.engine.markdown import against_rivals, means
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.methods import BASE
from paper_repro.engine.script import main
from paper_repro.engine.table import Table


def both(**options: Any) -> dict[str, Any]:
    """Return changes of an option that selector and estimator share."""
    return {"selection": {"options": options}, "estimator": {"options": options}}


VARIANTS: dict[str, dict[str, Any]] = {
    "no drift in the design": {"selection": {"options": {"drift": [0.0]}}},
    "no gate: kriging alone": {"estimator": {"method": "kriging"}},
    "gate at 5 % of each tail": {"estimator": {"options": {"tail": 0.05}}},
    "no prior for no drift": {"estimator": {"options": {"undrifted": 0.125}}},
    "covariance of the sample alone": both(irt_share=0.0),
    "covariance of the IRT model alone": both(irt_share=1.0),
    "IRT model of one dimension": {"irt": {"dimensions": [1]}},
}

RECIPES = ("frontier", "within_range", "fast")

PAIRS = (
    *("random+stack", "anchor_points+stack", "anchor_points_irt+stack", "mrmr+stack"),
    *("random+kriging", "optimal_design+kernel_ridge", "optimal_design+p_irt"),
    "optimal_design+aipw",
)

PLAN = Plan(
    "ablation",
    tuple(
        Case(SETS[name], split, repeats)
        for split, repeats in (("random", 2), ("top", 1), ("bottom", 1))
        for name in NAMES
    ),
    ("default", *VARIANTS, *RECIPES, *PAIRS),
    items=(30, 100),
    variants={name: BASE.replace(**changes) for name, changes in VARIANTS.items()},
)


def report(table: Table) -> str:
    """Return the page."""
    text = (
        "Mean absolute error in percentage points, mean over sets: the default, the default with "
        "one part changed, and its selection or its estimator in other company."
    )
    parts = ["# What each part brings", text, means(table)]
    parts += ["The default against the best other row of each column:", against_rivals(table)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
