"""Soft scores in kriging: what they add to the prediction once the answers are known.

Let p be the soft scores of a model's answers y on the anchors.  Under each drift hypothesis
answers, soft scores and targets are jointly Gaussian (:mod:`tinyeval.covariance.soft`), so with

    e = p - E[p | y],    V = Cov(p | y),    c = Cov(p, t | y)

the prediction of a target t becomes

    t | y, p = (t | y) + c' V^-1 e,    variance  var(t | y) - c' V^-1 c.

A model may be less sure or surer of its answers than the source models, and right as often.  Its
soft scores are then not like theirs, and say little.  So there are two hypotheses: they vary as
those of the source models, with prior probability TRUSTED; or by WIDER times the variance, and are
then not read.  The posterior probability that they are read is

    w = 1 / (1 + exp(-l)),    l = log(TRUSTED / (1 - TRUSTED))
                                  + (n log WIDER - (1 - 1 / WIDER) e' V^-1 e) / (2 temper)

with n soft scores, and the prediction is the mean of the two with weights w and 1 - w.  The drift
hypotheses are weighed by the answers alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array, Index
from tinyeval.covariance.soft import SoftCovariance
from tinyeval.errors import BankError
from tinyeval.estimators.base import State, check_shapes

TRUSTED = 0.8
"""Prior probability that a model's soft scores vary as those of the source models."""

WIDER = 4.0
"""Variance of soft scores that do not, in units of that of the source models'."""

JITTER = 1e-6
"""Variance added to every soft score, so that copies of an item make no matrix singular."""


class Answers(Protocol):
    """What is known of the answers: the arrays of :class:`tinyeval.estimators.kriging.Kriging`."""

    @property
    def mean(self) -> Array: ...
    @property
    def cov(self) -> Array: ...
    @property
    def cross(self) -> Array: ...
    @property
    def temper(self) -> Array: ...


@dataclass(frozen=True)
class SoftMoments:
    """Moments of the anchors' soft scores under every drift hypothesis.

    Attributes:
        mean: expected soft scores, shape (anchors,).
        cov: covariance of the soft scores, shape (hypotheses, anchors, anchors).
        between: covariance of answers and soft scores, shape (hypotheses, anchors, anchors).
        cross: covariance of soft scores and targets, shape (hypotheses, anchors, targets).
        doubt: TRUSTED and WIDER, shape (2,).
    """

    mean: Array
    cov: Array
    between: Array
    cross: Array
    doubt: Array

    def __post_init__(self) -> None:
        n, h = len(self.mean), len(self.cov)
        targets = self.cross.shape[-1]
        square = (h, n, n)
        expected = {"cov": square, "between": square, "cross": (h, n, targets), "doubt": (2,)}
        check_shapes("soft scores", self, expected)
        trusted, wider = self.doubt
        if not (0 < trusted < 1 and wider > 1):
            raise BankError(f"soft scores have doubts {trusted:g} and {wider:g}, no prior")

    @classmethod
    def of(
        cls, soft: SoftCovariance, index: NDArray[np.intp], drift: Sequence[float]
    ) -> SoftMoments:
        """Return the moments of some items' soft scores.

        Args:
            soft: covariance of all items.
            index: positions of the anchors.
            drift: sizes of the hypotheses.
        """
        n = len(index)
        among = np.array([soft.among(index, s) for s in drift])
        return cls(
            mean=soft.mean[index],
            cov=among[:, n:, n:] + JITTER * np.eye(n),
            between=among[:, :n, n:],
            cross=np.array([soft.with_targets(s)[index] for s in drift]),
            doubt=np.array([TRUSTED, WIDER]),
        )

    def read(
        self, by: Answers, answers: NDArray, soft: NDArray, means: Array, variances: Array
    ) -> tuple[Array, Array]:
        """Return means and variances, (hypotheses, models, targets), given soft scores as well.

        Args:
            by: moments of the answers.
            answers, soft: shape (models, anchors), NaN where unanswered or not known.
            means, variances: given the answers alone.
        """
        means, variances = means.copy(), variances.copy()
        given = ~np.isnan(answers)
        known = given & ~np.isnan(soft)
        for rows, one, two in _patterns(given, known):
            cov = by.cov[:, one[:, None], one]
            right = [self.between[:, one[:, None], two], by.cross[:, one]]
            solved = np.linalg.solve(cov, np.concatenate(right, axis=2))
            slopes, gain = solved[..., : len(two)], solved[..., len(two) :]
            across = self.between[:, one[:, None], two].swapaxes(1, 2)
            left = self.cov[:, two[:, None], two] - across @ slopes
            with_targets = self.cross[:, two] - across @ gain
            error = (soft[rows][:, two] - self.mean[two]) - (
                answers[rows][:, one] - by.mean[one]
            ) @ slopes
            step = np.linalg.solve(left, with_targets)  # (hypotheses, soft, targets)
            size = (error * np.linalg.solve(left, error.swapaxes(1, 2)).swapaxes(1, 2)).sum(axis=2)
            weight = self._weight(size, len(two), float(by.temper))[..., None]
            added, taken = error @ step, (with_targets * step).sum(axis=1)[:, None]
            means[:, rows] += weight * added
            variances[:, rows] += weight * ((1 - weight) * added**2 - taken)
        return means, np.maximum(variances, 0.0)

    def _weight(self, size: Array, n: int, temper: float) -> Array:
        """Posterior probability that soft scores are as the source models'.

        Args:
            size: e' V^-1 e, of any shape.
            n: number of soft scores.
            temper: the likelihood has exponent 1 / temper.
        """
        trusted, wider = self.doubt
        odds = np.log(trusted / (1 - trusted))
        odds = odds + 0.5 * (n * np.log(wider) - (1 - 1 / wider) * size) / temper
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-odds, -500.0, 500.0))))

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds the moments."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> SoftMoments:
        """Rebuild the moments from ``state()``."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in state.items()})


def _patterns(
    given: NDArray[np.bool_], known: NDArray[np.bool_]
) -> Iterator[tuple[Index, Index, Index]]:
    """Yield models with the same answered anchors and known soft scores, and these anchors.

    Models without a soft score are left out.
    """
    some = np.flatnonzero(known.any(axis=1))
    if not some.size:
        return
    both = np.hstack([given[some], known[some]])
    patterns, which = np.unique(both, axis=0, return_inverse=True)
    n = given.shape[1]
    for k, pattern in enumerate(patterns):
        rows = some[which.ravel() == k]
        yield rows, np.flatnonzero(pattern[:n]), np.flatnonzero(pattern[n:])
