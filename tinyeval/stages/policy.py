"""Which form a model is asked after the first block.

The gate g of the default estimator (:mod:`tinyeval.estimators.gate`), given the answers to the
first block alone, is the probability that the model's score lies beyond the source models' range:

    within     g < low
    above      g > high, and the predicted score is above the source models' median
    below      g > high, and it is not
    undecided  otherwise: the fixed set goes on

The thresholds are constants of :mod:`tinyeval.stages.forms`, and a bank keeps its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import BankError
from tinyeval.estimators.base import FittedEstimator
from tinyeval.estimators.stack import Stack

FORMS = ("within", "below", "above")
"""Forms that are not the fixed set."""

UNDECIDED = "undecided"
"""The form of models that are neither: the fixed set."""


class Reading(NamedTuple):
    """How the answers to a form are read: changes to the estimator's priors.

    Attributes:
        odds: factor of the prior density beyond the range.
        calm: factor by which drift is less probable than before the first block.
    """

    odds: float
    calm: float


@dataclass(frozen=True)
class Policy:
    """The rule that chooses a form.

    Attributes:
        first: number of anchors of the first block, the best.
        low, high: thresholds of the gate.
        middle: median overall score of the source models.
    """

    first: int
    low: float
    high: float
    middle: float

    def __post_init__(self) -> None:
        if self.first < 1 or not 0 <= self.low <= self.high <= 1:
            raise BankError(
                f"continuation: expected a first block and thresholds 0 <= low <= high <= 1, found "
                f"{self.first}, {self.low:g} and {self.high:g}"
            )

    def forms(self, estimator: FittedEstimator, answers: NDArray) -> list[str]:
        """Return the form of each model.

        Args:
            estimator: of the fixed set; a :class:`Stack`.
            answers: shape (models, anchors), NaN where unanswered; only the first block counts, and
                a model that answered none of it is undecided.
        """
        if not isinstance(estimator, Stack):
            raise BankError("a continuation needs the estimator stack")
        block = np.array(answers, dtype=np.float64)
        block[:, self.first :] = np.nan
        rows = np.flatnonzero(~np.isnan(block).all(axis=1))
        chosen = np.full(len(block), UNDECIDED, dtype=object)
        if rows.size:
            found, gate = estimator.gated(block[rows])
            above = found.mean[:, 0] > self.middle
            side = np.where(gate > self.high, np.where(above, "above", "below"), UNDECIDED)
            chosen[rows] = np.where(gate < self.low, "within", side)
        return [str(one) for one in chosen]


def read_with(estimator: Stack, reading: Reading) -> Stack:
    """Return an estimator with the priors of a form."""
    kriging, prior = estimator.kriging, estimator.prior
    if reading.calm != 1:
        log_prior = kriging.log_prior - np.where(kriging.drift > 0, np.log(reading.calm), 0.0)
        kriging = replace(kriging, log_prior=log_prior)
    if prior is not None:
        prior = np.r_[prior[:2] * reading.odds, prior[2:]]
    return replace(estimator, kriging=kriging, prior=prior)
