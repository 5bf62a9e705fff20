"""Shifted difficulty in tables: solving for delta, and reading what it predicts, by look-up.

The tables hold P_i(delta) of the anchors and weighted sums of P over all other items at every delta
of GRID, under one slope or several (:mod:`tinyeval.estimators.shift` has the model).  Slopes are
the first axis of every array, so that all of them are read at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array, Index
from tinyeval.estimators.common import SMALLEST_SPREAD

PRECISION = 0.3
"""Precision of the prior of delta: a standard deviation of 1.8 logits."""

OWN_PRECISION = 1.0
"""Precision of the prior of a benchmark's delta around the overall one, in 1 / logits squared."""

SMALLEST_P = 1e-9
"""Smallest probability of an answer in a likelihood."""

GRID = np.linspace(-8.0, 8.0, 321)
"""Values of delta at which sums are tabulated."""


class Shift(NamedTuple):
    """Deltas of some models, by slope and target."""

    value: Array  # (slopes, models, targets)
    variance: Array  # (slopes, models, targets)
    p: Array  # P of the anchors at the overall delta, (slopes, models, anchors)
    step: Array  # difference from the overall delta, (slopes, models, targets)


class Runs(NamedTuple):
    """Answers that are means of several runs: see :mod:`tinyeval.estimators.trials`.

    Attributes:
        share: share of the Bernoulli variance that is run noise, shape (anchors,).
        unasked_share: the same of the items that are not asked, shape (targets,).
        inverse: 1 / n of every answer, shape (models, anchors).
        usual: 1 / n in the history, shape (anchors,).
    """

    share: Array
    unasked_share: Array
    inverse: Array
    usual: Array

    @property
    def noise(self) -> Array:
        """Variance of every answer in units of p (1 - p), shape (models, anchors)."""
        return 1.0 - self.share + self.share * self.inverse

    def weigh(self, answers: NDArray) -> tuple[Array, Array]:
        """Return answers times their weights in the equation, 0 where unanswered, and weights."""
        seen = ~np.isnan(answers)
        weight = seen * (1.0 - self.share + self.share * self.usual) / self.noise
        return weight * np.where(seen, answers, 0.0), weight


def weigh(answers: NDArray) -> tuple[Array, NDArray[np.bool_]]:
    """Return answers, 0 where unanswered, and which are there: their weights in the equation."""
    seen = ~np.isnan(answers)
    return np.where(seen, answers, 0.0), seen


@dataclass(frozen=True, eq=False)
class ShiftTables:
    """Tables over slopes and GRID; the first target is the overall score.

    Attributes:
        anchors: P of the anchors, shape (slopes, grid, anchors).
        expected: weighted sums of P over all items but the anchors, shape (slopes, grid, targets).
        noise: variances of these sums given delta, shape (slopes, grid, targets).
        weights: weights of the anchors in the targets, shape (targets, anchors).
        offset, slope: link from the weighted means to the targets, shape (targets,).
    """

    anchors: Array
    expected: Array
    noise: Array
    weights: Array
    offset: Array
    slope: Array

    @cached_property
    def sums(self) -> Array:
        """Expected sums, their noise and slope side by side, (slopes, grid, targets, 3)."""
        steep = np.gradient(self.expected, GRID, axis=1)
        return np.stack([self.expected, self.noise, steep], axis=-1)

    @cached_property
    def _own(self) -> Array:
        return (self.weights > 0).astype(np.float64).T

    def solve(self, given: Array, weight: NDArray) -> Shift:
        """Solve the equation for delta.

        Args:
            given: answers times their weights, 0 where unanswered, shape (models, anchors).
            weight: the weights; 1 for answers of one run, 0 where unanswered.
        """
        # left side minus right side of the equation, falling along the grid
        excess = given.sum(axis=1)[:, None] - weight @ self.anchors.swapaxes(1, 2)
        excess -= PRECISION * GRID
        place = np.clip((excess > 0).sum(axis=2) - 1, 0, len(GRID) - 2)
        every, rows = np.ogrid[: len(self.anchors), : len(given)]
        here, there = excess[every, rows, place], excess[every, rows, place + 1]
        part = np.clip(here / (here - there), 0.0, 1.0)[:, :, None]
        delta = (1 - part) * GRID[place][:, :, None] + part * GRID[place + 1][:, :, None]
        p = (1 - part) * self.anchors[every, place] + part * self.anchors[every, place + 1]
        information = weight * p * (1 - p)
        known = information @ self._own + OWN_PRECISION
        step = (given - weight * p) @ self._own / known
        variance = 1.0 / (PRECISION + information.sum(axis=2))[:, :, None]
        apart = 1.0 / known + (OWN_PRECISION / known) ** 2 * variance
        step[:, :, 0], apart[:, :, 0] = 0.0, variance[:, :, 0]
        return Shift(delta + step, apart, p, step)

    def read(self, shift: Shift, answers: NDArray) -> tuple[Array, Array]:
        """Return mean and spread of the targets, shape (slopes, models, targets).

        Args:
            shift: as ``solve`` returns it for these answers.
            answers: shape (models, anchors), NaN where unanswered.
        """
        seen = ~np.isnan(answers)
        expected, noise, steep = self._sums_at(shift.value)
        information = np.where(seen, 0.0, shift.p * (1 - shift.p))  # of the unanswered anchors
        open_ = information @ self.weights.T
        mean = np.where(seen, answers, shift.p) @ self.weights.T + expected
        mean += shift.step * open_
        variance = (steep + open_) ** 2 * shift.variance + noise
        variance += information @ (self.weights**2).T
        return self._linked(mean, variance)

    def read_runs(self, shift: Shift, answers: NDArray, runs: Runs) -> tuple[Array, Array]:
        """Return expected scores and scores of the same runs, (slopes, models, 2 targets).

        An answer's variance is p (1 - p) (1 - share + share / n).  It weighs in the equation by the
        inverse, 1 for as many runs as the history had.  The probability of an asked item lies
        between P and the answer, nearer to the answer the more runs it has.
        """
        seen, share, noise = ~np.isnan(answers), runs.share, runs.noise
        given = np.where(seen, answers, 0.0)
        expected, scatter, steep = self._sums_at(shift.value)
        information, few = shift.p * (1 - shift.p), runs.inverse.mean(axis=1)[:, None]
        taken = np.where(seen, (1.0 - share) / noise, 0.0)  # share of the answer in p
        left = np.where(seen, taken * share * runs.inverse, 1.0 - share)  # of information, in T
        unknown = np.where(seen, 0.0, noise)  # the same in S
        kinds = (
            (taken, left, 1.0 - runs.unasked_share),
            (seen * 1.0, unknown, 1.0 - runs.unasked_share * (1.0 - few)),
        )
        found = []
        for known, rest, others in kinds:
            open_ = (1.0 - known) * information @ self.weights.T
            mean = (shift.p + known * (given - shift.p)) @ self.weights.T + expected
            variance = (steep + open_) ** 2 * shift.variance + others * scatter
            variance += (rest * information) @ (self.weights**2).T
            found.append(self._linked(mean + shift.step * open_, variance))
        mean, spread = (np.concatenate(arrays, axis=2) for arrays in zip(*found, strict=True))
        return mean, spread

    def evidence(self, shift: Shift, given: Array, weight: NDArray) -> Array:
        """Log likelihood of answers with delta integrated out, by Laplace, (slopes, models).

        Args:
            shift: as ``solve`` returns it for ``given`` and ``weight``.
            given, weight: as in :meth:`solve`.
        """
        p = np.clip(shift.p, SMALLEST_P, 1.0 - SMALLEST_P)
        likelihood = (given * np.log(p) + (weight - given) * np.log(1.0 - p)).sum(axis=2)
        prior = -0.5 * PRECISION * shift.value[:, :, 0] ** 2
        return np.asarray(likelihood + prior + 0.5 * np.log(shift.variance[:, :, 0]))

    def _linked(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Turn weighted means over items into targets."""
        spread = np.maximum(np.abs(self.slope) * np.sqrt(variance), SMALLEST_SPREAD)
        return np.clip(self.offset + self.slope * mean, 0.0, 1.0), spread

    def _sums_at(self, delta: Array) -> Array:
        """Interpolate ``sums`` between grid points, shape (3, slopes, models, targets)."""
        place, part = _between(delta)
        every, targets = np.ogrid[: len(delta), : delta.shape[2]]
        every = every[:, None]
        low, high = self.sums[every, place, targets], self.sums[every, place + 1, targets]
        return np.moveaxis((1 - part)[..., None] * low + part[..., None] * high, -1, 0)


def _between(delta: Array) -> tuple[Index, Array]:
    """Return the position in GRID below each delta, and its fraction of the step to the next."""
    apart = (np.clip(delta, GRID[0], GRID[-1]) - GRID[0]) / (GRID[1] - GRID[0])
    place = np.minimum(apart.astype(np.intp), len(GRID) - 2)
    return place, apart - place
