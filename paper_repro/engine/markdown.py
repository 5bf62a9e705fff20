"""Readable tables: means over sets, the default against the best rival, and every set by itself."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from paper_repro.engine.table import YARDSTICKS, Column, Table, Unit


def lines_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def means(table: Table, columns: Sequence[Column] | None = None, name: str = "mae") -> str:
    """Return the mean of a figure over sets by method and column, in points, best in bold."""
    columns = list(columns or table.columns)
    value = {(m, c): table.mean(c, m, name) for c in columns for m in table.methods(c)}
    methods = [m for m in table.plan.methods if any((m, c) in value for c in columns)]
    best = {
        c: min((value[m, c] for m in table.methods(c) if m not in YARDSTICKS), default=np.nan)
        for c in columns
    }

    def overall(method: str) -> tuple[bool, float]:
        known = [value.get((method, c), np.nan) for c in columns]
        return method in YARDSTICKS, float(np.nanmean(known))

    def cell(method: str, column: Column) -> str:
        text = shown(value.get((method, column), np.nan), name)
        first = value.get((method, column)) == best[column] and method not in YARDSTICKS
        return f"**{text}**" if first else text

    head = ["method", *(f"{c} ({len(table.complete(c))} sets)" for c in columns)]
    rows = [[m, *(cell(m, c) for c in columns)] for m in sorted(methods, key=overall)]
    return lines_of(head, rows)


def finding(table: Table) -> str:
    """Return in a sentence where the default errs least, and which rivals do elsewhere."""
    ahead, behind = [], []
    for column in table.columns:
        if "default" in table.methods(column) and table.rivals(column):
            rival = table.rivals(column)[0]
            if table.mean(column, "default") < table.mean(column, rival):
                ahead.append(str(column))
            else:
                behind.append(f"{rival} ({column})")
    text = f"Of {len(ahead) + len(behind)} columns the default has the lowest error in {len(ahead)}"
    return text + (f"; in the others: {'; '.join(behind)}." if behind else ".")


def against_rivals(table: Table) -> str:
    """Return the default against the best single rival of each column."""
    rows = []
    for column in table.columns:
        units = table.complete(column)
        if "default" in table.methods(column) and table.rivals(column):
            rival = table.rivals(column)[0]
            ratio = table.ratio(units, "default", rival)
            better = sum(
                table.figure(unit, "default", "mae") < table.figure(unit, rival, "mae")
                for unit in units
            )
            rows.append([str(column), rival, str(ratio), f"{better} of {len(units)}"])
    head = ["split, items", "best single rival", "error, default / rival", "sets where better"]
    return lines_of(head, rows)


def by_set(table: Table, items: Sequence[int] = (30, 100)) -> str:
    """Return every set: the default, the rival best there, random items, and the floor."""
    rows = []
    for unit in [unit for unit in table.units if unit.items in items]:
        found = table.results[unit]
        rivals = [m for m in found if m not in (*YARDSTICKS, "default")]
        if not rivals:
            continue
        best = min(rivals, key=lambda m: table.figure(unit, m, "mae"))
        common = table.rivals(unit.column)
        row = [unit.set, unit.split, str(unit.items)]
        row += [_points(table, unit, m) for m in ("default", "random+mean", "random+ridge")]
        row += [f"{_points(table, unit, best)} ({best})", _points(table, unit, "floor")]
        if "default" in found and common and common[0] in found:
            row.append(f"{table.ratio([unit], 'default', common[0])} {common[0]}")
        rows.append(row + [""] * (9 - len(row)))
    head = [
        *("set", "split", "items", "default", "random, mean", "random, ridge"),
        *("best rival on this set", "floor", "error, default / rival best over sets"),
    ]
    return lines_of(head, rows)


def _points(table: Table, unit: Unit, method: str) -> str:
    if method not in table.results[unit]:
        return ""
    return shown(table.figure(unit, method, "mae"), "mae")


def standard(title: str, text: str, table: Table) -> str:
    """Return a page: what it shows, means over sets, the best rivals, every set."""
    units = "Mean absolute error of test models' full scores, percentage points, mean over sets."
    parts = [f"# {title}", text, units, means(table), finding(table)]
    parts += ["## The default against the best single rival", RIVALS, against_rivals(table)]
    parts += ["## Set by set", by_set(table)]
    return "\n\n".join(parts) + "\n"


RIVALS = (
    "The rival with the lowest mean over these sets. Below 1 the default errs less; in brackets "
    "the 90 % interval of a paired bootstrap over test models (10,000 draws)."
)


Published = Mapping[tuple[str, int, str], Mapping[str, float]]
"""Published figures by set, number of items and method; errors in percentage points."""

HEADS = {
    **{"mae": "MAE", "rmse": "RMSE", "kendall": "Kendall", "spearman": "Spearman"},
    **{"coverage": "coverage", "width": "width", "pairs": "pairs in order", "bias": "bias"},
    **{"worst": "worst error"},
}

IN_POINTS = ("mae", "rmse", "bias", "worst", "width")


def shown(value: float, name: str) -> str:
    """Return a figure as text: errors and widths in percentage points."""
    if not np.isfinite(value):
        return ""
    return f"{100 * value:.2f}" if name in IN_POINTS else f"{value:.3f}"


Former = dict[tuple[str, str, int], dict[str, float]]
"""Figures of the default of before, by set, split and number of items; in score units."""


def former(path: Path) -> Former:
    """Read the default's rows of a table that a former commit wrote; none where it is missing."""
    if not path.is_file():
        return {}
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == "default"]
    return {
        (row["set"], row["split"], int(row["items"])): {
            name: float(row[name]) for name in HEADS if row.get(name)
        }
        for row in rows
    }


def beside(table: Table, published: Published, names: Sequence[str]) -> str:
    """Return measured figures of every unit and method with the published ones beside them."""
    rows = []
    for unit in table.units:
        only = [m for s, n, m in published if (s, n) == unit[::2] and m not in table.plan.methods]
        for method in [*table.plan.methods, *only]:
            known = published.get((unit.set, unit.items, method), {})
            if method in table.results[unit] or known:
                row = [unit.set, str(unit.items), method]
                row += [shown(table.figure(unit, method, name), name) for name in names]
                rows.append(row + [f"{known[name]:g}" if name in known else "" for name in names])
    heads = [HEADS[name] for name in names]
    return lines_of(["set", "items", "method", *heads, *(f"published {h}" for h in heads)], rows)


def figures(table: Table, names: Sequence[str], items: Sequence[int] = ()) -> str:
    """Return several figures of every unit and method."""
    rows = [
        [unit.set, unit.split, str(unit.items), method]
        + [shown(table.figure(unit, method, name), name) for name in names]
        for unit in table.units
        if not items or unit.items in items
        for method in table.plan.methods
        if method in table.results[unit]
    ]
    return lines_of(["set", "split", "items", "method", *(HEADS[name] for name in names)], rows)
