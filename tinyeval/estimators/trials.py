"""Answers that are k of n runs: what the number of runs changes in the default estimator.

Let p be a model's own probability of solving item i.  A mean of n runs has Var(y | p) = p (1 - p) /
n, on average w_i / n (:mod:`tinyeval.covariance.run_noise`).  The history's means of h runs have
the covariance C; without run noise it is L = C - D, D = diag(min(w / h, own variance)), and answers
of n runs have L + diag(w / n).  Three targets share it, with weights W of the items:

    expected score      T = sum_i W_i p_i          Cov(y, T) = L W
    score of n runs     S = sum_i W_i y_i          Cov(y, S) = (L + diag(w / n)) W
    the history's own   H, of h runs               Cov(y, H) = C W

S is the score that a full evaluation shows whose anchors are the answers at hand, so what was asked
is known; T also has the noise of what was asked, and S that of what was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array, Index, check_shapes
from tinyeval.covariance.item_covariance import ItemCovariance
from tinyeval.covariance.run_noise import SMALLEST, run_noise
from tinyeval.errors import BankError
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.kriging import Kriging
from tinyeval.estimators.regression import KernelEstimator
from tinyeval.estimators.shift_tables import Runs
from tinyeval.history import History
from tinyeval.selection.base import Anchors

SMALLEST_VARIANCE = 1e-10
"""Of a score that is known exactly, because every item was asked."""


@dataclass(frozen=True)
class Repeats:
    """What a repeated history knows of the anchors' run noise.

    Attributes:
        single: variance of a single run, w, shape (anchors,).
        held: run noise of the history's means, the diagonal of D, shape (anchors,).
        share: share of the Bernoulli variance that is run noise, shape (anchors,).
        weights: weights of the anchors in the targets, shape (targets, anchors).
        unasked, unasked_held: sum of W^2 w, and of W^2 D, over all other items, shape (targets,).
        unasked_share: share of the Bernoulli variance of these sums, shape (targets,).
        usual: median number of runs in the history, shape ().
    """

    single: Array
    held: Array
    share: Array
    weights: Array
    unasked: Array
    unasked_held: Array
    unasked_share: Array
    usual: Array

    def __post_init__(self) -> None:
        targets, n = (*np.shape(self.weights), 0, 0)[:2]
        expected: dict[str, tuple[int, ...]] = {"weights": (targets, n), "usual": ()}
        expected |= dict.fromkeys(("single", "held", "share"), (n,))
        expected |= dict.fromkeys(("unasked", "unasked_held", "unasked_share"), (targets,))
        check_shapes("trials", self, expected)
        if min(np.min(one) for one in (self.single, self.held, self.unasked)) < 0:
            raise BankError("trials: run noise is below 0")

    def check(self, kriging: Kriging) -> None:
        """Raise :class:`BankError` unless something is left of the answers without run noise."""
        if len(self.single) != len(kriging.mean) or len(self.weights) != len(kriging.target_mean):
            raise BankError("trials: other anchors or targets than kriging has")
        try:
            np.linalg.cholesky(kriging.cov[0] - np.diag(self.held))
        except np.linalg.LinAlgError as error:
            raise BankError("trials: more run noise than the answers' variance") from error

    def inverse(self, answers: NDArray, trials: NDArray | None) -> Array:
        """Return 1 / n of every cell, shape (models, anchors); a single run where n is not known.

        An unanswered anchor gets the model's mean over the others, so that models whose answers
        have the same number of runs are treated together.
        """
        if trials is None:
            return np.ones(answers.shape)
        seen = ~np.isnan(answers)
        inverse = np.where(seen, 1.0 / np.maximum(trials, 1), 0.0)
        mean = inverse.sum(1) / np.maximum(seen.sum(1), 1)
        return np.where(seen, inverse, mean[:, None])

    def predict(
        self,
        answers: NDArray,
        trials: NDArray | None,
        read: Callable[[NDArray, Array], Estimate],
    ) -> Estimate:
        """Return expected scores as the estimate, and scores of the same runs with them.

        Args:
            answers: shape (models, anchors), NaN where unanswered.
            trials: number of runs of each, of the same shape; None: one each.
            read: called with answers and 1 / n of models that have the same n; returns both scores
                side by side, (models, 2 targets).
        """
        inverse, n = self.inverse(answers, trials), len(self.weights)
        groups = list(by_runs(inverse))
        found = Estimate.join([read(answers[rows], inverse[rows]) for rows in groups])
        order = np.argsort(np.concatenate(groups))
        mean, spread = found.mean[order], found.spread[order]
        return Estimate(
            mean=mean[:, :n],
            spread=spread[:, :n],
            novelty=found.novelty[order],
            run_mean=mean[:, n:],
            run_spread=spread[:, n:],
        )

    def kriging(self, kriging: Kriging, inverse: Array) -> Kriging:
        """Return the kriging of T, S and H, side by side, from answers of 1 / ``inverse`` runs.

        Args:
            kriging: fitted on the history, its covariances those of the history's means.
            inverse: 1 / n of every anchor, shape (anchors,).
        """
        noise, unasked = self.single * inverse, self.unasked * inverse.mean()
        expected = kriging.cross - (self.weights * self.held).T
        variance = kriging.target_variance - self.weights**2 @ self.held - self.unasked_held
        variance = np.maximum(variance, SMALLEST_VARIANCE)
        of_runs = expected + (self.weights * noise).T
        shared = (self.weights * np.minimum(self.held, noise)).T
        return Kriging(
            mean=kriging.mean,
            target_mean=np.tile(kriging.target_mean, 3),
            cov=kriging.cov + np.diag(noise - self.held),
            cross=np.concatenate([expected, of_runs, expected + shared], axis=2),
            target_variance=np.concatenate(
                [
                    variance,
                    variance + self.weights**2 @ noise + unasked,
                    variance + self.weights**2 @ self.held + self.unasked_held,
                ],
                axis=1,
            ),
            log_prior=kriging.log_prior,
            drift=kriging.drift,
            temper=kriging.temper,
        )

    def kernel(
        self, kernel: KernelEstimator, answers: NDArray, inverse: Array, inside: list[Array]
    ) -> Estimate:
        """Return kernel ridge's T and S: it predicts H, and kriging says how these differ.

        Args:
            kernel: fitted on the history.
            answers: shape (models, anchors), NaN where unanswered.
            inverse: 1 / n of every anchor, shape (anchors,).
            inside: mean and spread of T, S and H by kriging, shape (models, 3 targets) each.
        """
        found = kernel.predict(answers, np.maximum(self.single * inverse - self.held, 0.0))
        expected, of_runs, own = np.split(inside[0], 3, axis=1)
        variances = np.split(inside[1] ** 2, 3, axis=1)
        mean = [found.mean + one - own for one in (expected, of_runs)]
        variance = [moved(found.spread**2, variances[2], one) for one in variances[:2]]
        return Estimate(
            mean=np.clip(np.hstack(mean), 0.0, 1.0),
            spread=np.sqrt(np.hstack(variance)),
            novelty=found.novelty,
        )

    def runs(self, inverse: Array) -> Runs:
        """Return what shifted difficulty needs of models with 1 / n of shape (models, anchors)."""
        usual = self.held / np.maximum(self.single, SMALLEST)
        return Runs(self.share, self.unasked_share, inverse, usual)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this object."""
        return {one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Repeats:
        """Rebuild the object from ``state()``."""
        return cls(**{name: np.asarray(value, dtype=np.float64) for name, value in state.items()})


def moved(variance: Array, one: Array, other: Array) -> Array:
    """Return the variance of another target, which kriging says is ``other`` instead of ``one``.

    What is added, is added; what is taken away, is taken in proportion, so that some is left.
    """
    ratio = other / np.maximum(one, SMALLEST_VARIANCE)
    return np.asarray(np.where(other > one, variance + other - one, variance * ratio))


def by_runs(inverse: Array) -> Iterator[Index]:
    """Yield the positions of the models whose answers have the same numbers of runs."""
    if (inverse == inverse[0]).all():  # the usual case
        yield np.arange(len(inverse))
        return
    _, kind = np.unique(inverse, axis=0, return_inverse=True)
    kind = kind.ravel()
    for k in range(kind.max() + 1):
        yield np.flatnonzero(kind == k)


def find_repeats(history: History, anchors: Anchors, covariance: ItemCovariance) -> Repeats | None:
    """Return what a repeated history knows of run noise; None if it was not repeated."""
    found = run_noise(history)
    if found is None:
        return None
    held = np.minimum(found.single * found.inverse, covariance.own_variance(0.0))
    index = history.positions(anchors.items)
    share = np.clip(found.single / np.maximum(found.bernoulli, SMALLEST), 0.0, 1.0)
    others = covariance.weights**2
    others[:, index] = 0.0
    return Repeats(
        single=found.single[index],
        held=held[index],
        share=share[index],
        weights=covariance.weights[:, index],
        unasked=others @ found.single,
        unasked_held=others @ held,
        unasked_share=np.clip(
            others @ found.single / np.maximum(others @ found.bernoulli, SMALLEST), 0.0, 1.0
        ),
        usual=np.array(float(found.usual)),
    )
