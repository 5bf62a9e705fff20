"""Figures of predictions: of new models, and of the checkpoints of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyeval.prediction import Prediction
from tinyeval.report.drawing import Figure, canvas, styled
from tinyeval.report.names import short
from tinyeval.report.svg import COLOURS, PAPER
from tinyeval.training.trajectory import Trajectory


@styled
def trajectories(runs: Mapping[str, Trajectory]) -> Figure:
    """Draw the predicted score of training runs by step, with intervals."""
    figure, axes = canvas("training step", "predicted full score (points)")
    low, high = 1.0, 0.0
    dashes = ("-", "--", "-.", ":")
    for k, (name, one) in enumerate(runs.items()):
        colour = COLOURS[k % len(COLOURS)]
        axes.fill_between(
            one.steps, 100 * one.lower, 100 * one.upper, color=colour, alpha=0.15, linewidth=0
        )
        axes.plot(
            one.steps,
            100 * one.score,
            color=colour,
            label=short(name, 28),
            linestyle=dashes[k // len(COLOURS) % len(dashes)],
        )
        for flagged, face in ((False, colour), (True, PAPER)):
            those = one.flagged == flagged
            axes.plot(
                one.steps[those],
                100 * one.score[those],
                "o",
                color=colour,
                markersize=4.5,
                markerfacecolor=face,
            )
        low, high = min(low, one.lower.min()), max(high, one.upper.max())
    axes.set_ylim(100 * max(low - 0.02, 0), 100 * min(high + 0.02 + 0.08 * (high - low), 1.05))
    if len(runs) > 1:
        axes.legend(loc="upper left", ncols=2 if len(runs) > 4 else 1)
    return Figure(
        figure,
        "Predicted score over training steps",
        f"{len(runs)} training runs. Hollow points are checkpoints unlike the source models, or "
        "whose answers do not fit.",
    )


@styled
def models(predictions: Sequence[Prediction]) -> Figure:
    """Draw the predicted scores of models, best first, with intervals."""
    order = sorted(predictions, key=lambda one: (one.score, one.model))
    height = max(1.6, 0.9 + 0.26 * len(order))
    figure, axes = canvas("predicted full score (points)", "", (4.8, height))
    for k, one in enumerate(order):
        doubtful = not one.in_range or one.misfit
        axes.plot([100 * one.lower, 100 * one.upper], [k, k], color=COLOURS[0], linewidth=2.2)
        axes.plot(
            [100 * one.score],
            [k],
            "o",
            color=COLOURS[0],
            markersize=6,
            markerfacecolor=PAPER if doubtful else COLOURS[0],
        )
    axes.set_yticks(range(len(order)), [short(one.model, 26) for one in order])
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.grid(visible=False, axis="y")
    return Figure(
        figure,
        "Predicted scores with intervals",
        f"{len(order)} models, best first. Hollow points are flagged.",
    )
