"""What an estimator is: fitted on a history and its anchors, it answers with mean and spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinyeval.history import History
from tinyeval.selection.base import Anchors

State = dict[str, NDArray]


@dataclass(frozen=True)
class Estimate:
    """Estimated targets of some models.

    Attributes:
        mean: float64, shape (models, targets).
        spread: float64, shape (models, targets); a standard deviation, positive, as honest as
            the method can make it (intervals calibrate it later).
        novelty: float64, shape (models,), in [0, 1]: how much the answers speak for a model
            unlike the source models; zeros where the method cannot tell.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    novelty: NDArray[np.float64]


class FittedEstimator(Protocol):
    """Predicts targets from answers on the anchors.  numpy only."""

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered.

        Every row holds at least one answer.
        """
        ...

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        ...

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> FittedEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        ...


class Estimator(Protocol):
    """Fits on source models only; options are keyword arguments with defaults."""

    def __call__(
        self, history: History, anchors: Anchors, *, rng: np.random.Generator
    ) -> FittedEstimator: ...


def fill_unanswered(answers: NDArray, mean: NDArray, cov: NDArray) -> NDArray[np.float64]:
    """Replace unanswered anchors by their expectation given the answered ones.

    Args:
        answers: shape (models, anchors), NaN where unanswered.
        mean: of the anchors over source models, shape (anchors,).
        cov: of the anchors over source models, positive definite, shape (anchors, anchors).

    Returns:
        float64 array of the same shape without NaN, the filled cells clipped to [0, 1].
    """
    filled = np.array(answers, dtype=np.float64)
    missing = np.isnan(filled)
    patterns, which = np.unique(missing, axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        rows = np.flatnonzero(which.ravel() == k)
        seen = ~pattern
        gain = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, pattern)])
        expected = mean[pattern] + (filled[np.ix_(rows, seen)] - mean[seen]) @ gain
        filled[np.ix_(rows, pattern)] = np.clip(expected, 0.0, 1.0)
    return filled
