"""The section of a page that is about new models: ranks, intervals, and who is ahead of whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyeval.prediction import Prediction
from tinyeval.report.names import percent, short, warning_lines
from tinyeval.report.shown import Shown
from tinyeval.report.standing import Standing, chances
from tinyeval.report.tables import Table
from tinyeval.report.words import level_text, points

MOST_SHOWN, IN_MATRIX, MOST_BENCHMARKS = 200, 12, 12
"""Models in the table and in the matrix, and benchmarks by model, that a page shows."""


def leaders(shown: Shown, places: Sequence[Standing]) -> dict[str, Any] | None:
    """Return the table of models, best first; None if there are none."""
    found = shown.predictions
    if not found:
        return None
    place = {one.model: one for one in places}
    order = sorted(found, key=lambda one: (one.model not in place, -one.score, one.model))
    low = 0.05 * np.floor(min(one.lower for one in found) / 0.05)
    high = 0.05 * np.ceil(max(one.upper for one in found) / 0.05)
    groups: list[list[dict[str, Any]]] = []
    last: int | None = None
    for one in order[:MOST_SHOWN]:
        own = place.get(one.model)
        group = own.group if own else -1
        if group != last or not groups:
            groups.append([])
        groups[-1].append(_row(one, own, low, max(high - low, 0.05)))
        last = group
    n = len(found)
    return {
        "ranked": bool(places),
        "groups": groups,
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
        "words": _words(places, n),
        "more": f"{n - MOST_SHOWN:,} models are left out." if n > MOST_SHOWN else "",
    }


def _words(places: Sequence[Standing], n: int) -> str:
    if n == 1:
        return "The dot is the predicted full score; the line is its interval."
    words = "Best predicted score first. The dot is the score; the line is its interval. "
    if not places:
        return words + (
            "There are no ranks: these are predictions, and models are compared by their answers."
        )
    words += (
        "Ranks are those that a model may truly have, each pair judged by itself. A double line "
        "parts groups: each model above it is ahead of each below."
    )
    if n > len(places):
        words += f" {len(places)} of {n:,} models are compared; the others come last."
    return words


def _row(one: Prediction, place: Standing | None, low: float, span: float) -> dict[str, Any]:
    ranks = ""
    if place:
        same = place.best == place.worst
        ranks = f"{place.best}" if same else f"{place.best} to {place.worst}"
    beyond = [] if one.in_range else ["beyond range"]
    return {
        "ranks": ranks,
        "name": short(one.model),
        "score": f"{one.score:.3f}",
        "interval": f"{one.lower:.3f} to {one.upper:.3f}",
        "answered": str(one.n_answered),
        "flags": ", ".join(beyond + ["misfit"] * one.misfit),
        **{
            key: f"{100 * (value - low) / span:.1f}"
            for key, value in (("x", one.score), ("x1", one.lower), ("x2", one.upper))
        },
    }


def matrix(shown: Shown, places: Sequence[Standing]) -> dict[str, Any] | None:
    """Return P(i ahead of j) of the best models; None for fewer than three."""
    if len(places) < 3:
        return None
    names = [one.model for one in places[:IN_MATRIX]]
    p = chances(names, shown.comparisons)
    sure = (1 + shown.comparisons[0].level) / 2
    rows = [
        [
            {
                "text": "" if np.isnan(one) else f"{min(max(100 * one, 1), 99):.0f}",
                "kind": "ahead" if one >= sure else "behind" if one <= 1 - sure else "",
            }
            for one in row
        ]
        for row in p
    ]
    left = len(places) - len(names)
    more = f"The best {len(names)} of {len(places)} models are shown." if left else ""
    return {"names": [short(one, 40) for one in names], "rows": rows, "more": more}


def pair_rows(shown: Shown, places: Sequence[Standing]) -> Table | None:
    """Return the differences between the best models; None if none are compared."""
    if not places:
        return None
    best = {one.model: k for k, one in enumerate(places[:IN_MATRIX])}
    found = []
    for one in shown.comparisons:
        if one.a not in best or one.b not in best:
            continue
        a, b, sign, chance, better = one.a, one.b, 1, one.probability, one.better
        if best[a] > best[b]:
            a, b, sign, chance, better = b, a, -1, 1 - chance, one.worse
        ends = sorted((100 * sign * one.lower, 100 * sign * one.upper))
        cells = [
            short(a, 60),
            short(b, 60),
            f"{100 * sign * one.difference:+.1f}",
            f"{ends[0]:+.1f} to {ends[1]:+.1f}",
            percent(chance),
            percent(better),
            percent(one.within),
            str(one.n_shared),
        ]
        found.append(((best[a], best[b]), cells))
    level, margin = level_text(shown.comparisons[0].level), points(shown.comparisons[0].margin)
    header = ["A", "B", "A - B, points", f"{level} interval", "A is ahead"]
    header += ["better", "within", "anchors"]
    kinds = ["name", "name", "n", "nowrap", "n", "n", "n", "n"]
    caption = "Differences, pair by pair"
    said = f"Better: A by more than {margin}; within: the two differ by at most {margin}."
    return Table(caption, header, [cells for _, cells in sorted(found)], kinds, said)


def by_model(predictions: Sequence[Prediction]) -> Table | None:
    """Return the scores of models by benchmark; None if there is only one benchmark."""
    if not predictions or not predictions[0].benchmarks:
        return None
    names = list(predictions[0].benchmarks)
    order = sorted(predictions, key=lambda one: (-one.score, one.model))[:MOST_SHOWN]
    rows = [
        [
            short(one.model),
            *(
                f"{b.score:.3f} ({b.lower:.2f} to {b.upper:.2f})"
                for b in list(one.benchmarks.values())[:MOST_BENCHMARKS]
            ),
        ]
        for one in order
    ]
    shown = [short(one, 40) for one in names[:MOST_BENCHMARKS]]
    left = len(names) - len(shown)
    more = (
        f"{left} more benchmarks are left out; the JSON that `tinyeval predict` prints has them."
        if left
        else ""
    )
    header, kinds = ["model", *shown], ["name", *["nowrap"] * len(shown)]
    return Table("New models by benchmark", header, rows, kinds, more)


def warnings_of(predictions: Sequence[Prediction]) -> list[tuple[str, str]]:
    """Return every kind of warning once, with the models that it concerns."""
    lines = warning_lines((short(one.model, 60), one.warnings) for one in predictions)
    return [(name, text) for name, _, text in (line.partition(": ") for line in lines)]
