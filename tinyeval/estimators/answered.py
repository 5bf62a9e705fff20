"""What new models answered: scores on the anchors, and what else is known of these answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.estimators.base import Estimate, FittedEstimator
from tinyeval.responses import ResponseMatrix


@dataclass(frozen=True, eq=False)
class Answered:
    """Answers of some models on the anchors; every array has the shape (models, anchors).

    Attributes:
        scores: float64, in [0, 1]; NaN where unanswered.
        trials: number of runs that a score is the mean of, 0 where unanswered; None: one each.
        soft: probability that the model gave to the right answer; NaN where it is not known, None
            where it is known of no answer.
    """

    scores: Array
    trials: NDArray[np.uint16] | None = None
    soft: Array | None = None

    @classmethod
    def of(cls, answers: Answered | NDArray) -> Answered:
        """Return answers as they are, or scores of which nothing more is known."""
        if isinstance(answers, Answered):
            return answers
        return cls(np.asarray(answers, dtype=np.float64))

    @classmethod
    def on(cls, items: Sequence[str], models: ResponseMatrix) -> Answered:
        """Return the models' answers to ``items``, in that order."""
        trials = None if models.trials is None else models.trials_on(items)
        soft = None if models.soft is None else models.soft_on(items).astype(np.float64)
        return cls(models.align(items).astype(np.float64), trials, soft)

    def __len__(self) -> int:
        """Return the number of models."""
        return len(self.scores)

    @property
    def given(self) -> NDArray[np.bool_]:
        """Mask of the answers that are there."""
        return ~np.isnan(self.scores)

    @property
    def some(self) -> NDArray[np.bool_]:
        """Say of each model whether it answered any anchor, shape (models,)."""
        return np.asarray(self.given.any(axis=1))

    @property
    def runs(self) -> Array:
        """Number of runs of each model, the harmonic mean over its answers, shape (models,)."""
        if self.trials is None:
            return np.ones(len(self))
        given = self.given
        inverse = np.where(given, 1.0 / np.maximum(self.trials, 1), 0.0).sum(axis=1)
        return np.asarray(given.sum(axis=1) / np.maximum(inverse, 1e-9))

    def take(self, models: NDArray | slice) -> Answered:
        """Return the answers of some models, by positions, mask or slice."""
        return replace(self, **{name: array[models] for name, array in self._arrays.items()})

    def only(self, kept: NDArray[np.bool_]) -> Answered:
        """Return these answers where ``kept``, shape (models, anchors), and nothing elsewhere."""
        empty = {name: array.copy() for name, array in self._arrays.items()}
        for name, array in empty.items():
            array[~kept] = 0 if name == "trials" else np.nan
        return replace(self, **empty)

    def first(self, n: int) -> Answered:
        """Return the answers to the first ``n`` anchors; the others count as unanswered."""
        return self.only(np.broadcast_to(np.arange(self.scores.shape[1]) < n, self.scores.shape))

    def narrowed(self, n: int) -> Answered:
        """Return the answers among the first ``n`` anchors, without the columns of the others."""
        return replace(self, **{name: array[:, :n] for name, array in self._arrays.items()})

    def widened(self, n: int) -> Answered:
        """Return the same answers among ``n`` anchors, the further ones unanswered."""
        more = n - self.scores.shape[1]
        if more <= 0:
            return self
        wide = {
            name: np.pad(
                array, ((0, 0), (0, more)), constant_values=0 if name == "trials" else np.nan
            )
            for name, array in self._arrays.items()
        }
        return replace(self, **wide)

    def or_else(self, mean: Array) -> Answered:
        """Return these answers with ``mean``, shape (anchors,), for models that answered none."""
        return replace(self, scores=np.where(self.some[:, None], self.scores, mean))

    @property
    def _arrays(self) -> dict[str, NDArray]:
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: array for name, array in arrays.items() if array is not None}


def estimate(estimator: FittedEstimator, answered: Answered) -> Estimate:
    """Estimate targets with all that an estimator can read.

    An estimator whose ``predict`` takes the keywords ``trials`` or ``soft`` is given these too.
    """
    predict = estimator.predict
    more = {name: getattr(answered, name) for name in _more(getattr(predict, "__func__", predict))}
    return predict(answered.scores, **more)


@lru_cache(maxsize=128)
def _more(predict: Callable[..., Estimate]) -> tuple[str, ...]:
    """Return what a ``predict`` takes besides scores; looking takes a while, and is done once."""
    takes = inspect.signature(predict).parameters
    return tuple(name for name in ("trials", "soft") if name in takes)
