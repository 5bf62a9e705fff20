"""How wrong is it? The default against random items, inside the range and beyond it.

    python -m paper_repro.first_table --data DIR [--jobs 2]

Four public sets (DATA.md), five random 75 / 25 splits and the top split (source = weakest 60 %,
test = strongest 15 %), everything learned on source models only.
"""

from __future__ import annotations

from paper_repro.engine.catalogue import SETS
from paper_repro.engine.markdown import lines_of, shown
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table

SIZES = {
    "ollb2_ifeval_musr": 429,
    "arc_challenge_official": 212,
    "helm_lite_83": 83,
    "helm_legalbench_79": 79,
}

PLAN = Plan(
    "first_table",
    tuple(Case(SETS[name], split, n) for name in SIZES for split, n in (("random", 5), ("top", 1))),
    ("default", "random+mean", "random+ridge"),
    items=(30, 100),
    calibrated=("default",),
)


def report(table: Table) -> str:
    """Return the table of docs/accuracy.md, four rows of which are in the README."""
    rows = []
    for unit in table.units:
        errors = [table.figure(unit, method, "mae") for method in PLAN.methods]
        cells = [f"**{shown(e, 'mae')}**" if e == min(errors) else shown(e, "mae") for e in errors]
        cells.append(f"{table.figure(unit, 'default', 'coverage'):.2f}")
        cells.append(f"{100 * table.figure(unit, 'default', 'width'):.1f}")
        title = f"{SETS[unit.set].title}, {SIZES[unit.set]} models"
        rows.append([title, unit.split, str(unit.items), *cells])
    head = ["set", "split", "items", "tinyeval", "random items, mean", "random items, ridge"]
    head += ["90 % interval covers", "width"]
    note = "Mean absolute error and width in percentage points, test models only."
    return f"{lines_of(head, rows)}\n\n{note}\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
