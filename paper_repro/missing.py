"""Histories with missing answers, where the truth is known none the less.

    python -m paper_repro.missing --data DIR [--jobs 2]

Results that are incomplete have no full score to compare with, so the answers of complete models
are hidden in the pattern of incomplete ones: whole blocks (a leaderboard's gaps), or all but the
few that an adaptive test chose according to the model's ability.
"""

from __future__ import annotations

from paper_repro.engine.catalogue import SETS
from paper_repro.engine.markdown import lines_of, shown
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.sets import ResultSet
from paper_repro.engine.table import Table

BLOCKS = ResultSet(
    "ollb1_mix5_blocks_hidden", "", folder="ollb1_mix5_dense", pattern="ollb1_mix5_sparse"
)
ADAPTIVE = ResultSet(
    "ollb1_truthfulqa_adaptively_hidden",
    "",
    folder="ollb1_truthfulqa",
    pattern="atlas_adaptive_truthfulqa",
    pattern_by="full_score_truthfulqa",
)
SPARSE = tuple(
    ResultSet(f"atlas_adaptive_{name}", "", target=f"full_score_{name}")
    for name in ("truthfulqa", "hellaswag")
)

METHODS = (
    *("default", "random+mean", "random+ridge", "random+aipw", "anchor_points+kernel_ridge"),
    *("anchor_points_irt+p_irt", "anchor_points_irt+gp_irt", "mrmr+kernel_ridge", "metabench"),
)

ALL_ITEMS = 600

PLAN = Plan(
    "missing",
    (
        Case(BLOCKS, "random", 3),
        Case(SETS["ollb1_mix5_dense"], "random", 3),
        Case(ADAPTIVE, "random", 3),
        Case(SETS["ollb1_truthfulqa"], "random", 3),
        *(Case(which, "random", 3, (100, ALL_ITEMS)) for which in SPARSE),
    ),
    METHODS,
    items=(30, 100),
)


def report(table: Table) -> str:
    """Return the page."""
    head = ["method", *(f"{unit.set}, {unit.items}" for unit in table.units)]
    rows = [
        [method, *(shown(table.figure(unit, method, "mae"), "mae") for unit in table.units)]
        for method in table.plan.methods
    ]
    return "\n\n".join(["# Missing answers", TEXT, lines_of(head, rows)]) + "\n"


TEXT = f"""Mean absolute error, percentage points, three random splits.

* *blocks hidden*: source models of five benchmarks with the gaps of 3,811 other models of the same
  leaderboard (a quarter of all answers); test models are complete. Beside it the same splits with
  nothing hidden.
* *adaptively hidden*: every source model keeps the few answers that an adaptive test asked of a
  model of about its score (87 % are missing, and not at random); test models are complete. Items
  never asked are left out, so the benchmark has 130 items where it has 216 beside it.
* *atlas_adaptive*: the adaptive test's own results. A model's true score is known from elsewhere,
  but test models as well were asked some fifty items of {ALL_ITEMS} and more, mostly not the
  anchors: with 100 anchors, predictions rest on about ten answers, with {ALL_ITEMS} on all there
  are. Their plain mean is biased: the test asked what a model gets right half the time."""


if __name__ == "__main__":
    main(PLAN, report, __doc__)
