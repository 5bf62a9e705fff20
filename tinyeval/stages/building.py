"""Makes the continuation of a bank, in the folds of its calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.build_plan import BuildPlan
from tinyeval.calibrated import calibrate_learned
from tinyeval.calibration.baselines import Baselines
from tinyeval.calibration.calibrate import Replay
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.learning import HistoryOf, Learned, make_history
from tinyeval.prediction import Predictor
from tinyeval.responses import ResponseMatrix
from tinyeval.stages.continuation import Continuation
from tinyeval.stages.forms import Forms, check_stages, learn_forms
from tinyeval.stages.replay import Replayed, calibrated_forms, replay, sizes_of


@dataclass(frozen=True)
class Staging:
    """The forms of a build, which are replayed in each fold.

    Attributes:
        learned: the fixed set.
        plan: of the build.
        forms: learned on all source models.
    """

    learned: Learned
    plan: BuildPlan
    forms: Forms

    @classmethod
    def of(cls, learned: Learned, plan: BuildPlan) -> Staging | None:
        """Learn the forms if the settings ask for two stages.

        Raises:
            ConfigError: methods, a history or a number of anchors that cannot be asked so.
        """
        if plan.settings.stages == 1:
            return None
        check_stages(plan, learned)
        return cls(learned, plan, learn_forms(learned, plan))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Numbers of answers at which forms are calibrated."""
        return sizes_of(self.forms.policy.first, len(self.learned.anchors))

    def replay(self, part: Learned, held_out: ResponseMatrix) -> Replayed:
        """Ask the held-out models of a fold in two stages."""
        plan = self.plan.within(part.history.responses, self.learned.irt.dimensions)
        names = self.learned.history.targets.names
        return replay(part, plan, held_out, self.sizes, names)

    def continuation(self, replays: tuple[Replay, ...]) -> Continuation:
        """Return the calibrated continuation."""
        return calibrated_forms(self.learned, self.forms, replays, self.sizes)


class Calibrated(NamedTuple):
    """What a bank is made of, calibrated on held-out models."""

    predictor: Predictor
    baselines: Baselines | None
    continuation: Continuation | None


def calibrated_in_stages(
    learned: Learned,
    plan: BuildPlan,
    progress: Progress | None = None,
    processes: Processes = ALONE,
    *,
    history_of: HistoryOf = make_history,
    baselines: bool = True,
) -> Calibrated:
    """Calibrate what was learned, and in the same folds the forms, if the settings ask for them.

    Args:
        learned, plan, progress, processes, history_of, baselines: see
            :func:`tinyeval.calibrated.calibrate_learned`.

    Raises:
        ConfigError: methods, a history or a number of anchors that cannot be asked in two stages.
    """
    staging = Staging.of(learned, plan)
    found = calibrate_learned(
        learned,
        plan,
        progress,
        baselines=baselines,
        also=None if staging is None else staging.replay,
        history_of=history_of,
        processes=processes,
    )
    told = None if staging is None else staging.continuation(found.replays)
    return Calibrated(found.predictor, found.baselines, told)
