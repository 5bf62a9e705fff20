"""Few source models: 15, 30 and 50 models drawn at random, all others test models.

python -m paper_repro.few_models --data DIR [--jobs 2]
"""

from __future__ import annotations

from paper_repro.engine.catalogue import RIVALS, SETS
from paper_repro.engine.markdown import standard
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table

REPEATS = 3

SMALL = ("alpaca_eval1_gpt4", "alpaca_eval2_weighted", "lcb_exec_testgen_46", "zeroeval_crux_gsm")
"""Sets of less than 60 models: 50 source models would leave next to none to test."""

LARGE = (
    *("ollb2_ifeval_musr", "arc_challenge_official", "ollb2_math_hard", "helm_lite_83"),
    *("helm_legalbench_79", "glue_87", "ollb1_mix5_dense", "ollb1_arc", "ollb1_truthfulqa"),
)

PLAN = Plan(
    "few_models",
    tuple(
        Case(SETS[name], f"few:{count}", REPEATS)
        for count in (30, 15, 50)
        for name in (LARGE if count == 50 else LARGE + SMALL)
    ),
    ("default", *RIVALS, "floor"),
    items=(30, 100),
)


def report(table: Table) -> str:
    """Return the page."""
    text = (
        f"Few source models, drawn at random ({REPEATS} times); all other models of a set are test "
        "models. Random selections are averaged over ten draws in each split."
    )
    return standard("Few source models", text, table)


if __name__ == "__main__":
    main(PLAN, report, __doc__)
