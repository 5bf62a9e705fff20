"""Graded answers: preferences, pass rates and marks between 0 and 1 instead of right and wrong.

python -m paper_repro.graded --data DIR [--jobs 2]
"""

from __future__ import annotations

from paper_repro.engine.catalogue import RIVALS, SETS
from paper_repro.engine.markdown import standard
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.sets import ResultSet
from paper_repro.engine.table import Table

GRADED = (
    SETS["alpaca_eval2_weighted"],
    SETS["alpaca_eval1_gpt4"],
    SETS["lcb_exec_testgen_46"],
    ResultSet("lcb_repair_17", "LiveCodeBench, self-repair"),
    ResultSet("wildbench_21", "WildBench, judge's marks"),
)

PLAN = Plan(
    "graded",
    tuple(Case(which, "random", 5) for which in GRADED)
    + tuple(Case(which, split) for which in GRADED[:3] for split in ("top", "bottom")),
    ("default", *RIVALS, "floor"),
    items=(30, 100),
)


def report(table: Table) -> str:
    """Return the page."""
    text = (
        "AlpacaEval 2 holds preferences of any size, AlpacaEval 1 wins and ties, LiveCodeBench the "
        "share of ten samples that pass, WildBench marks from 1 to 10. Two sets have only about "
        "twenty models, so that four or five are tested at a time. Published methods that cut "
        "graded scores to 0 and 1 are given them as they are."
    )
    return standard("Graded answers", text, table)


if __name__ == "__main__":
    main(PLAN, report, __doc__)
