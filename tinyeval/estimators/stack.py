"""The default estimator: one predictor within the source models' range, one beyond it, and a gate.

Within the range, the best predictor relies on the history: kriging, averaged over drift sizes with
four fifths of the prior weight on no drift, mixed with kernel ridge.  The share of kernel ridge is
the one that predicts left-out source models best, shrunk towards 0 because only long histories
determine it (Wolpert 1992, stacked generalisation).

Beyond the range, reliance on the history breaks every learned method.  Two predictors that rely on
the model's own answers hold: kriging under large drift, and shifted difficulty, which takes only
the items' difficulties from the history, and only KEPT of their differences, because what is hard
for one kind of model is less hard for another.  They err differently (the first uses how items vary
together, the second that scores are bounded), so their mean is better than either.

The gate g (:mod:`tinyeval.estimators.gate`) decides between the two.  It is the probability, given
the robust prediction t ~ N(r, v) and a prior, that the model's score lies outside the central 98 %
of the source models' scores:

    prediction = (1 - g) inside + g E[t | t outside, r].

The prior is what a history says of models beyond it: next to nothing where scores differ by chance
alone, little where they lie close together, most where they are spread and break off.  So a model
stronger or weaker than the source models is not pulled back to them, a model among them keeps the
precision that the history gives, and a history of much the same models is not left for the scatter
of a few answers.  The drift averaging of the first predictor still notices models that score like
the source models but answer unlike them; it too expects less where the history has moved less.  The
gate of the overall score serves the benchmarks as well, because a single benchmark has too few
anchors for its own.

Soft scores sharpen the first predictor alone; all others, the gate among them, read the answers.
Kernel ridge then has two shares, beside kriging without soft scores and with them, and a model gets
the mean of the two, weighted by the part of its answers whose soft scores are known.

Banks from before the prior have a gate of their own: P(t outside) under N(r, v), and r itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import BankError, ConfigError
from tinyeval.estimators.base import Estimate, State, check_shapes
from tinyeval.estimators.gate import (
    ODDS,
    ODDS_CHECKPOINTS,
    are_checkpoints,
    mix,
    normal_cdf,
    posterior_beyond,
    prior_beyond,
    share_beyond_chance,
)
from tinyeval.estimators.kernel_share import kernel_shares, share_of
from tinyeval.estimators.kriging import DRIFT_GRID, Kriging, fit_kriging
from tinyeval.estimators.regression import KernelEstimator, fit_kernel_ridge
from tinyeval.estimators.shift import ShiftEstimator
from tinyeval.estimators.slopes import SlopeAverage, fit_slopes
from tinyeval.estimators.trials import Repeats, find_repeats
from tinyeval.history import History
from tinyeval.selection.base import Anchors

ROBUST_DRIFT = 0.15
"""Smallest drift size that enters the robust kriging."""


MOVED = 2.0
"""Drift size at which its prior weight is halved, in standard deviations without chance."""

LEAST_MOVED = 0.01
"""The same in score units where source models hardly differ."""


@dataclass(frozen=True)
class Stack:
    """The predictors within and beyond the range, and the range.

    Attributes:
        kriging: kriging under every drift hypothesis.
        shift: shifted difficulty on the same anchors; of one slope in older banks.
        kernel: kernel ridge on the same anchors.
        share: weight of kernel ridge within the range, shape (targets,).
        score_range: quantiles of the source models' targets that bound the range, shape
            (2, targets).
        prior: of scores beyond the range, as :func:`tinyeval.estimators.gate.prior_beyond` returns
            it, shape (4,); (3,) in older banks, None in banks from before it.
        repeats: run noise, if the history's answers were repeated
            (:mod:`tinyeval.estimators.trials`); soft scores are then not read.
        soft_share: weight of kernel ridge where soft scores are known, shape (targets,); None if
            none are read.
    """

    kriging: Kriging
    shift: ShiftEstimator | SlopeAverage
    kernel: KernelEstimator
    share: Array
    score_range: Array
    prior: Array | None = None
    repeats: Repeats | None = None
    soft_share: Array | None = None

    def __post_init__(self) -> None:
        targets = len(self.kriging.target_mean)
        expected = {"share": (targets,), "score_range": (2, targets)}
        expected["prior"] = (3 if self.prior is not None and np.size(self.prior) == 3 else 4,)
        expected["soft_share"] = (targets,)
        there = {name: one for name, one in expected.items() if getattr(self, name) is not None}
        check_shapes("stack", self, there)
        if not (self.kriging.drift >= ROBUST_DRIFT).any():
            raise BankError(f"stack has no drift size from {ROBUST_DRIFT:g} on")

    def predict(
        self, answers: NDArray, trials: NDArray | None = None, soft: NDArray | None = None
    ) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered.

        ``trials``, numbers of runs of that shape (None: one each), count for a repeated history;
        ``soft``, soft scores of that shape (NaN where not known), for a history that has some.
        """
        if self.repeats is not None:
            return self._predict_runs(self.repeats, answers, trials)
        return self.gated(answers, soft)[0]

    def gated(self, answers: NDArray, soft: NDArray | None = None) -> tuple[Estimate, Array]:
        """Return :meth:`predict`'s estimate, and the gate of every model, shape (models,).

        The answers count as single runs.
        """
        means, variances, evidence = self.kriging.hypotheses(answers)
        sharper = self.kriging.with_soft(answers, soft, means, variances)
        *inside, drifted = self.kriging.average(*sharper, evidence)
        robust = self._robust(means, variances, evidence)
        kernel, shift = self.kernel.predict(answers), self.shift.predict(answers)
        share = share_of(answers, soft, self.share, self.soft_share)
        inside = mix(share, inside, (kernel.mean, kernel.spread))
        return self._gated(inside, robust, (shift.mean, shift.spread), drifted)

    def _robust(self, means: Array, variances: Array, evidence: Array) -> list[Array]:
        """Average the hypotheses of large drift to mean and spread; they weigh the same."""
        large = self.kriging.drift >= ROBUST_DRIFT
        alike = np.where(large, self.kriging.log_prior, np.inf)
        means = np.clip(means, 0.0, 1.0)
        return list(self.kriging.average(means, variances, evidence - alike[:, None])[:2])

    def _gated(
        self, inside: list[Array], robust: list[Array], shift: Sequence[Array], drifted: Array
    ) -> tuple[Estimate, Array]:
        """Weigh mean and spread inside against those beyond, by the first target; and the gate."""
        beyond = mix(0.5, robust, shift)
        gate, expected = self._outside(beyond[0][:, 0], robust[1][:, 0])
        # the benchmarks move by as many of their own spreads as the overall score
        steps = (expected - beyond[0][:, 0]) / beyond[1][:, 0]
        beyond[0] = np.clip(beyond[0] + steps[:, None] * beyond[1], 0.0, 1.0)
        mean, spread = mix(gate[:, None], inside, beyond)
        novelty = 1 - (1 - gate) * (1 - drifted)
        return Estimate(mean=mean, spread=spread, novelty=novelty), gate

    def _predict_runs(self, repeats: Repeats, answers: NDArray, trials: NDArray | None) -> Estimate:
        """Estimate expected scores, and scores of the same runs."""
        share = np.tile(self.share, 2)

        def read(given: NDArray, inverse: Array) -> Estimate:
            kriging = repeats.kriging(self.kriging, inverse[0])
            hypotheses = kriging.hypotheses(given)
            *both, drifted = kriging.average(*hypotheses)
            kernel = repeats.kernel(self.kernel, given, inverse[0], both)
            shift = self.shift.predict_runs(given, repeats.runs(inverse))
            inside, robust = (
                [one[:, : len(share)] for one in values]
                for values in (both, self._robust(*hypotheses))
            )
            inside = mix(share, inside, (kernel.mean, kernel.spread))
            return self._gated(inside, robust, (shift.mean, shift.spread), drifted)[0]

        return repeats.predict(answers, trials, read)

    def _outside(self, mean: Array, spread: Array) -> tuple[Array, Array]:
        """Probability that the overall score lies outside the range, and its mean there."""
        low, high = self.score_range[:, 0]
        if self.prior is not None:
            return posterior_beyond(mean, spread, low, high, self.prior)
        beyond = normal_cdf((mean - high) / spread) + normal_cdf((low - mean) / spread)
        return np.asarray(np.minimum(beyond, 1.0)), mean

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        arrays = {"share": self.share, "score_range": self.score_range}
        maybe = {"prior": self.prior, "soft_share": self.soft_share}
        arrays |= {name: one for name, one in maybe.items() if one is not None}
        for part in EXPERTS:
            if getattr(self, part) is None:
                continue
            state = getattr(self, part).state()
            arrays.update({f"{part}/{name}": np.asarray(value) for name, value in state.items()})
        return arrays

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Stack:
        """Rebuild a fitted estimator from ``state()``."""
        arrays = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
        parts: dict[str, Any] = {}
        for part, expert in EXPERTS.items():
            own = {n.removeprefix(f"{part}/"): a for n, a in arrays.items() if n.startswith(part)}
            if own or part != "repeats":
                kind = SlopeAverage if part == "shift" and "slopes" in own else expert
                parts[part] = kind.from_state(own)
        names = ("share", "score_range", "prior", "soft_share")
        rest: dict[str, Any] = {n: arrays.get(n) for n in names}
        return cls(**parts, **rest)


EXPERTS: dict[str, Any] = {
    "kriging": Kriging,
    "shift": ShiftEstimator,
    "kernel": KernelEstimator,
    "repeats": Repeats,
}
"""Parts with a state of their own; ``repeats`` may be None."""


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
    unsolved: float = 0.0,
    tail: float = 0.01,
    odds: float | None = None,
) -> Stack:
    """Fit on source models; ``rng`` is not used.

    Args:
        history: source models only.
        anchors: the items that a new model answers.
        rng: for the :class:`Estimator` protocol.
        drift, undrifted, temper, irt_share, shrinkage, length, unsolved: options of
            :func:`fit_kriging`.
        tail: share of the source models beyond each end of the range, in [0, 0.5).
        odds: prior density just beyond the range of a wide history, relative to within, from 0; the
            larger, the sooner a model counts as beyond.  None: ODDS, or ODDS_CHECKPOINTS where the
            models table has the columns ``run`` and ``step``.

    Raises:
        ConfigError: an option outside its range, or no drift size of at least ROBUST_DRIFT.
    """
    _check_options(tail, drift, odds)
    if odds is None:
        odds = ODDS_CHECKPOINTS if are_checkpoints(history) else ODDS
    covariance = {"irt_share": irt_share, "shrinkage": shrinkage, "length": length}
    covariance["unsolved"] = unsolved
    scores, alpha = history.target_values[:, 0], share_beyond_chance(history)
    moved = max(MOVED * float(scores.std()) * alpha**0.5, LEAST_MOVED)

    def krige(part: History, drift: Sequence[float]) -> Kriging:
        own = {"undrifted": undrifted, "moved": moved, "temper": temper, **covariance}
        return fit_kriging(part, anchors, rng=rng, drift=drift, **own)

    kriging = krige(history, drift)
    shares = kernel_shares(history, anchors, lambda part: krige(part, (0.0,)), rng)
    return Stack(
        kriging=kriging,
        shift=fit_slopes(history, anchors, rng=rng),
        kernel=fit_kernel_ridge(history, anchors, rng=rng),
        share=shares[0],
        score_range=np.quantile(history.target_values, [tail, 1 - tail], axis=0),
        prior=prior_beyond(scores, alpha, odds),
        repeats=find_repeats(history, anchors, item_covariance(history, **covariance)),
        soft_share=None if kriging.soft is None else shares[1],
    )


def _check_options(tail: float, drift: Sequence[float], odds: float | None) -> None:
    if not (isinstance(tail, (int, float)) and 0 <= tail < 0.5):
        raise ConfigError(f"tail must lie in [0, 0.5), found {tail!r}")
    if max(drift) < ROBUST_DRIFT:
        raise ConfigError(f"stack needs a drift size from {ROBUST_DRIFT:g} on, found {list(drift)}")
    if odds is not None and not (isinstance(odds, (int, float)) and 0 <= odds < np.inf):
        raise ConfigError(f"odds must be a number from 0, found {odds!r}")
