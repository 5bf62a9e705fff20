"""From the results of single cells to rows of figures, means over sets, and paired bootstraps.

A column of a table is a kind of split and a number of items; its units are the sets (and the ways
to group one) that were split so.  Where a method lacks a unit, the unit is left out for all.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paper_repro.engine.measure import Plan
from paper_repro.engine.sets import SEED
from paper_repro.engine.store import Result, Store
from tinyeval.backtesting.backtest import Row

DRAWS = 10_000
"""Draws of the bootstrap over test models."""

BLOCK = 1000
"""Draws held in memory at once."""

YARDSTICKS = ("floor", "random+normal")
"""Rows that are no methods one could use or would compare with."""

FIGURES = (
    *("models", "mae", "rmse", "bias", "worst", "kendall", "spearman", "pairs"),
    *("coverage", "width", "seconds"),
)


class Column(NamedTuple):
    """A kind of split and a number of items."""

    kind: str
    items: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.items}"


class Unit(NamedTuple):
    """A set under a split, with a number of items."""

    set: str
    split: str
    items: int

    @property
    def column(self) -> Column:
        """The column that the unit belongs to: splits by other groups or dates count together."""
        name = self.split.partition(":")[0]
        return Column(name if name in ("group", "date") else self.split, self.items)


class Ratio(NamedTuple):
    """Ratio of the mean errors of two methods, with its 90 % bootstrap interval."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        known = np.isfinite(self.lower)
        return f"{self.value:.2f}" + (f" ({self.lower:.2f} to {self.upper:.2f})" if known else "")


@dataclass(frozen=True)
class Table:
    """Results of a plan: by unit and method, one result per repeat."""

    plan: Plan
    results: dict[Unit, dict[str, list[Result]]] = field(default_factory=dict)

    @classmethod
    def read(cls, plan: Plan, store: Store) -> Table:
        """Collect what the store has."""
        table = cls(plan)
        for case, cell in plan.cells():
            found = store.get(cell, plan.method(cell.method).digest(case.which))
            if found is not None:
                unit = Unit(cell.set, cell.split, cell.items)
                table.results.setdefault(unit, {}).setdefault(cell.method, []).append(found)
        return table

    def with_kept(self, text: str) -> Table:
        """Fill in published methods that were not measured again, from the table of before.

        Args:
            text: the earlier table, as ``to_csv`` wrote it.
        """
        results = {unit: dict(found) for unit, found in self.results.items()}
        cases = {(case.which.name, case.split) for case in self.plan.cases}
        for row in csv.DictReader(io.StringIO(text)):
            unit, method = Unit(row["set"], row["split"], int(row["items"])), row["method"]
            if unit[:2] not in cases or method not in self.plan.methods:
                continue
            if method in results.get(unit, {}) or self.plan.method(method).ours:
                continue
            known: Row = {name: float(row[name]) for name in FIGURES}
            one = Result.of_figures(known)
            results.setdefault(unit, {})[method] = [one] * int(row["repeats"])
        return Table(self.plan, results)

    @property
    def units(self) -> list[Unit]:
        """Units in the order of the plan's cases, and by number of items."""
        order = [(case.which.name, case.split) for case in self.plan.cases]
        return sorted(self.results, key=lambda unit: (order.index(unit[:2]), unit.items))

    @property
    def columns(self) -> list[Column]:
        """Columns with at least one complete set, in the order of the plan."""
        every = dict.fromkeys(unit.column for unit in self.units)
        found = [column for column in every if self.complete(column)]
        kinds = list(dict.fromkeys(column.kind for column in found))
        return sorted(found, key=lambda column: (kinds.index(column.kind), column.items))

    def complete(self, column: Column) -> list[Unit]:
        """Units of a column that every method measured in it has, with all repeats."""
        units = [unit for unit in self.units if unit.column == column]
        methods = {method for unit in units for method in self.results[unit]}
        return [
            unit
            for unit in units
            if methods == self.results[unit].keys()
            and len({len(repeats) for repeats in self.results[unit].values()}) == 1
        ]

    def methods(self, column: Column) -> list[str]:
        """Methods measured in a column, in the order of the plan."""
        units = self.complete(column)
        return [one for one in self.plan.methods if units and one in self.results[units[0]]]

    def figure(self, unit: Unit, method: str, name: str) -> float:
        """Return a figure of merit, the mean over repeats; NaN where it is unknown."""
        values = [float(one.figures[name]) for one in self.results[unit].get(method, [])]
        known = [value for value in values if np.isfinite(value)]
        return float(np.mean(known)) if known else float("nan")

    def mean(self, column: Column, method: str, name: str = "mae") -> float:
        """Return the mean of a figure over the complete units of a column."""
        values = [self.figure(unit, method, name) for unit in self.complete(column)]
        return float(np.mean(values)) if values else float("nan")

    def rows(self) -> list[Row]:
        """Return one row per unit and method, in score units."""
        rows: list[Row] = []
        for unit in self.units:
            for method in self.plan.methods:
                repeats = self.results[unit].get(method)
                if repeats:
                    row: Row = {**unit._asdict(), "method": method, "repeats": len(repeats)}
                    row |= {name: self.figure(unit, method, name) for name in FIGURES}
                    rows.append(row)
        return rows

    def to_csv(self) -> str:
        """Return ``rows`` as comma-separated values."""
        out = io.StringIO()
        head = [*Unit._fields, "method", "repeats", *FIGURES]
        writer = csv.DictWriter(out, head, lineterminator="\n")
        writer.writeheader()
        for row in self.rows():
            writer.writerow({key: _short(value) for key, value in row.items()})
        return out.getvalue()

    def rivals(self, column: Column) -> list[str]:
        """Methods other than the default, best first."""
        others = [m for m in self.methods(column) if m not in (*YARDSTICKS, "default")]
        return sorted(others, key=lambda method: self.mean(column, method))

    def ratio(self, units: Sequence[Unit], one: str, other: str) -> Ratio:
        """Compare the mean absolute errors of two methods on the same test models.

        Every draw of the bootstrap draws test models of each unit anew, the same for both methods.
        Every repeat of a split weighs the same, and so does every model tested in it.  Without the
        models of a result that was kept there is a ratio and no interval.
        """
        found = [self.results[unit][method] for unit in units for method in (one, other)]
        if not all(result.models for repeats in found for result in repeats):
            mean = [sum(self.figure(unit, m, "mae") for unit in units) for m in (one, other)]
            return Ratio(mean[0] / mean[1], np.nan, np.nan)
        rng = np.random.default_rng(SEED)
        total = np.zeros((2, DRAWS))
        value = np.zeros(2)
        for unit in units:
            weight, errors = self.by_model(unit, (one, other))
            value += errors.sum(axis=1)
            for start in range(0, DRAWS, BLOCK):
                drawn = rng.multinomial(len(weight), np.full(len(weight), 1 / len(weight)), BLOCK)
                total[:, start : start + BLOCK] += errors @ drawn.T / (drawn @ weight)
        lower, upper = np.quantile(total[0] / total[1], [0.05, 0.95])
        return Ratio(float(value[0] / value[1]), float(lower), float(upper))

    def by_model(
        self, unit: Unit, methods: Iterable[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weight of each test model in the mean error, shape (models,), and its part.

        The parts have shape (methods, models); each method's sum to its mean absolute error.
        """
        found = [self.results[unit][method] for method in methods]
        ids = sorted({model for one in found[0] for model in one.models})
        place = {model: k for k, model in enumerate(ids)}
        weight, errors = np.zeros(len(ids)), np.zeros((len(found), len(ids)))
        for m, repeats in enumerate(found):
            for one in repeats:
                where, share = [place[model] for model in one.models], 1 / len(one.models)
                error = np.abs(one.trial.scores - one.trial.truth).mean(axis=0)
                errors[m, where] += share / len(repeats) * error
                weight[where] += share / len(repeats) * (m == 0)
        return weight, errors

    def note(self) -> str:
        """Return how the table was made: command, date, cost."""
        every = [
            (method, one)
            for methods in self.results.values()
            for method, repeats in methods.items()
            for one in repeats
        ]
        seconds = sum(len(one.trial.scores) * one.trial.seconds for _, one in every)
        kept = sorted({method for method, one in every if not one.models})
        before = ""
        if kept:
            before = (
                f" Kept from the table of before, because their code is the same: "
                f"{', '.join(kept)}; ratios to results that were kept have no bootstrap."
            )
        return (
            f"Command: `python -m paper_repro.{self.plan.name} --data DIR`; "
            f"{datetime.date.today()}; every cell done by itself would take {seconds / 60:.0f} "
            "minutes on one of two cores; fits and selections shared between cells are done "
            f"once.{before}\n"
        )


def _short(value: float | int | str) -> str:
    return format(value, ".6g") if isinstance(value, float) else str(value)
