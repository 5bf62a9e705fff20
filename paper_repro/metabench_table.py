"""metabench's own setting: thousands of models, its numbers of items, root mean square error.

python -m paper_repro.metabench_table --data DIR [--jobs 2]
"""

from __future__ import annotations

from paper_repro.engine.catalogue import FULL_SCORES, POOLS
from paper_repro.engine.markdown import beside
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table

ITEMS = {"arc": (100, 145), "truthfulqa": (136, 154), "winogrande": (106, 133), "mmlu": (96,)}

REPEATS = 3

PLAN = Plan(
    "metabench_table",
    tuple(Case(FULL_SCORES[name], "random", REPEATS, items) for name, items in ITEMS.items()),
    ("default", "metabench", "random+mean", "random+ridge", "mrmr+ridge"),
)

OWN = "metabench, own items alone"

PUBLISHED = {
    ("arc_full_score", 145, "metabench, six benchmarks"): {"rmse": 1.166},
    ("arc_full_score", 100, "metabench, six benchmarks"): {"rmse": 1.303},
    ("arc_full_score", 145, OWN): {"rmse": 2.008, "mae": 1.450},
    ("arc_full_score", 100, OWN): {"rmse": 2.083, "mae": 1.566},
    ("truthfulqa_full_score", 154, "metabench, six benchmarks"): {"rmse": 1.104},
    ("truthfulqa_full_score", 136, "metabench, six benchmarks"): {"rmse": 1.316},
    ("truthfulqa_full_score", 136, OWN): {"rmse": 1.971, "mae": 1.470},
    ("winogrande_full_score", 133, "metabench, six benchmarks"): {"rmse": 1.195},
    ("winogrande_full_score", 106, "metabench, six benchmarks"): {"rmse": 1.292},
    ("winogrande_full_score", 106, OWN): {"rmse": 2.016, "mae": 1.508},
    ("mmlu_full_score", 96, "metabench, six benchmarks"): {"rmse": 1.430},
}
"""Kipnis et al. 2025: final models, and the result files of the authors' repository."""


def report(table: Table) -> str:
    """Return the page."""
    text = (
        f"{POOLS} {REPEATS} random 75 / 25 splits, where the publication sets aside a tenth. Its "
        "final figures read the abilities of all six benchmarks, 858 answers in all; *own items "
        "alone* is the fair comparison, one benchmark by its own answers. Errors in percentage "
        "points."
    )
    return f"# metabench's setting\n\n{text}\n\n{beside(table, PUBLISHED, ('rmse', 'mae'))}\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
