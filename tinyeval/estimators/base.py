"""The estimator protocol: fitted on a history and its anchors, it predicts mean and spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

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
        run_mean, run_spread: of the scores that full evaluations show whose anchors are these
            answers, like ``mean`` and ``spread``, which are then of the expected scores; None if
            the method does not tell them apart (:mod:`tinyeval.estimators.trials`).
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    novelty: NDArray[np.float64]
    run_mean: NDArray[np.float64] | None = None
    run_spread: NDArray[np.float64] | None = None

    @classmethod
    def join(cls, parts: Sequence[Estimate]) -> Estimate:
        """Return the estimates of several sets of models as one."""
        arrays: dict[str, Any] = {}
        for name in (one.name for one in fields(cls)):
            values = [getattr(part, name) for part in parts]
            arrays[name] = None if values[0] is None else np.concatenate(values)
        return cls(**arrays)

    def of_runs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``run_mean`` and ``run_spread``, or ``mean`` and ``spread`` if they are None."""
        if self.run_mean is None or self.run_spread is None:
            return self.mean, self.spread
        return self.run_mean, self.run_spread


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
