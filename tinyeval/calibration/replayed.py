"""Held-out models, replayed as if they had been run fewer times than they were.

n of a cell's N runs are drawn without replacement: k' of n right ~ Hypergeometric(N, k, n).  They
answer the anchors; the other N - n runs, which are independent of them given the model, are the
true score, but for their own run noise g^2 = sum_i W_i^2 p_i (1 - p_i) / (N - n).  So the error
against the expected score is what was observed, without its share of g^2:

    error = observed * spread / sqrt(spread^2 + g^2).

If all N runs answer, none is left.  Then the error against the score of the same runs is observed,
and is turned into one against the expected score by the estimator's two spreads: scaled down where
the expected score is the more certain, and with a random normal part added where it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.estimators.answered import Answered
from tinyeval.learning import Learned, anchor_answers, true_targets
from tinyeval.responses import ResponseMatrix


class Replayed(NamedTuple):
    """Held-out models as a calibration predicts them.

    Attributes:
        answers: on the anchors.
        truth: their scores, shape (models, targets), NaN where not known.
        noise: run noise g^2 of these scores, of the same shape; None if they are of the same runs
            as the answers.
        draw: standard normal numbers of the same shape.
    """

    answers: Answered
    truth: Array
    noise: Array | None
    draw: Array

    def named(self, columns: Callable[[Array], Array]) -> Replayed:
        """Return the same with the targets that ``columns`` picks of an array."""
        noise = None if self.noise is None else columns(self.noise)
        return self._replace(truth=columns(self.truth), noise=noise, draw=columns(self.draw))

    def error(self, found: tuple[Array, Array], of_runs: tuple[Array, Array] | None) -> Array:
        """Return errors against expected scores, shape (models, targets).

        Args:
            found: mean and spread of the predicted expected scores, of that shape.
            of_runs: mean and spread of the predicted scores of the same runs; None if the estimator
                does not tell them apart.
        """
        mean, spread = found
        if self.noise is not None:
            shrunk = spread / np.sqrt(spread**2 + self.noise)
            return np.asarray((mean - self.truth) * shrunk)
        if of_runs is None:
            return np.asarray(mean - self.truth)
        run_mean, run_spread = of_runs
        observed, more = run_mean - self.truth, spread**2 - run_spread**2
        added = observed + np.sqrt(np.maximum(more, 0.0)) * self.draw
        return np.asarray(np.where(more > 0, added, observed * spread / run_spread))


def replayed(
    part: Learned, held_out: ResponseMatrix, runs: int | None, seed: int, draw: int = 0
) -> Replayed:
    """Return the held-out models of a fold.

    Args:
        part: what was learned in the fold.
        held_out: its held-out models.
        runs: number of runs that answer; None: all.
        seed, draw: seed of the draws, and which of several it is.
    """
    rng = np.random.default_rng([seed, runs or 0, draw])
    truth = true_targets(part, held_out)
    normal = rng.standard_normal(truth.shape)
    if runs is None:
        return Replayed(anchor_answers(part, held_out), truth, None, normal)
    asked, rest = thinned(held_out, runs, rng)
    noise = _noise(part, held_out, rest)
    return Replayed(anchor_answers(part, asked), true_targets(part, rest), noise, normal)


def thinned(
    responses: ResponseMatrix, runs: int, rng: np.random.Generator
) -> tuple[ResponseMatrix, ResponseMatrix]:
    """Split the runs of every cell: ``runs`` of them, drawn without replacement, and the others.

    A cell with no more runs than that gives all to the first.  Successes that are not whole, of
    graded runs, are rounded up or down at random.
    """
    total = responses.trials_on(responses.items.ids).astype(np.int64)
    right = np.nan_to_num(responses.scores).astype(np.float64) * total
    whole = np.where(np.abs(right - np.rint(right)) < 1e-3, np.rint(right), right)
    solved = np.floor(whole + rng.random(total.shape)).astype(np.int64)
    n = np.minimum(runs, total)
    drawn = rng.hypergeometric(solved, total - solved, n)
    left = np.clip(whole - drawn, 0.0, total - n)

    def matrix(successes: NDArray, trials: NDArray[np.int64]) -> ResponseMatrix:
        scores = np.where(trials > 0, successes / np.maximum(trials, 1), np.nan)
        return replace(responses, scores=scores.astype(np.float32), trials=trials.astype(np.uint16))

    return matrix(drawn, n), matrix(left, total - n)


def _noise(part: Learned, held_out: ResponseMatrix, rest: ResponseMatrix) -> Array:
    """Run noise of the scores that the rest of the runs show, shape (models, targets)."""
    items = part.irt.items
    y = np.nan_to_num(held_out.align(items)).astype(np.float64)
    total, left = (one.trials_on(items).astype(np.float64) for one in (held_out, rest))
    single = total * y * (1.0 - y) / np.maximum(total - 1.0, 1.0)
    cells = np.where(left > 0, single / np.maximum(left, 1.0), 0.0)
    return np.asarray(cells @ (part.history.targets.own**2).T)
