"""The constants of the default, one changed at a time, judged on source models alone.

    python -m paper_repro.tuning --data DIR [--jobs 2]

Each split is made within the source models of a split of the same kind, so that no test model of
that split is seen here. nested:top: of the weakest 60 %, source = weakest 60 %, test = strongest
15 %; far:top: source = weakest 40 % instead, because a new model may be further out than the last
steps were; bottom: the mirrors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from paper_repro.ablation import both
from paper_repro.engine.catalogue import SETS
from paper_repro.engine.markdown import lines_of
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.methods import BASE
from paper_repro.engine.script import main
from paper_repro.engine.table import Column, Table

KINDS = ("nested:random", "nested:top", "far:top", "nested:bottom", "far:bottom")
REPEATS = 2


def design(*drift: float) -> dict[str, Any]:
    """Return a change of the drift sizes of the design."""
    return {"selection": {"options": {"drift": list(drift)}}}


def estimator(**options: Any) -> dict[str, Any]:
    """Return a change of an option of the estimator."""
    return {"estimator": {"options": options}}


VARIANTS: dict[str, dict[str, Any]] = {
    "design for drift 0": design(0.0),
    "design for drift 0.1": design(0.1),
    "design for drift 0.2": design(0.2),
    "design for drift 0.03, 0.1": design(0.03, 0.1),
    "design for drift 0, 0.03, 0.1": design(0.0, 0.03, 0.1),
    "design for drift 0, 0.05, 0.15": design(0.0, 0.05, 0.15),
    "design for drift 0.05, 0.2": design(0.05, 0.2),
    "design for drift 0.1, 0.3": design(0.1, 0.3),
    "design for drift 0, 0.03, 0.1, 0.3": design(0.0, 0.03, 0.1, 0.3),
    "irt_share 0.25": both(irt_share=0.25),
    "irt_share 0.75": both(irt_share=0.75),
    "shrinkage 0.6": both(shrinkage=0.6),
    "length 0.7": both(length=0.7),
    "length 1.4": both(length=1.4),
    "undrifted 0.9": estimator(undrifted=0.9),
    "temper 4": estimator(temper=4.0),
    "tail 0": estimator(tail=0.0),
    "tail 0.05": estimator(tail=0.05),
    "random items": {"selection": {"method": "random", "options": {}}},
}

PLAN = Plan(
    "tuning",
    tuple(Case(one, kind, REPEATS) for one in SETS.values() for kind in KINDS),
    ("default", *VARIANTS),
    items=(30, 100),
    variants={name: BASE.replace(**changes) for name, changes in VARIANTS.items()},
)


def log_ratio(table: Table, column: Column, method: str) -> tuple[float, float]:
    """Return the mean over sets of log(error / the default's error), and its standard error."""
    units = table.complete(column)
    errors = [[table.figure(one, name, "mae") for name in (method, "default")] for one in units]
    ratio = np.log(np.array(errors)) @ [1.0, -1.0]
    return float(ratio.mean()), float(ratio.std() / np.sqrt(max(len(ratio) - 1, 1)))


def row(table: Table, method: str) -> tuple[float, list[str]]:
    """Return the geometric mean of a variant's ratios over the columns, and its row."""
    found = [log_ratio(table, column, method) for column in table.columns]
    overall = float(np.exp(np.mean([value for value, _ in found])))
    cells = [f"{np.exp(value):.2f} ± {error:.2f}" for value, error in found]
    return overall, [method, *cells, f"{overall:.3f}"]


def report(table: Table) -> str:
    """Return the page."""
    text = (
        "Error of the default with one constant changed, over the error of the default: geometric "
        f"mean over sets, ± its standard error; {REPEATS} repeats of each split, every one without "
        "another 15 % of the source models, so that no design is judged by one draw."
    )
    columns = table.columns
    levels = [f"{100 * table.mean(one, 'default'):.2f}" for one in columns]
    head = ["", *(f"{one} ({len(table.complete(one))} sets)" for one in columns), "all"]
    rows = sorted(row(table, name) for name in VARIANTS)
    parts = [
        "# Constants of the default, judged on source models",
        str(__doc__).split("\n\n")[2].strip(),
    ]
    parts += [text, lines_of(head, [["default, points", *levels, ""], *(one for _, one in rows)])]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
