"""What is read from answers: estimated targets and abilities of some models, and intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.estimators.base import Estimate
from tinyeval.irt.ability import Ability


class Interval(NamedTuple):
    """A predicted score and its interval."""

    score: float
    lower: float
    upper: float


class Reading(NamedTuple):
    """Estimated targets and abilities of some models.

    Attributes:
        answers: answers on the estimator's anchors, shape (models, anchors), NaN where unanswered.
        estimate: estimated targets.
        ability: estimated abilities.
        runs: number of runs of each model, shape (models,).
    """

    answers: NDArray[np.float64]
    estimate: Estimate
    ability: Ability
    runs: NDArray[np.float64]
