"""The sections of a page that are about the bank: its error, its sight, and its items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.item_bank import ItemBank
from tinyeval.importers import Description
from tinyeval.report import figures, model_figures
from tinyeval.report.drawing import points_of
from tinyeval.report.facts import Curve, Sight, Telling
from tinyeval.report.held_out import OWN, HeldOut
from tinyeval.report.names import short
from tinyeval.report.tables import Drawn, Table, drawn, numbers
from tinyeval.report.words import level_text, points
from tinyeval.training.trajectory import Trajectory

MOST_ROWS = 300
"""Rows of a table; what is left out is said."""


def error_words(line: Curve, held_out: HeldOut | None) -> str:
    """Say what the figure of errors shows."""
    measured = (
        "The mean absolute error of the full score, measured when the bank was built: source "
        "models were held out in turn, and predicted from their first answers."
    )
    if held_out is None:
        floor = "the floor is what the scatter of the unasked items' answers alone would leave."
        if line.measured:
            return f"{measured} The baselines predicted the same models; {floor}"
        return (
            f"{measured} The other lines are computed from the bank: {floor} Ridge on random "
            "items, and how often intervals hold, can be measured if the report is given the "
            "history."
        )
    return (
        f"{measured} The baselines and the floor are measured on the models that are held out of "
        "the history below."
    )


def error_figure(line: Curve, held_out: HeldOut | None) -> Drawn:
    """Return the figure of error by number of items."""
    known: dict[str, Mapping[int, float]] = {
        "this bank": dict(zip(line.sizes, line.error, strict=True))
    }
    known |= figures.beside(line, held_out)
    if held_out is not None:
        known[OWN] = held_out.errors[OWN]
    header, columns = ["items", *known], list(known.values())
    sizes = sorted({n for one in columns for n in one})
    rows = [[str(n), *(points_of(one[n]) if n in one else "" for one in columns)] for n in sizes]
    figure = figures.error_curve(line, held_out)
    caption = (
        f"Always saying the source models' mean score would err by {points(line.guess)}. "
        "Lower is better."
    )
    return drawn(figure, "f-error", caption, numbers("Error in points", header, rows))


def sight_figure(seen: Sight, rug: NDArray | None) -> Drawn:
    """Return the figure of sensitivity by ability."""
    every = np.arange(0, len(seen.z), 2)
    rows = [
        [
            f"{seen.z[k]:+.1f}",
            points_of(seen.score[k]),
            points_of(seen.lead[k, 0]),
            points_of(seen.half_width[k]),
        ]
        for k in every
    ]
    header = ["ability", "full score", "decided lead", "half-width"]
    marks = (
        "Ticks at the foot cut the held-out source models into ten equal parts."
        if rug is None
        else f"Ticks at the foot are source models, {len(rug):,} of them."
    )
    return drawn(
        figures.sensitivity(seen, rug),
        "f-sight",
        "How far two models must be apart to be told apart, and how wide an interval is, for "
        "models of each ability. Simulated: the bank reads right and wrong answers that its "
        f"item-response model draws. {marks}",
        numbers("Sensitivity by ability, in points", header, rows),
    )


def anchors_figure(bank: ItemBank) -> Drawn:
    """Return the figure of the anchors by difficulty and discrimination."""
    irt = bank.irt.take(bank.items.index(bank.anchors.items))
    strength, difficulty = np.linalg.norm(irt.discrimination, axis=1), irt.difficulty
    rows = [
        [short(item, 60), f"{b:+.2f}", f"{a:.2f}"]
        for item, a, b in zip(irt.items, strength, difficulty, strict=True)
    ]
    others = len(bank.items) - len(irt.items)
    shown = f"{min(others, figures.MOST_DRAWN):,} of {others:,} other items are drawn."
    told = (
        ""
        if irt.dimensions == 1
        else f" Ability has {irt.dimensions} dimensions: difficulty and discrimination are those "
        "along each item's own direction."
    )
    table = Table(
        "Difficulty and discrimination of the anchors",
        ["anchor", "difficulty", "discrimination"],
        rows[:MOST_ROWS],
        ["name", "n", "n"],
        left_out(len(rows)),
    )
    caption = (
        f"Right: harder items. Up: items that separate more sharply. {shown} Points at the very "
        f"edge lie beyond it.{told}"
    )
    return drawn(figures.anchors_plane(bank), "f-anchors", caption, table)


def benchmark_table(bank: ItemBank, told: Telling) -> Table | None:
    """Return the table by benchmark; None if there is only one."""
    errors = bank.benchmark_errors
    if not errors:
        return None
    benchmark = bank.items.column("benchmark", "")
    chosen = benchmark[bank.items.index(bank.anchors.items)]
    rows = []
    for name, error in errors.items():
        last = list(error.values())[-1:]
        rows.append(
            [
                short(name),
                f"{int((benchmark == name).sum()):,}",
                str(int((chosen == name).sum())),
                *(points_of(one) for one in last or [float("nan")]),
                points_of(told.lead[name]),
            ]
        )
    header = ["benchmark", "items", "anchors", "error (points)", "decided lead (points)"]
    return Table("Benchmarks", header, rows, ["name", "n", "n", "n", "n"])


def runs_section(runs: Mapping[str, Trajectory]) -> dict[str, Any] | None:
    """Return the words and the figure of training runs."""
    if not runs:
        return None
    words, rows = [], []
    for name, one in runs.items():
        shown, last = short(name, 60), len(one) - 1
        ends = f"{one.score[0]:.3f} at step {one.steps[0]:,}"
        if last:
            ends += f" to {one.score[last]:.3f} at step {one.steps[last]:,}"
            apart = one.lower[last] > one.upper[0] or one.upper[last] < one.lower[0]
            ends += (
                "; the two intervals do not meet"
                if apart
                else "; the two intervals overlap, so the change is not decided by them"
            )
        best = int(np.argmax(one.score))
        words.append(
            f"{shown}: from {ends}. Highest: {one.score[best]:.3f} at step {one.steps[best]:,}."
            if last
            else f"{shown}: {ends}."
        )
        for k, step in enumerate(one.steps):
            flag = "flagged" if one.flagged[k] else ""
            interval = f"{one.lower[k]:.3f} to {one.upper[k]:.3f}"
            rows.append([shown, f"{step:,}", f"{one.score[k]:.3f}", interval, flag])
    header, kinds = ["run", "step", "score", "interval", ""], ["name", "n", "n", "nowrap", ""]
    table = Table("Training runs", header, rows[:MOST_ROWS], kinds, left_out(len(rows)))
    figure = model_figures.trajectories(dict(list(runs.items())[:12]))
    left = f" The first 12 of {len(runs)} runs are drawn." if len(runs) > 12 else ""
    level = level_text(next(iter(runs.values())).level)
    caption = f"Bands are {level} intervals. Hollow points are flagged.{left}"
    return {
        "words": words[:3],
        "more": words[3:],
        "figure": drawn(figure, "f-runs", caption, table),
    }


def audit_section(described: Description | None) -> dict[str, Any] | None:
    """Return what the audit of the history found."""
    if described is None:
        return None
    lines = [short(one, 400) for one in described.lines()]
    against = described.audit.against
    rows = [[short(one.item, 80), f"{one.correlation:+.2f}", f"{one.error:.2f}"] for one in against]
    table = Table(
        "Items that speak against the rest",
        ["item", "correlation with the rest", "standard error"],
        rows[:MOST_ROWS],
        ["name", "n", "n"],
        left_out(len(rows)),
    )
    return {"lines": lines, "against": table if rows else None}


def anchor_table(bank: ItemBank, most: int = MOST_ROWS) -> Table:
    """Return the anchors, best first."""
    items = bank.items.take(bank.items.index(bank.anchors.items))
    several = len(bank.predictor.targets) > 1
    asked = ("benchmark", "subject") if most == MOST_ROWS else ("benchmark",) * several
    known = [name for name in asked if name in items.columns]
    names = [items.column(name) for name in known]
    rows = [
        [str(k + 1), short(item, 80), *(short(one[k], 40) for one in names), f"{mean:.3f}"]
        for k, (item, mean) in enumerate(zip(items.ids, items.column("mean_score"), strict=True))
    ]
    header = ["", "item", *known, "mean score"]
    kinds = ["n", "name", *[""] * len(known), "n"]
    more = left_out(len(rows)) if most == MOST_ROWS else ""
    return Table("Anchors", header, rows[:most], kinds, more)


def about(bank: ItemBank) -> list[tuple[str, str]]:
    """Return the facts of a bank, by name."""
    settings, source = bank.settings, bank.source
    low, high = bank.predictor.calibration.score_range[:, 0]
    cost = "" if bank.cost is None else f", at a cost of {bank.cost:,.6g} in all"
    facts = {
        "items": f"{len(bank.anchors):,} anchors of {len(bank.items):,} items{cost}",
        "source": f"{source['models']:,} models, scores from {low:.3f} to {high:.3f}; origin: "
        f"{source['origin'] or 'not stated'}",
        "method": f"{settings['selection']['method']} + {settings['estimator']['method']}, "
        f"{bank.irt.dimensions} IRT dimensions, seed {settings['seed']}",
        "intervals": level_text(bank.level),
        "note": _start_of(str(source.get("note", "")), 400),
        "created": bank.created,
        "digest": bank.digest,
    }
    return [(key, short(value, 600)) for key, value in facts.items() if value]


def _start_of(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most].rpartition(' ')[0]} …"


def left_out(n: int) -> str:
    """Say how many rows are left out of a table that has ``n``."""
    return f"{n - MOST_ROWS:,} more rows are left out." if n > MOST_ROWS else ""
