"""What the default gained and lost since its tables were first measured, column by column.

    python -m paper_repro.changes

`changes_before.csv` holds the default's rows of these tables as they were on 2026-11-22 (commit
e9dcab0), with the gate and the drift of then.  The rows of today are those of the tables' own csv
files, so this script measures nothing: run it when they have been measured again.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paper_repro.engine.markdown import lines_of
from paper_repro.engine.table import Column, Unit

HERE = Path(__file__).parent

WORSE = 1.03
"""Ratio of the errors from which a column counts as worse."""

Errors = dict[str, dict[Unit, float]]
"""Mean absolute errors of the default by table and unit."""


class Change(NamedTuple):
    """A column of a table: how many sets it has, and the default's mean error then and now."""

    table: str
    column: Column
    sets: int
    before: float
    now: float

    @property
    def ratio(self) -> float:
        """Error now relative to before."""
        return self.now / self.before


def before() -> Errors:
    """Return the errors of 2026-11-22."""
    found: Errors = {}
    with (HERE / "changes_before.csv").open() as file:
        for row in csv.DictReader(file):
            found.setdefault(row["table"], {})[_unit(row)] = float(row["mae"])
    return found


def now(tables: Iterable[str]) -> Errors:
    """Return the errors in the tables as they are."""
    found: Errors = {}
    for table in tables:
        with (HERE / f"{table}.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["method"] == "default"]
        found[table] = {_unit(row): float(row["mae"]) for row in rows}
    return found


def _unit(row: dict[str, str]) -> Unit:
    return Unit(row["set"], row["split"], int(row["items"]))


def changes(then: Errors, today: Errors) -> list[Change]:
    """Compare the columns of every table, over the sets that both have."""
    found = []
    for table, errors in then.items():
        both = [unit for unit in errors if unit in today[table]]
        for column in sorted({unit.column for unit in both}):
            units = [unit for unit in both if unit.column == column]
            old = float(np.mean([errors[unit] for unit in units]))
            new = float(np.mean([today[table][unit] for unit in units]))
            found.append(Change(table, column, len(units), old, new))
    return found


def report(found: list[Change]) -> str:
    """Return the page, but for what is said by hand below it."""
    rows = [
        [
            one.table,
            str(one.column),
            str(one.sets),
            f"{100 * one.before:.2f}",
            f"{100 * one.now:.2f}",
            f"**{one.ratio:.2f}**" if one.ratio > WORSE else f"{one.ratio:.2f}",
        ]
        for one in found
    ]
    worse = sum(one.ratio > WORSE for one in found)
    better = sum(one.ratio < 1 / WORSE for one in found)
    head = ["table", "split, items", "sets", "2026-11-22", "now", "ratio"]
    return "\n\n".join(
        [
            "# The default since 2026-11-22",
            "Mean absolute error of the default in percentage points, mean over sets, by table and "
            "column: when the tables were first measured, and now. Since then the gate has a "
            "prior, drift is in units of the history's own movement, and shifted difficulty keeps "
            "a part of the differences in difficulty ([methods](../docs/methods.md)).",
            f"Of {len(found)} columns {better} are better by more than 3 %, {worse} are worse by "
            "more than 3 % (in bold).",
            lines_of(head, rows),
        ]
    )


def main() -> None:
    """Write the page; what follows its rule is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=HERE / "changes.md")
    out = parser.parse_args().out
    then = before()
    page = report(changes(then, now(then)))
    said = out.read_text().partition("\n---\n")[2] if out.exists() else ""
    out.write_text(page + "\n" + (f"\n---\n{said}" if said else ""))


if __name__ == "__main__":
    main()
