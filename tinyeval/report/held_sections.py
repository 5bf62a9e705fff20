"""The section of a page that is about held-out models: what came true of their predictions."""

from __future__ import annotations

import numpy as np

from tinyeval.report import figures
from tinyeval.report.held_out import HeldOut
from tinyeval.report.names import short
from tinyeval.report.sections import MOST_ROWS, left_out
from tinyeval.report.tables import Drawn, Table, drawn, numbers
from tinyeval.report.words import level_text, points


def held_words(found: HeldOut) -> str:
    """Say how held-out models were predicted."""
    return (
        f"{len(found.models):,} models were held out of the history in turn, and predicted by "
        "banks that were built and calibrated in the same way without them. Their mean error is "
        f"{points(float(found.error.mean()))}; {100 * found.covered:.0f} % of their "
        f"{level_text(found.level)} intervals hold the true score."
    )


def held_figures(found: HeldOut) -> list[Drawn]:
    """Return the figures of held-out models."""
    figures_ = [_true_figure(found), _kept_figure(found)]
    groups = coverage_groups(found)
    if len(groups) > 1:
        figures_.insert(1, _coverage_figure(found, groups))
    return figures_


def _true_figure(found: HeldOut) -> Drawn:
    order = sorted(range(len(found.models)), key=lambda k: (-found.truth[k], found.models[k]))
    rows = [
        [
            short(found.models[k], 60),
            f"{found.truth[k]:.3f}",
            f"{found.score[k]:.3f}",
            f"{found.lower[k]:.3f} to {found.upper[k]:.3f}",
            "" if found.inside[k] else "outside",
        ]
        for k in order[:MOST_ROWS]
    ]
    header = ["model", "true", "predicted", "interval", ""]
    kinds = ["name", "n", "n", "nowrap", ""]
    table = Table("Held-out models", header, rows, kinds, left_out(len(order)))
    n, most = len(order), figures.MOST_DRAWN
    caption = "Each model with its interval. On the diagonal, the prediction equals the truth."
    if n > most:
        caption += f" Of {n:,} models, {most} are drawn, evenly spaced by true score."
    return drawn(figures.true_against_predicted(found), "f-true", caption, table)


def coverage_groups(found: HeldOut) -> list[tuple[str, int, float, float]]:
    """Return range of predicted scores, number of models, coverage and error, by fifths."""
    n = min(5, len(found.models) // 6)
    if n < 2:
        return []
    order = np.lexsort((np.array(found.models), found.score))
    groups = []
    for part in np.array_split(order, n):
        low, high = 100 * found.score[part].min(), 100 * found.score[part].max()
        error = float(found.error[part].mean())
        words = f"{low:.0f} to {high:.0f}"
        groups.append((words, len(part), float(found.inside[part].mean()), error))
    return groups


def _coverage_figure(found: HeldOut, groups: list[tuple[str, int, float, float]]) -> Drawn:
    rows = [
        [words, str(n), f"{100 * held:.0f} %", points(error)] for words, n, held, error in groups
    ]
    header = ["score", "models", "intervals that hold", "mean error"]
    table = numbers("Coverage by predicted score", header, rows)
    caption = (
        f"The line is the level, {level_text(found.level)}; a point outside its band is more than "
        "chance."
    )
    figure = figures.coverage_by_score(groups, found.level)
    return drawn(figure, "f-coverage", caption, table)


def _kept_figure(found: HeldOut) -> Drawn:
    width = found.upper - found.lower
    order = np.lexsort((np.array(found.models), width))
    shares = np.linspace(0.1, 1, 10)
    counts = np.maximum(np.ceil(shares * len(order) - 1e-9).astype(int), 1)
    errors = np.array([found.error[order[:k]].mean() for k in counts])
    rows = [
        [f"{100 * share:.0f} %", str(k), f"{100 * width[order[k - 1]] / 2:.1f}", points(error)]
        for share, k, error in zip(shares, counts, errors, strict=True)
    ]
    header = ["kept", "models", "half-width up to", "mean error"]
    table = numbers("Error of the predictions kept", header, rows)
    caption = (
        "Keep only the predictions with the narrowest intervals: does their error fall? Then the "
        "widths say whom to trust, and who should answer more items."
    )
    return drawn(figures.kept_curve(shares, errors), "f-kept", caption, table)
