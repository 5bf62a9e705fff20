"""Figures as text: of cells that were measured, and why others were not."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from paper_repro.timing.cells import Cell
from paper_repro.timing.runs import Runner

Figures = dict[str, Any]
Parts = dict[str, list[Cell]]

HEAD = (
    *("who", "step", "variant", "set", "models", "items", "missing", "answers", "dimensions"),
    *("anchors", "number", "hidden", "device", "threads", "seconds", "process_seconds"),
    *("cpu_seconds", "answers_per_second", "peak_mib", "own_mib", "before_mib", "device_peak_mib"),
    *("sweeps", "sweep_seconds", "held_out", "version", "note"),
)


def short(value: float | None, digits: int = 3) -> str:
    """Return a figure with so many digits; nothing for what is unknown."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def mebibytes(value: float | None) -> str:
    """Return bytes in MiB."""
    return "" if value is None else f"{value / 2**20:,.0f}"


def note(runner: Runner, cell: Cell) -> str:
    """Return why a cell has no seconds, in a few words."""
    found = runner.get(cell)
    if found is None:
        hope = runner.expected(cell)
        known = hope is not None and hope > runner.limit
        return f"about {hope:,.0f} s" if known else ""
    if "over" in found:
        return f"over {found['over']:g} s"
    return f"failed: {found['error']}" if "error" in found else ""


def brief(text: str) -> str:
    """Shorten a note: why something failed is in the csv."""
    if not text.startswith("failed"):
        return text
    return "not enough memory" if "allocate" in text else "failed"


def shown(runner: Runner, cell: Cell, name: str = "seconds") -> str:
    """Return a figure of a cell, or why there is none."""
    found = runner.get(cell) or {}
    if "seconds" not in found:
        return brief(note(runner, cell)) if name == "seconds" else ""
    value = found.get(name)
    return mebibytes(value) if name in ("peak", "before") else short(value)


def to_csv(runner: Runner, parts: Parts) -> str:
    """Return one line for every cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEAD, lineterminator="\n", restval="")
    writer.writeheader()
    for cell in dict.fromkeys(cell for part in parts.values() for cell in part):
        row = row_of(runner, cell)
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    return out.getvalue()


def row_of(runner: Runner, cell: Cell) -> Figures:
    """Return the figures of a cell by the names of the columns."""
    found, size = runner.get(cell) or {}, cell.size
    row: Figures = {"who": cell.who, "step": cell.step, "variant": cell.variant, "set": size.set}
    row |= {"models": size.models, "items": size.items, "missing": size.missing}
    row |= {"answers": size.answers, "anchors": cell.anchors, "number": cell.number}
    row |= {"hidden": int(cell.hide), "device": runner.device, "threads": runner.threads}
    row |= {"dimensions": found.get("dimensions", cell.dimensions), "note": note(runner, cell)}
    row |= {"seconds": found.get("seconds"), "process_seconds": found.get("process")}
    row |= {"cpu_seconds": found.get("cpu")}
    if found.get("seconds") and size.answers:
        row["answers_per_second"] = size.answers / found["seconds"]
    for name in ("peak", "own", "before", "device_peak"):
        row[f"{name}_mib"] = found[name] / 2**20 if name in found else None
    row |= {k: found.get(k) for k in ("sweeps", "sweep_seconds", "held_out", "version")}
    return {name: "" if value is None else value for name, value in row.items()}
