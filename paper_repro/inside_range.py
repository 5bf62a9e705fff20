"""Inside the range: every published method against the default, on random 75 / 25 splits.

python -m paper_repro.inside_range --data DIR [--jobs 2]
"""

from __future__ import annotations

from paper_repro.engine.catalogue import RIVALS, SETS
from paper_repro.engine.markdown import standard
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.sets import LARGEST
from paper_repro.engine.table import Table

PLAN = Plan(
    "inside_range",
    tuple(Case(SETS[name], "random", 5) for name in SETS),
    ("default", *RIVALS, "floor"),
)


def report(table: Table) -> str:
    """Return the page."""
    text = (
        "Five random splits of each set, three quarters source models, one quarter test models, "
        "exact duplicates removed before; everything learned on source models. Random selections "
        f"are averaged over ten draws in each split. Of larger sets {LARGEST} models were drawn."
    )
    return standard("Inside the range", text, table)


if __name__ == "__main__":
    main(PLAN, report, __doc__)
