"""Figures of a bank: its error, its sight, its anchors, and its held-out models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.item_bank import ItemBank
from tinyeval.report.drawing import Figure, canvas, draw_line, points_of, styled
from tinyeval.report.facts import Curve, Sight
from tinyeval.report.held_out import FLOOR, OWN, RANDOM, RIDGE, HeldOut
from tinyeval.report.svg import COLOURS, INK, MUTED, PAPER

THEORY = " (theory)"
"""Marks a baseline that is computed, not measured."""

STYLES = {RANDOM: (1, "--"), RIDGE: (3, "-."), FLOOR: (2, ":")}

MOST_DRAWN = 400
"""Items beside the anchors, and models, that a figure shows."""


@styled
def error_curve(line: Curve, held_out: HeldOut | None = None) -> Figure:
    """Draw the expected error by number of items, beside baselines and the floor."""
    figure, axes = canvas("items answered", "mean absolute error (points)")
    sizes = np.array(line.sizes)
    draw_line(axes, sizes, line.error, 0, "this bank", width=2.4, marker="o")
    for name, found in beside(line, held_out).items():
        colour, dashes = STYLES[name.removesuffix(THEORY)]
        draw_line(axes, list(found), list(found.values()), colour, name, dashes)
    axes.axhline(100 * line.guess, color=MUTED, linewidth=1.2, linestyle=(0, (6, 3)))
    said = "always the source models' mean"
    axes.text(sizes[-1], 100 * line.guess, said, color=MUTED, fontsize=9, ha="right", va="bottom")
    axes.set_ylim(bottom=0)
    if len(sizes) > 1 and sizes[-1] / sizes[0] > 8:
        _log_sizes(axes, sizes)
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.93))
    last, n = points_of(line.error[-1]), line.sizes[-1]
    return Figure(
        figure,
        "Expected error against number of items",
        f"The error of this bank falls to {last} points with {n} items. The numbers are in the "
        "table below the figure.",
    )


def beside(line: Curve, held_out: HeldOut | None) -> dict[str, Mapping[int, float]]:
    """Return the baselines and the floor by name: errors by number of items."""
    if held_out is not None:
        return {name: one for name, one in held_out.errors.items() if one and name != OWN}
    random = RANDOM + ("" if line.measured else THEORY)
    known = {random: line.random, RIDGE: line.ridge, FLOOR: line.floor}
    return {
        name: dict(zip(line.sizes, errors.tolist(), strict=True))
        for name, errors in known.items()
        if errors.size
    }


@styled
def sensitivity(seen: Sight, rug: NDArray | None = None) -> Figure:
    """Draw what the bank sees at every ability: its interval, and the lead that it decides.

    Args:
        seen: what it sees.
        rug: abilities of source models; by default tenths of those that were held out.
    """
    figure, axes = canvas("ability (standard deviations of the source models)", "points of score")
    draw_line(axes, seen.z, seen.lead[:, 0], 0, "smallest lead that is decided", width=2.4)
    draw_line(axes, seen.z, seen.half_width, 1, "half-width of an interval", "--")
    where = seen.tenths_z if rug is None else np.clip(rug, seen.z[0], seen.z[-1])
    top = 100 * max(seen.lead[:, 0].max(), seen.half_width.max())
    axes.set(xlim=(seen.z[0], seen.z[-1]), ylim=(-0.05 * top, 1.25 * top))
    axes.vlines(where, -0.045 * top, 0, color=INK, linewidth=0.8, alpha=0.6 if rug is None else 0.4)
    ticks = np.linspace(seen.z[0], seen.z[-1], 7)
    other = axes.secondary_xaxis("top")
    other.set_xticks(ticks, [f"{100 * one:.0f}" for one in np.interp(ticks, seen.z, seen.score)])
    other.set_xlabel("full score at that ability (points)")
    other.spines["top"].set_visible(False)
    axes.legend(loc="upper center", ncols=2)
    what = "ten equal parts of the held-out source models" if rug is None else "source models"
    return Figure(
        figure,
        "Sensitivity in score points against ability",
        f"Two curves over ability; ticks at the foot mark {what}. Lower is better.",
    )


@styled
def anchors_plane(bank: ItemBank) -> Figure:
    """Draw the anchors, and some of the other items, by difficulty and discrimination."""
    figure, axes = canvas("difficulty (ability at which half are right)", "discrimination")
    irt = bank.irt
    strength = np.linalg.norm(irt.discrimination, axis=1)
    difficulty = irt.difficulty
    chosen = bank.items.index(bank.anchors.items)
    others = some(np.setdiff1d(np.arange(len(bank.items)), chosen))
    low, high = np.quantile(difficulty, [0.02, 0.98]) if len(difficulty) > 50 else (-4.0, 4.0)
    low = min(low, difficulty[chosen].min()) - 0.3
    high = max(high, difficulty[chosen].max()) + 0.3
    low, high = max(low, -12.0), min(high, 12.0)
    axes.plot(
        np.clip(difficulty[others], low, high),
        strength[others],
        "o",
        color=MUTED,
        alpha=0.35,
        markersize=2.6,
        markeredgewidth=0,
        label="other items",
    )
    axes.plot(
        np.clip(difficulty[chosen], low, high),
        strength[chosen],
        "D",
        color=COLOURS[0],
        markersize=5,
        markeredgecolor=PAPER,
        markeredgewidth=0.6,
        label="anchors",
    )
    axes.set_xlim(low, high)
    axes.set_ylim(bottom=0, top=1.18 * max(strength[chosen].max(), strength[others].max(initial=0)))
    axes.legend(loc="upper right", ncols=2)
    return Figure(
        figure,
        "Anchors by difficulty and discrimination",
        f"{len(chosen)} anchors among {len(others):,} of the other items. Items to the right are "
        "harder; items further up tell able from less able models more sharply.",
    )


@styled
def true_against_predicted(found: HeldOut) -> Figure:
    """Draw true against predicted scores of held-out models, with intervals."""
    figure, axes = canvas("predicted full score (points)", "true full score (points)")
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1)
    drawn, inside = some(np.argsort(found.truth, kind="stable")), found.inside
    for those, colour, marker, label in (
        (drawn[inside[drawn]], COLOURS[0], "o", "true score in the interval"),
        (drawn[~inside[drawn]], COLOURS[1], "X", "outside it"),
    ):
        if len(those):
            score, low, high = (one[those] for one in (found.score, found.lower, found.upper))
            axes.errorbar(
                100 * score,
                100 * found.truth[those],
                xerr=100 * np.array([score - low, high - score]),
                fmt=marker,
                color=colour,
                markersize=4,
                elinewidth=0.7,
                alpha=0.85,
                label=label,
            )
    both = np.concatenate([found.truth, found.lower, found.upper])
    low, high = 100 * max(both.min() - 0.03, 0), 100 * min(both.max() + 0.03, 1)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.legend(loc="upper left")
    return Figure(
        figure,
        "Predicted against true scores of held-out models",
        f"{int(inside.sum())} of {len(inside)} intervals hold the true score. The closer to the "
        "diagonal, the better.",
    )


@styled
def coverage_by_score(groups: Sequence[tuple[str, int, float, float]], level: float) -> Figure:
    """Draw the share of intervals that hold the true score, by predicted score.

    Args:
        groups: range of scores in words, number of models, coverage and mean error of each.
        level: level of the intervals.
    """
    figure, axes = canvas("predicted full score (points)", "intervals that hold (%)", (4.8, 2.6))
    n = np.array([one[1] for one in groups])
    held = np.array([one[2] for one in groups])
    slack = 2 * np.sqrt(level * (1 - level) / n)
    where = np.arange(len(groups))
    axes.axhline(100 * level, color=MUTED, linewidth=1)
    axes.vlines(
        where,
        100 * np.maximum(level - slack, 0),
        100 * np.minimum(level + slack, 1),
        color=MUTED,
        linewidth=7,
        alpha=0.3,
        label="what chance allows",
    )
    axes.plot(where, 100 * held, "o", color=COLOURS[0], markersize=7, label="measured")
    axes.set_xticks(where, [one[0] for one in groups])
    axes.set(ylim=(min(60.0, 100 * held.min() - 5), 112), xlim=(-0.5, len(groups) - 0.5))
    axes.set_yticks([one for one in (0, 20, 40, 60, 80, 100) if one >= axes.get_ylim()[0]])
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper center", ncols=2)
    return Figure(
        figure,
        "Share of intervals that hold the true score, by predicted score",
        f"The level is {100 * level:g} %. The table below the figure holds the numbers.",
    )


@styled
def kept_curve(shares: NDArray, errors: NDArray) -> Figure:
    """Draw the mean error of the predictions kept, those with the narrowest intervals first.

    Args:
        shares: shares kept, in (0, 1].
        errors: mean absolute error of these, in [0, 1].
    """
    figure, axes = canvas(
        "predictions kept, narrowest intervals first (%)",
        "mean absolute error (points)",
        (4.8, 2.6),
    )
    draw_line(axes, 100 * shares, errors, 0, "", width=2.4)
    axes.axhline(100 * errors[-1], color=MUTED, linewidth=1, linestyle="--")
    axes.set(xlim=(0, 101), ylim=(0, 1.25 * 100 * max(errors)))
    return Figure(
        figure,
        "Error against the share of predictions kept",
        f"All predictions together err by {points_of(errors[-1])} points. A curve that falls to "
        "the left says that narrow intervals are surer.",
    )


def some(positions: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return at most MOST_DRAWN positions, evenly spaced, so that a page stays small."""
    step = max(len(positions) / MOST_DRAWN, 1.0)
    return positions[np.arange(0, len(positions), step).astype(int)]


def _log_sizes(axes: Any, sizes: NDArray) -> None:
    axes.set_xscale("log")
    ticks = [
        one for one in sizes if one in (5, 10, 20, 50, 100, 200, 500, 1000) or one == sizes[-1]
    ]
    axes.set_xticks(ticks, [str(one) for one in ticks])
    axes.minorticks_off()
