"""SparseEval's own setting: thousands of source models, 200 test models, 20 to 100 items.

python -m paper_repro.sparseeval_table --data DIR [--jobs 2]
"""

from __future__ import annotations

from paper_repro.engine.catalogue import FULL_SCORES, POOLS
from paper_repro.engine.markdown import beside, lines_of
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table

SOURCE = {"arc": 2344, "truthfulqa": 3286, "winogrande": 3355, "mmlu": 1050}
"""Source models that leave 200 of the different models of each set as test models."""

REPEATS = 3

PLAN = Plan(
    "sparseeval_table",
    tuple(Case(FULL_SCORES[name], f"few:{count}", REPEATS) for name, count in SOURCE.items()),
    ("default", "random+mean", "random+ridge", "mrmr+ridge", "anchor_points+ridge", "sparseeval"),
    items=(20, 40, 60, 80, 100),
)

TAILORED, GP_IRT = "TailoredBench", "gp-IRT"

REPORTED = {
    "arc": {
        "sparseeval": "1.778/.863 1.581/.883 1.404/.902 1.227/.910 1.165/.917",
        TAILORED: "3.426/.824 2.646/.854 2.448/.852 2.816/.862 2.413/.873",
        GP_IRT: "5.332/.641 3.642/.698 2.959/.758 2.612/.761 2.274/.787",
    },
    "truthfulqa": {
        "sparseeval": "1.756 1.589 1.243 1.083 1.027/.931",
        TAILORED: "2.554 2.105 1.928 1.718 1.577",
        GP_IRT: "4.452 3.032 2.250 1.973 1.808",
    },
    "winogrande": {
        "sparseeval": "2.088 1.500 1.361 1.182 1.027/.897",
        TAILORED: "3.212 3.740 3.478 3.130 3.120",
        GP_IRT: "4.903 3.417 2.617 2.284 1.957",
    },
    "mmlu": {
        "sparseeval": "1.718 1.282 .997 .962 .842/.908",
        TAILORED: "4.046 2.677 2.421 2.216 2.019",
        GP_IRT: "5.940 3.802 3.190 2.537 2.202",
    },
}
"""MAE / Kendall's tau at 20, 40, 60, 80 and 100 items (Zhang et al. 2026)."""

BAR = 0.85
"""Share of SparseEval's published error at 100 items that the default is to stay below."""


def published() -> dict[tuple[str, int, str], dict[str, float]]:
    """Return the published figures by set, number of items and method."""
    found = {}
    for name, methods in REPORTED.items():
        for method, text in methods.items():
            for items, cell in zip(PLAN.items, text.split(), strict=True):
                values = [float(part) for part in cell.split("/")]
                key = (FULL_SCORES[name].name, items, method)
                found[key] = dict(zip(("mae", "kendall"), values, strict=False))
    return found


def bars(table: Table) -> str:
    """Return the default at 100 items against the bars."""
    rows = []
    for unit in table.units:
        known = published().get((unit.set, 100, "sparseeval"))
        if unit.items == 100 and known and "default" in table.results[unit]:
            error = 100 * table.figure(unit, "default", "mae")
            tau = table.figure(unit, "default", "kendall")
            met = error <= BAR * known["mae"] and tau > known["kendall"]
            row = [unit.set, f"{error:.3f}", f"{BAR * known['mae']:.3f}", f"{tau:.3f}"]
            rows.append([*row, f"{known['kendall']:g}", "yes" if met else "no"])
    head = ["set", "MAE", f"at most {BAR} x published", "Kendall", "above", "both met"]
    return lines_of(head, rows)


def report(table: Table) -> str:
    """Return the page."""
    text = (
        f"{POOLS} {REPEATS} random splits that leave 200 test models each, where the publication "
        "has one split and starts its clustering on all models, test models included. "
        "Kendall's tau depends on how far test models differ, and these are other models than the "
        "authors', without exact copies. MAE in percentage points."
    )
    parts = ["# SparseEval's setting", text, "The default at 100 items:", bars(table)]
    parts += ["## All methods", beside(table, published(), ("mae", "kendall"))]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
