"""The command line of every script: measure what is missing, then write the table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from paper_repro.engine.data import add_data_option
from paper_repro.engine.measure import Plan, Selection, measure
from paper_repro.engine.store import Store
from paper_repro.engine.table import Table

HERE = Path(__file__).parents[1]


def main(plan: Plan, report: Callable[[Table], str], about: str) -> None:
    """Run a script.

    Args:
        plan: what it measures.
        report: makes the readable table.
        about: the script's docstring; its first line is the help text.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--sets", type=_words, default=(), help="only these, with commas")
    parser.add_argument("--methods", type=_words, default=(), help="only these, with commas")
    parser.add_argument("--items", type=_words, default=(), help="only these numbers of items")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only-report", action="store_true", help="measure nothing")
    parser.add_argument("--results", type=Path, default=HERE / ".results", help="of single cells")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="take published methods that were not measured again from the table of before",
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the tables")
    given = parser.parse_args()
    store = Store(given.results)
    if not given.only_report:
        only = Selection(given.sets, given.methods, tuple(int(n) for n in given.items))
        measure(plan, store, given.data, only, given.jobs)
    table = Table.read(plan, store)
    if given.keep:
        table = table.with_kept((HERE / f"{plan.name}.csv").read_text())
    (given.out / f"{plan.name}.csv").write_text(table.to_csv())
    (given.out / f"{plan.name}.md").write_text(report(table) + "\n" + table.note())


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
