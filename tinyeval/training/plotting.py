"""Plots of trajectories: the predicted score, with its interval, by step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.training.optional import load
from tinyeval.training.trajectory import Trajectory

KINDS = (".png", ".svg", ".pdf")


def plot_trajectories(
    trajectories: Trajectory | Mapping[str, Trajectory], path: str | Path, *, title: str = ""
) -> None:
    """Plot one trajectory, or several by name, to a file.

    Flagged checkpoints (out of range, or misfit) have hollow markers.

    Args:
        trajectories: one trajectory, or name -> trajectory.
        path: file to write, ending in ``.png``, ``.svg`` or ``.pdf``; an existing one is replaced.
        title: title of the plot.

    Raises:
        DataError: an unknown ending, or no trajectory.
        DependencyError: matplotlib is not installed.
    """
    path = Path(path)
    if path.suffix not in KINDS:
        raise DataError(f"{path}: expected a file ending in {', '.join(KINDS)}")
    named = {"": trajectories} if isinstance(trajectories, Trajectory) else trajectories
    if not named:
        raise DataError("there is no trajectory to draw")
    matplotlib, figures = load("matplotlib", "plot"), load("matplotlib.figure", "plot")
    # a separate figure: the caller's figures stay as they are, and the same input gives the same
    # file
    figure = figures.Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for k, (name, one) in enumerate(named.items()):
        colour = f"C{k % 10}"
        axes.fill_between(one.steps, one.lower, one.upper, color=colour, alpha=0.2, linewidth=0)
        axes.plot(one.steps, one.score, color=colour, label=_literal(name or one.bank))
        for flagged, face in ((False, colour), (True, "white")):
            chosen = one.flagged == flagged
            axes.scatter(
                one.steps[chosen], one.score[chosen], s=18, color=face, edgecolors=colour, zorder=3
            )
    levels = sorted({f"{100 * one.level:g} %" for one in named.values()})
    axes.set(xlabel="step", ylabel=f"predicted score, {', '.join(levels)} interval")
    axes.set_ylim(*_limits(named.values()))
    axes.set_title(_literal(title))
    axes.grid(alpha=0.3)
    axes.legend()
    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "tinyeval"}):
        figure.savefig(path, dpi=150, metadata=undated[path.suffix])


LEAST = 0.05
"""Smallest range of the axis of scores: less would make noise look like progress."""


def _limits(trajectories: Collection[Trajectory]) -> tuple[float, float]:
    """Return a range of scores that holds every interval, with some room, within 0 and 1."""
    low = min(float(one.lower.min()) for one in trajectories)
    high = max(float(one.upper.max()) for one in trajectories)
    room = max(0.05 * (high - low), (LEAST - (high - low)) / 2)
    return max(0.0, low - room), min(1.0, high + room)


def _literal(text: str) -> str:
    """Escape dollar signs, which would start a formula: names come from untrusted files."""
    return text.replace("$", r"\$")
