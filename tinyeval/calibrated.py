"""Calibrates a learned method on held-out models and makes the predictor of a bank."""

from __future__ import annotations

from typing import NamedTuple

from tinyeval.build_plan import BuildPlan
from tinyeval.calibration.baselines import Baselines
from tinyeval.calibration.calibrate import Also, Replay, calibrate
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.learning import HistoryOf, Learned, learn, make_history
from tinyeval.prediction import Predictor


class Calibrated(NamedTuple):
    """A predictor, and what methods that choose nothing err on the same held-out models."""

    predictor: Predictor
    baselines: Baselines | None
    replays: tuple[Replay, ...] = ()


def make_predictor(
    learned: Learned,
    plan: BuildPlan,
    progress: Progress | None = None,
    *,
    history_of: HistoryOf = make_history,
    processes: Processes = ALONE,
) -> Predictor:
    """Calibrate a learned method and return the predictor alone: see :func:`calibrate_learned`."""
    return calibrate_learned(
        learned, plan, progress, history_of=history_of, processes=processes
    ).predictor


def calibrate_learned(
    learned: Learned,
    plan: BuildPlan,
    progress: Progress | None = None,
    *,
    baselines: bool = False,
    also: Also | None = None,
    history_of: HistoryOf = make_history,
    processes: Processes = ALONE,
) -> Calibrated:
    """Calibrate a learned method.

    Args:
        learned: the method learned under ``plan``.
        plan: plan of the build.
        progress: called with (done, total, what).
        baselines: also measure methods that choose nothing, on the same held-out models.
        also: called in each fold with what was learned there and its held-out models.
        history_of: makes the history of some models; a caller that calibrates many methods on the
            same models passes a function that remembers.
        processes: processes that share the folds.
    """
    interval = plan.settings.interval
    found = calibrate(
        learned,
        lambda part: learn(part, plan.within(part, learned.irt.dimensions), history_of=history_of),
        folds=interval.folds,
        seed=plan.settings.seed,
        groups=interval.groups,
        baselines=baselines,
        also=also,
        parallel=plan.settings.irt.method != "pyro",  # Pyro keeps global state
        progress=progress,
        processes=processes,
    )
    predictor = Predictor(
        anchors=learned.anchors,
        targets=learned.history.targets.names,
        irt=learned.anchor_model(),
        method=plan.settings.estimator.method,
        estimator=learned.estimator,
        calibration=found.single,
        pairs=found.pairs,
        trials=learned.history.responses.usual_trials,
        fewer=found.fewer,
    )
    return Calibrated(predictor, found.baselines, found.replays)
