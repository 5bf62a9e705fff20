"""Measure the cells of a plan that the store lacks, the most informative ones first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from paper_repro.engine.methods import Method, get_method
from paper_repro.engine.sets import ResultSet, make_split
from paper_repro.engine.store import Cell, Result, Store
from tinyeval import Settings
from tinyeval.errors import DataError

FIRST = (30, 100)
"""Numbers of items measured before all others."""


@dataclass(frozen=True)
class Case:
    """A set under a kind of split; ``items`` instead of the plan's where given."""

    which: ResultSet
    split: str
    repeats: int = 1
    items: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that a table needs.

    Attributes:
        name: of the table's files.
        cases: in order of importance.
        methods: their names.
        items: numbers of anchors.
        calibrated: methods whose intervals are wanted.
        variants: settings of methods that are this plan's own.
    """

    name: str
    cases: tuple[Case, ...]
    methods: tuple[str, ...]
    items: tuple[int, ...] = (10, 30, 50, 100)
    calibrated: tuple[str, ...] = ()
    variants: dict[str, Settings] = field(default_factory=dict)

    def method(self, name: str) -> Method:
        """Return a method of this plan."""
        return get_method(name, self.variants)

    def cells(self) -> Iterator[tuple[Case, Cell]]:
        """Yield every cell, those of one split side by side."""
        for first in (True, False):
            for case in self.cases:
                items = [n for n in case.items or self.items if (n in FIRST) is first]
                for repeat in range(case.repeats):
                    for method in self.methods:
                        for n in items:
                            yield case, Cell(case.which.name, case.split, repeat, method, n)

    def result(self, store: Store, case: Case, cell: Cell) -> Result | None:
        """Return the result of a cell if it is there, with intervals if they are wanted."""
        found = store.get(cell, self.method(cell.method).digest(case.which))
        if found and cell.method in self.calibrated and found.trial.bounds is None:
            return None
        return found


@dataclass(frozen=True)
class Selection:
    """Cells asked for on the command line; an empty choice means all."""

    sets: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    items: tuple[int, ...] = ()

    def takes(self, cell: Cell) -> bool:
        """Say whether a cell is asked for."""
        return (
            (not self.sets or cell.set in self.sets)
            and (not self.methods or cell.method in self.methods)
            and (not self.items or cell.items in self.items)
        )


def measure(plan: Plan, store: Store, data: Path, only: Selection, jobs: int) -> None:
    """Measure what is missing, split by split, ``jobs`` splits at a time."""
    todo = [
        (case, cell)
        for case, cell in plan.cells()
        if only.takes(cell) and plan.result(store, case, cell) is None
    ]

    def split(one: tuple[Case, Cell]) -> tuple[str, str, int]:
        return one[1].set, one[1].split, one[1].repeat

    parts = [list(part) for _, part in groupby(todo, split)]
    print(f"{plan.name}: {len(todo)} cells of {len(parts)} splits to measure", flush=True)
    if jobs == 1:
        for part in parts:
            print(measure_part(plan, store, data, part), flush=True)
        return
    with ProcessPoolExecutor(jobs) as pool:
        many = len(parts)
        for line in pool.map(measure_part, [plan] * many, [store] * many, [data] * many, parts):
            print(line, flush=True)


def measure_part(plan: Plan, store: Store, data: Path, part: Sequence[tuple[Case, Cell]]) -> str:
    """Measure cells of one repeat of one split; return a line that says so."""
    start, (case, first) = time.perf_counter(), part[0]
    where = f"{first.set}, {first.split}, {first.repeat}"
    try:
        split = make_split(case.which, case.split, first.repeat, data)
    except DataError as error:
        return f"{where}: left out: {error}"
    for case, cell in part:
        if cell.items > split.source.n_items:
            continue
        method = plan.method(cell.method)
        trial = method.trial(split, cell.items, cell.method in plan.calibrated)
        store.put(cell, method.digest(case.which), split.test.models.ids, trial)
    return f"{where}: {len(part)} cells, {time.perf_counter() - start:.0f} s"
