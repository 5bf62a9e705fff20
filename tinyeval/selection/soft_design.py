"""Optimal design where every answer comes with a soft score: an item removes variance by both.

An item's answer and soft score form a block b of two columns.  With their covariance V_b and their
covariance c_b with a target, both given the anchors chosen so far, the item removes

    c_b' V_b^-1 c_b

of the target's open variance, in place of c^2 / v.  The item taken is conditioned on in two steps:
first on the answer, then on the soft score.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tinyeval.compute.arrays import Array
from tinyeval.covariance.soft import SoftCovariance


class Answers(Protocol):
    """A drift hypothesis of the answers alone, as ``optimal_design`` holds it."""

    s: float
    cross: Array
    variance: Array
    start: Array
    open: Array
    scale: Array


class SoftHypothesis:
    """A drift hypothesis: covariances of answers and soft scores given the anchors so far.

    Args:
        answers: the hypothesis of the answers alone; conditioned along.
        covariance: of answers and soft scores.
        n: number of anchors that will be chosen.
    """

    def __init__(self, answers: Answers, covariance: SoftCovariance, n: int) -> None:
        self.answers, self.covariance = answers, covariance
        s = answers.s
        self.cross = covariance.with_targets(s)  # of the soft scores, (items, targets)
        self.variance = covariance.variance(s)  # of the soft scores, (items,)
        self.start = self.variance.copy()
        self.between = covariance.between(s)  # of answer and soft score, (items,)
        self.columns = np.zeros((2, 2 * n, len(self.variance)))  # answers, soft scores
        self.used = 0

    @property
    def open(self) -> Array:
        """Variance of the targets still open, shape (targets,)."""
        return self.answers.open

    @property
    def scale(self) -> Array:
        """Importance of each target, in units of its variance at the start, shape (targets,)."""
        return self.answers.scale

    def gains(self) -> Array:
        """Share of the targets' open variance that each item's block would remove."""
        one, variance = self.answers, np.maximum(self.answers.variance, 1e-12)
        usable = one.variance > 1e-9 * np.maximum(one.start, 1e-9)
        # what the soft score adds once the answer is known
        slope = self.between / variance
        left = self.variance - slope * self.between
        more = np.where(left > 1e-9 * np.maximum(self.start, 1e-9), 1.0, 0.0)
        rest = (self.cross - slope[:, None] * one.cross) ** 2 @ one.scale
        removed = one.cross**2 @ one.scale / variance + more * rest / np.maximum(left, 1e-12)
        return np.where(usable, removed / (one.open @ one.scale), 0.0)

    def condition(self, k: int, parts: tuple[Array, Array]) -> None:
        """Condition on answer and soft score of item ``k``; ``parts`` are its ``row_parts``."""
        one, s = self.answers, self.answers.s
        if one.variance[k] > 1e-9 * max(one.start[k], 1e-9):
            row = self.covariance.hard.row(k, s, parts)
            self._condition(0, k, row, self.covariance.answer_row(k, s, parts[1]))
        if self.variance[k] > 1e-9 * max(self.start[k], 1e-9):
            self._condition(1, k, *self.covariance.soft_row(k, s, parts[1]))

    def _condition(self, which: int, k: int, answers: Array, soft: Array) -> None:
        """Condition on one column of item ``k``, 0 its answer, 1 its soft score."""
        one, done = self.answers, self.columns[:, : self.used]
        root = np.sqrt((one.variance, self.variance)[which][k])
        weights = done[which, :, k].copy()
        answers, soft = (answers - weights @ done[0]) / root, (soft - weights @ done[1]) / root
        gain = (one.cross, self.cross)[which][k] / root
        one.open = np.maximum(one.open - gain**2, 1e-12)
        one.cross = one.cross - answers[:, None] * gain
        self.cross = self.cross - soft[:, None] * gain
        self.between = self.between - answers * soft
        one.variance = np.maximum(one.variance - answers**2, 0.0)
        self.variance = np.maximum(self.variance - soft**2, 0.0)
        self.columns[:, self.used] = answers, soft
        self.used += 1
