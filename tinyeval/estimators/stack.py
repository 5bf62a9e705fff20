"""The default estimator: one expert inside the history's range, others beyond it, and a gate.

Inside the range the best predictor leans on the history: kriging, averaged over drift sizes with
four fifths of the prior weight on no drift at all, mixed with kernel ridge in the share that
predicts source models best when they are left out (Wolpert 1992, stacked generalisation; the share
is shrunk to none, since only long histories can tell).  Beyond it the same trust is what breaks
every learned method, and two predictors hold that let a model's own answers speak: kriging under
large drift, and shifted difficulty, which learns nothing of the history but how hard each item is.
They err differently (one knows how items vary together, the other that a score has two ends), so
their mean is better than either.

Which one a model needs shows in where it lands: the probability, under the robust prediction
t ~ N(r, v), that its score lies outside the central 98 % of the source models' scores,

    g = P(t > q99) + P(t < q01),        prediction = (1 - g) inside + g robust.

A model stronger or weaker than the history is thus never pulled back to it, and one in its midst
keeps the precision that history buys.  Between the two, drift by evidence (inside the first expert)
still notices models that score like the source ones but answer unlike them.  The gate of the
overall score serves the benchmarks as well: of where a model lands in one of them, its few anchors
there say little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import BankError, ConfigError
from tinyeval.estimators.base import Estimate, State, check_shapes
from tinyeval.estimators.kriging import DRIFT_GRID, Kriging, fit_kriging
from tinyeval.estimators.regression import KernelEstimator, fit_kernel_ridge
from tinyeval.estimators.shift import ShiftEstimator, fit_shift
from tinyeval.groups import fold_numbers, number_groups
from tinyeval.history import History
from tinyeval.selection.base import Anchors

Array = NDArray[np.float64]

ROBUST_DRIFT = 0.15
"""Drift sizes from here on make the robust kriging."""

FOLDS = 5
"""Folds of source models that weigh kernel ridge against kriging."""

DOUBT = 20
"""Imaginary source models that speak for kriging alone."""

MANY = 1000
"""Source models from which one fold tells enough, learned from twice as many at most."""

LONG_HISTORY = 100
"""Source models from which folds can tell a better predictor from a luckier one."""


@dataclass(frozen=True)
class Stack:
    """The two experts and the range between them.

    Attributes:
        kriging: under every drift hypothesis.
        shift: shifted difficulty on the same anchors.
        kernel: kernel ridge on the same anchors.
        share: weight of kernel ridge inside the range, shape (targets,).
        score_range: quantiles of the source models' targets that bound the inside, shape
            (2, targets).
    """

    kriging: Kriging
    shift: ShiftEstimator
    kernel: KernelEstimator
    share: Array
    score_range: Array

    def __post_init__(self) -> None:
        targets = len(self.kriging.target_mean)
        check_shapes("stack", self, {"share": (targets,), "score_range": (2, targets)})
        if not (self.kriging.drift >= ROBUST_DRIFT).any():
            raise BankError(f"stack has no drift size from {ROBUST_DRIFT:g} on")

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        means, variances, evidence = self.kriging.hypotheses(answers)
        *inside, drifted = self.kriging.average(means, variances, evidence)
        large = self.kriging.drift >= ROBUST_DRIFT
        *robust, _ = self.kriging.average(
            np.clip(means, 0.0, 1.0), variances, np.where(large[:, None], evidence, -np.inf)
        )
        kernel, shift = self.kernel.predict(answers), self.shift.predict(answers)
        inside = _mix(self.share, inside, (kernel.mean, kernel.spread))
        beyond = _mix(0.5, robust, (shift.mean, shift.spread))
        gate = self._outside(beyond[0][:, 0], robust[1][:, 0])
        mean, spread = _mix(gate[:, None], inside, beyond)
        return Estimate(mean, spread, 1 - (1 - gate) * (1 - drifted))

    def _outside(self, mean: Array, spread: Array) -> Array:
        """Probability that the overall score lies outside the range, shape (models,)."""
        low, high = self.score_range[:, 0]
        beyond = _normal_cdf((mean - high) / spread) + _normal_cdf((low - mean) / spread)
        return np.asarray(np.minimum(beyond, 1.0))

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        arrays = {"share": self.share, "score_range": self.score_range}
        for part in EXPERTS:
            state = getattr(self, part).state()
            arrays.update({f"{part}/{name}": np.asarray(value) for name, value in state.items()})
        return arrays

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Stack:
        """Rebuild a fitted estimator from ``state()``."""
        arrays = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
        parts = {
            part: expert.from_state(
                {n.removeprefix(f"{part}/"): a for n, a in arrays.items() if n.startswith(part)}
            )
            for part, expert in EXPERTS.items()
        }
        return cls(**parts, share=arrays["share"], score_range=arrays["score_range"])


EXPERTS: dict[str, Any] = {"kriging": Kriging, "shift": ShiftEstimator, "kernel": KernelEstimator}


def fit_stack(
    history: History,
    anchors: Anchors,
    *,
    rng: np.random.Generator,
    drift: Sequence[float] = DRIFT_GRID,
    undrifted: float = 0.8,
    temper: float = 2.0,
    irt_share: float = 0.5,
    shrinkage: float = 0.3,
    length: float = 1.0,
    tail: float = 0.01,
) -> Stack:
    """Fit on source models; ``rng`` is not used.

    Args:
        history: source models only.
        anchors: whose answers will be given.
        rng: for the :class:`Estimator` protocol.
        drift, undrifted, temper, irt_share, shrinkage, length: of :func:`fit_kriging`.
        tail: share of the source models beyond each end of the range, in [0, 0.5).

    Raises:
        ConfigError: an option outside its range, or no drift from ROBUST_DRIFT on.
    """
    if not 0 <= tail < 0.5:
        raise ConfigError(f"tail must lie in [0, 0.5), found {tail}")
    if max(drift) < ROBUST_DRIFT:
        raise ConfigError(f"stack needs a drift size from {ROBUST_DRIFT:g} on, found {list(drift)}")
    covariance = {"irt_share": irt_share, "shrinkage": shrinkage, "length": length}

    def krige(part: History, drift: Sequence[float]) -> Kriging:
        return fit_kriging(
            part, anchors, rng=rng, drift=drift, undrifted=undrifted, temper=temper, **covariance
        )

    return Stack(
        kriging=krige(history, drift),
        shift=fit_shift(history, anchors, rng=rng),
        kernel=fit_kernel_ridge(history, anchors, rng=rng),
        share=_kernel_share(history, anchors, lambda part: krige(part, (0.0,)), rng),
        score_range=np.quantile(history.target_values, [tail, 1 - tail], axis=0),
    )


def _kernel_share(
    history: History,
    anchors: Anchors,
    krige: Callable[[History], Kriging],
    rng: np.random.Generator,
) -> Array:
    """Share of kernel ridge, beside kriging, that predicts left-out source models best.

    Least squares over FOLDS folds (over one where models are MANY), and DOUBT more models that
    speak for none; anchors and item parameters stay, so that a fold costs a fraction of a fit.
    Groups of models stay together, as in the calibration.
    """
    n = history.responses.n_models
    fold = fold_numbers(number_groups(history.responses.models, history.groups, rng), FOLDS)
    if n < LONG_HISTORY or fold.max() + 1 < FOLDS:  # few models, or few groups of them
        return np.zeros(len(history.targets.names))
    enough = rng.permutation(n) < 2 * MANY * FOLDS / (FOLDS - 1)
    answers = history.answers(history.positions(anchors.items))
    steps, errors = [], []
    for k in range(FOLDS if n <= MANY else 1):
        part, out = history.take((fold != k) & enough), fold == k
        linear = krige(part).predict(answers[out]).mean
        steps.append(fit_kernel_ridge(part, anchors, rng=rng).predict(answers[out]).mean - linear)
        errors.append(history.target_values[out] - linear)
    step, error = np.concatenate(steps), np.concatenate(errors)
    doubt = DOUBT * (step**2).mean(0) + 1e-12
    return np.clip((step * error).sum(0) / ((step**2).sum(0) + doubt), 0.0, 1.0)


def _mix(share: Array | float, a: Sequence[Array], b: Sequence[Array]) -> list[Array]:
    """Mean and spread of a mixture that is ``b`` with probability ``share``, of those of each."""
    mean = (1 - share) * a[0] + share * b[0]
    within = (1 - share) * a[1] ** 2 + share * b[1] ** 2
    return [mean, np.sqrt(within + share * (1 - share) * (a[0] - b[0]) ** 2)]


def _normal_cdf(x: Array) -> Array:
    """Standard normal distribution function of numbers of shape (models,)."""
    # Importing scipy's takes longer than all else that `tinyeval predict` imports.
    return np.fromiter(map(NormalDist().cdf, x.tolist()), np.float64, len(x))
