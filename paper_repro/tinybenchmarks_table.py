"""tinyBenchmarks' own setting: 100 items, about 400 models, a quarter of them test models.

python -m paper_repro.tinybenchmarks_table --data DIR [--jobs 2]
"""

from __future__ import annotations

from dataclasses import replace

from paper_repro.engine.catalogue import FULL_SCORES, POOLS, SETS
from paper_repro.engine.markdown import beside
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table

MODELS = 395
"""Models that the authors had of the leaderboard."""

NAMES = ("arc", "truthfulqa", "winogrande")

CASES = [
    Case(replace(one, name=f"{one.name}_{MODELS}", largest=MODELS), "random", 5)
    for one in (FULL_SCORES[name] for name in NAMES)
]

PLAN = Plan(
    "tinybenchmarks_table",
    (*CASES, Case(SETS["alpaca_eval2_weighted"], "random", 5)),
    (
        *("default", "anchor_points_irt+weighted_anchors", "anchor_points_irt+p_irt"),
        *("anchor_points_irt+gp_irt", "anchor_points+gp_irt", "random+mean", "random+ridge"),
    ),
    items=(100,),
)

REPORTED = {
    f"arc_full_score_{MODELS}": (2.2, 1.7, 1.7),
    f"truthfulqa_full_score_{MODELS}": (1.3, 1.0, 1.1),
    f"winogrande_full_score_{MODELS}": (2.2, 1.6, 1.5),
    "alpaca_eval2_weighted": (1.2, 2.0, 1.6),
}
"""MAE of IRT, p-IRT and gp-IRT (the authors' README)."""

PUBLISHED = {
    (name, 100, f"anchor_points_irt+{estimator}"): {"mae": value}
    for name, values in REPORTED.items()
    for estimator, value in zip(("weighted_anchors", "p_irt", "gp_irt"), values, strict=True)
}


def report(table: Table) -> str:
    """Return the page."""
    text = (
        f"{POOLS} Of the leaderboard's models {MODELS} were drawn, as many as the authors had; "
        "five random splits. Their published anchors are the best of five draws on the test "
        "models; here nothing is chosen on test models. `weighted_anchors` is what they call IRT: "
        "it knows nothing of an external score, so on these preselected items it is far off by "
        "construction, as is the plain mean. MAE in percentage points."
    )
    table_ = beside(table, PUBLISHED, ("mae", "kendall"))
    return f"# tinyBenchmarks' setting\n\n{text}\n\n{table_}\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
