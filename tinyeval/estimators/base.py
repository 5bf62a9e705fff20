"""The estimator protocol: fitted on a history and its anchors, it predicts mean and spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import check_shapes as check_shapes
from tinyeval.history import History
from tinyeval.selection.base import Anchors

State = dict[str, NDArray]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated targets of some models.

    Attributes:
        mean: float64, shape (models, targets).
        spread: float64, shape (models, targets), positive: the method's own standard deviation of
            the error; intervals calibrate it later.
        novelty: float64, shape (models,), in [0, 1]: how strongly the answers suggest a model
            unlike the source models; zeros if the method cannot tell.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    novelty: NDArray[np.float64]


class FittedEstimator(Protocol):
    """Predicts targets from answers on the anchors, with numpy only."""

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
