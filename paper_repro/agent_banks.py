"""Agents on software tasks: what a bank of a few tasks is worth, before it ships.

    python -m paper_repro.agent_banks --data DIR [--jobs 2]

SWE-bench Verified, Terminal-Bench 2.0 and SWE-bench Pro (DATA.md).  `random`: source = 75 %, test =
the rest; `top`: source = weakest 60 %, test = strongest 15 %; `date`: source = oldest 75 %, test =
the rest.  Intervals are calibrated on agents of whole months held out, for agents that come
later.  The cards of the banks that ship quote these tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from item_banks.months import with_months
from paper_repro.engine.markdown import lines_of, shown
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.methods import BASE
from paper_repro.engine.script import main
from paper_repro.engine.sets import ResultSet
from paper_repro.engine.table import Table, Unit
from tinyeval import ResponseMatrix


class Agents(ResultSet):
    """Agents with the month of their dates."""

    def read(self, data: Path) -> ResponseMatrix:
        """Read the set, and add the column `month`."""
        return with_months(super().read(data), "release_date")


SETS = {
    one.name: one
    for one in (
        Agents("swebench_verified", "SWE-bench Verified, 134 agents x 500 tasks"),
        Agents("agent_terminal_bench_112", "Terminal-Bench 2.0, 112 agents x 89 tasks"),
        Agents("agent_swebench_pro_14", "SWE-bench Pro, 14 agents x 730 tasks"),
    )
}

SPLITS = (("random", 5), ("top", 1), ("date:release_date", 1))
MANY = 20
"""Random splits of the set of 14 agents: each tests four of them only."""

OURS = "by month"

PLAN = Plan(
    "agent_banks",
    (
        *(
            Case(SETS[name], split, repeats)
            for name in ("swebench_verified", "agent_terminal_bench_112")
            for split, repeats in SPLITS
        ),
        Case(SETS["agent_swebench_pro_14"], "random", MANY),
    ),
    (OURS, "random+mean", "random+ridge", "floor"),
    items=(10, 20, 30, 50),
    calibrated=(OURS,),
    variants={OURS: BASE.replace(interval={"groups": "month"})},
)

HEAD = (
    *("split", "items", "tinyeval", "random items, mean", "random items, ridge", "floor"),
    *("worst", "90 % interval covers", "width"),
)


def rows_of(table: Table, name: str) -> list[list[str]]:
    """Return the rows of one set."""
    return [_row(table, unit) for unit in sorted(_units(table, name), key=_order)]


def _units(table: Table, name: str) -> Sequence[Unit]:
    return [unit for unit in table.units if unit.set == name]


def _order(unit: Unit) -> tuple[int, int]:
    return [split for split, _ in SPLITS].index(unit.split), unit.items


def _row(table: Table, unit: Unit) -> list[str]:
    errors = [shown(table.figure(unit, method, "mae"), "mae") for method in PLAN.methods]
    own = [table.figure(unit, OURS, name) for name in ("worst", "coverage", "width")]
    return [
        unit.split.partition(":")[0],
        str(unit.items),
        *errors,
        f"{100 * own[0]:.1f}",
        f"{own[1]:.2f}",
        f"{100 * own[2]:.1f}",
    ]


def report(table: Table) -> str:
    """Return the page: a table for each set."""
    parts = ["# Agents on software tasks", TEXT]
    for name, which in SETS.items():
        if _units(table, name):
            parts += [f"## {which.title}", lines_of(HEAD, rows_of(table, name))]
    parts += ["## Why no bank of SWE-bench Pro ships", PRO]
    return "\n\n".join(parts) + "\n"


TEXT = (
    "Mean absolute error, worst error and width in percentage points, agents not seen by the bank "
    "only; all is learned from the others. `random`: five splits (SWE-bench Pro: twenty) into 75 % "
    "to learn from and 25 % to test; `top`: learn from the weakest 60 %, test on the strongest "
    "15 %; `date`: learn from the oldest 75 %, test on the newest 25 %. Random items are averaged "
    "over ten draws. SWE-bench Pro has too few agents for the splits `top` and `date`."
)

PRO = (
    "Two public collections hold results by task: 14 agents on 730 tasks, and 9 agents on 729 "
    "(`swebench_pro_9`). They cannot be joined. Seven of the 9 have exactly the answers of one of "
    "the 14 wherever both have one, the other two agree in 96 and 97 %: they are the same runs. "
    "And they do not agree on what a run was. Tasks that the 9 leave out as not run, up to 167 of "
    "an agent, count as failed in the 14: Claude 4 Sonnet has 0.427 among the 9, 0.329 among the "
    "14. The answers that the 9 give to Claude Sonnet 4 are those of Claude Opus 4.1 in the 14. "
    "The error above is small beside random tasks, but it is the distance to scores that may be "
    "wrong, and with 14 "
    "agents the intervals are 22 points wide at 30 tasks."
)


if __name__ == "__main__":
    main(PLAN, report, __doc__)
