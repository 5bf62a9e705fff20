"""Verdicts in words: what a bank tells apart, and which models are ahead, tied or not decided.

The page, ``show``, ``compare`` and ``backtest`` all take their verdicts from here.  Scores and
errors are in [0, 1]; words give them in points, of which 100 are the whole score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyeval.comparison import Comparison
from tinyeval.prediction import Prediction
from tinyeval.report.facts import Telling
from tinyeval.report.names import listed, percent, short
from tinyeval.report.standing import Standing, tied_sets

Row = Mapping[str, Any]

MOST_TIED = 5
"""Sets of tied models that are named."""

SEEN = 0.0005
"""Difference from which two scores look different with one decimal of a point."""


def points(value: float) -> str:
    """Return a difference of scores in points.

    Example:
        >>> from tinyeval.report.words import points
        >>> points(0.0352), points(0.01)
        ('3.5 points', '1.0 points')
    """
    return f"{100 * value:.1f} points"


def level_text(level: float) -> str:
    """Return a level such as "90 %"."""
    return f"{100 * level:g} %"


def of_bank(told: Telling, *, anchors: int, items: int, models: int, level: float) -> list[str]:
    """Say what a bank can tell apart and what not, in a few sentences.

    Args:
        told: what it tells apart.
        anchors, items, models: numbers of anchors, of all items, and of source models.
        level: level of its intervals.
    """
    sure = level_text((1 + level) / 2)
    lead, lines = told.lead["overall"], []
    lines.append(
        f"From {anchors} of {items:,} items, this bank predicts the full score of a model like "
        f"its {models:,} source models with a mean error of {points(told.error)}; a "
        f"{level_text(level)} interval reaches about {points(told.half_width)} to either side."
    )
    lines.append(
        f"It calls one of two unlike models ahead, {sure} sure, if their predicted scores differ "
        f"by about {points(lead)} or more. Smaller leads are not decided, unless the two models "
        "answer alike."
    )
    share, span = round(100 * told.pairs), f"{told.low:.3f} to {told.high:.3f}"
    lines.append(
        f"Scores of the source models run from {span}: about {share} % of their pairs are further "
        "apart than that lead."
        if share
        else f"It tells hardly any two models like its source models apart: their scores run from "
        f"{span} only."
    )
    compared = f"Saying their mean score for every model would err by {points(told.guess)}"
    if told.random is not None:
        compared += f", the mean of {anchors} random items by about {points(told.random)}"
    if told.ridge is not None:
        compared += f", ridge regression on them by {points(told.ridge)}"
    lines.append(compared + ".")
    return lines


def of_pair(one: Comparison) -> str:
    """Say which of two models is ahead, or that they are tied or not decided.

    Example:
        >>> from tinyeval.report.words import of_pair
        >>> of_pair(bank.compare(responses, ["model-39", "model-0"])[0]).split(" by ")[0]
        'model-39 is ahead of model-0'
    """
    a, b, level = short(one.a, 60), short(one.b, 60), level_text(one.level)
    gap, low, high = one.difference, one.lower, one.upper
    chance, better, margin = one.probability, one.better, points(one.margin)
    if one.verdict == "tied":
        return (
            f"{a} and {b} are tied: their scores differ by at most {margin} "
            f"({percent(one.within)} sure)."
        )
    if one.verdict == "behind" or (one.verdict == "undecided" and gap < 0):
        a, b, gap, low, high = b, a, -gap, -high, -low
        chance, better = 1 - chance, one.worse
    if one.verdict != "undecided":
        return (
            f"{a} is ahead of {b} by {points(gap)} ({level} interval {_span(low, high)}; "
            f"{percent(chance)} sure, {percent(better)} by more than {margin})."
        )
    lead = f"{a} leads by {points(gap)}, but" if gap >= SEEN else "their scores are the same, and"
    return (
        f"Not decided between {a} and {b}: {lead} the {level} interval "
        f"is {_span(low, high)}; {percent(chance)} for {a}, {percent(one.within)} that they differ "
        f"by at most {margin}. {_to_decide(one)}"
    )


def _to_decide(one: Comparison) -> str:
    """Say what would decide a pair."""
    left = one.n_anchors - one.n_shared
    lead = (
        f"A lead of about {points(one.resolution)} would be decided"
        if one.resolution < 1
        else "From these answers no lead would be decided"
    )
    if left:
        return f"{lead}; ask both the other {left:,} anchor{'s' * (left > 1)}."
    return f"{lead}; for a smaller one, ask more than these {one.n_anchors:,} anchors."


def of_models(
    predictions: Sequence[Prediction],
    comparisons: Sequence[Comparison],
    standings: Sequence[Standing],
) -> list[str]:
    """Say who is ahead, tied or not decided.

    Args:
        predictions: of the models; at least one.
        comparisons: of every pair of those that were compared; none if only predictions are known.
        standings: of those that were compared, best first.
    """
    if len(predictions) == 1:
        one = predictions[0]
        return [
            f"{short(one.model, 60)} has a predicted full score of {one.score:.3f}, "
            f"{level_text(one.level)} interval {one.lower:.3f} to {one.upper:.3f}.",
            *_flagged(predictions),
        ]
    if not comparisons:
        best = max(predictions, key=lambda one: (one.score, one.model))
        return [
            f"{len(predictions)} models are predicted; the highest score is that of "
            f"{short(best.model, 60)}, {best.score:.3f} ({best.lower:.3f} to {best.upper:.3f}). "
            "Who is ahead is not decided here: two models are compared by their answers, and only "
            "predictions are given.",
            *_flagged(predictions),
        ]
    if len(standings) == 2:
        left = _not_compared(len(predictions) - 2)
        return [of_pair(comparisons[0]), *left, *_flagged(predictions)]
    return [
        _first_place(standings, (1 + predictions[0].level) / 2),
        _groups(standings),
        _pairs(comparisons),
        *_tied(standings, comparisons),
        *_not_compared(len(predictions) - len(standings)),
        *_flagged(predictions),
    ]


def _first_place(standings: Sequence[Standing], sure: float) -> str:
    first = [one.model for one in standings if one.best == 1]
    if len(first) == 1:
        return (
            f"{short(first[0], 60)} is ahead of all {len(standings) - 1} others, each with a "
            f"probability of {level_text(sure)} or more."
        )
    return f"First place is not decided: it may be that of {listed(first, 3)}."


def _groups(standings: Sequence[Standing]) -> str:
    n = standings[-1].group
    if n == 1:
        return "No line parts the models into groups: across any, some pair is not decided."
    sizes = [sum(one.group == k for one in standings) for k in range(1, n + 1)]
    if n == len(standings):
        return f"All {n} models are told apart: each is ahead of the next."
    told = f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]}" if n <= 8 else f"1 to {max(sizes)}"
    return (
        f"The models fall into {n} groups, of {told} models: each model of a group is ahead of "
        "every model of the groups below."
    )


def _pairs(comparisons: Sequence[Comparison]) -> str:
    found = [one.verdict for one in comparisons]
    tied, left = found.count("tied"), found.count("undecided")
    said = [_count(len(found) - tied - left, "decided"), _count(left, "not decided")]
    if tied:
        said.insert(1, _count(tied, "tied"))
    text = f"Of {len(found)} pairs, {', '.join(said[:-1])} and {said[-1]}."
    lead = float(np.median([one.resolution for one in comparisons]))
    return f"{text} Leads of about {points(lead)} are decided." if left and lead < 1 else text


def _tied(standings: Sequence[Standing], comparisons: Sequence[Comparison]) -> list[str]:
    found = tied_sets(standings, comparisons)
    if not found:
        return []
    sets = "; ".join(listed(list(one), 5) for one in found[:MOST_TIED])
    more = f"; and {len(found) - MOST_TIED} more sets" if len(found) > MOST_TIED else ""
    return [f"Tied, within {points(comparisons[0].margin)} of each other: {sets}{more}."]


def _count(n: int, what: str) -> str:
    return f"{n} {'is' if n == 1 else 'are'} {what}"


def _not_compared(n: int) -> list[str]:
    if n <= 0:
        return []
    return [f"{n:,} more {'is' if n == 1 else 'are'} predicted, but not compared."]


def _flagged(predictions: Sequence[Prediction]) -> list[str]:
    """Say which models are unlike the source models, and which answers do not fit."""
    beyond = [one.model for one in predictions if not one.in_range]
    misfit = [one.model for one in predictions if one.in_range and one.misfit]
    kinds = (
        (beyond, "unlike the source models, with a wider interval"),
        (misfit, "answering in a way that does not fit, with a wider interval"),
    )
    if len(predictions) == 1:
        return [f"This model is flagged as {what}." for found, what in kinds if found]
    return [
        f"Flagged as {what}: {listed(found, 3)} ({len(found)} of {len(predictions)} models)."
        for found, what in kinds
        if found
    ]


def of_backtest(summary: Sequence[Row], rows: Sequence[Row], level: float) -> list[str]:
    """Say which method errs least at each number of items, and whether its intervals hold.

    Args:
        summary: rows averaged over repeats.
        rows: rows of single repeats.
        level: level of the intervals.
    """
    lines = []
    for n in sorted({int(one["items"]) for one in summary}):
        here = sorted(
            (one for one in summary if int(one["items"]) == n), key=lambda one: float(one["mae"])
        )
        best = here[0]
        line = f"With {n} items, {best['method']} errs least: {points(float(best['mae']))}"
        if len(here) > 1:
            line += _against(best, here[1], n, rows)
        lines.append(f"{line}.")
    held = [one for one in summary if np.isfinite(float(one["coverage"]))]
    if held:
        shares = [100 * float(one["coverage"]) for one in held]
        low, high = f"{min(shares):.0f}", f"{max(shares):.0f}"
        told = low if low == high else f"{low} to {high}"
        lines.append(
            f"{level_text(level)} intervals hold the true score of {told} % of the models."
        )
    return lines


def _against(best: Row, second: Row, n: int, rows: Sequence[Row]) -> str:
    """Compare the two best methods, repeat by repeat."""
    errors = {
        name: {
            row["repeat"]: float(row["mae"])
            for row in rows
            if row["method"] == name and int(row["items"]) == n
        }
        for name in (best["method"], second["method"])
    }
    one, two = errors.values()
    better = sum(one[k] < two[k] for k in one if k in two)
    said = f"; {second['method']}, the next, errs by {points(float(second['mae']))}"
    if len(one) < 2:
        return f"{said} (a single split)"
    return f"{said}, and by more in {better} of {len(one)} splits"


def _span(low: float, high: float) -> str:
    return f"{100 * low:+.1f} to {100 * high:+.1f}"
