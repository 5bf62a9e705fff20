"""Kriging with evidence averaging: the linear predictor of the default estimator, `stack`.

Under drift hypothesis s (``tinyeval.covariance.item_covariance``) answers and targets are jointly
Gaussian, so the best linear predictor of a target from the answers y on the anchors A is

    t | y = mean_t + C_tA C_AA^-1 (y - mean_A),     var = C_tt - C_tA C_AA^-1 C_At

(Krige 1951; Goldberger 1962).  The drift of a new model is unknown, but its own answers tell: each
hypothesis gives them a Gaussian marginal likelihood, and the predictions are averaged with weights
prior(s) * likelihood(s)^(1 / temper).  Models like the source models keep s near 0.  Other models
get a larger s, under which the history counts less and their own answers more.  Tempering allows
for answers that are not Gaussian.

If the history has soft scores, those of a new model sharpen the prediction under every hypothesis
(:mod:`tinyeval.estimators.soft`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.covariance.item_covariance import check_drift, item_covariance
from tinyeval.covariance.soft import soft_covariance
from tinyeval.errors import BankError, ConfigError
from tinyeval.estimators.base import Estimate, State, check_shapes
from tinyeval.estimators.soft import SoftMoments
from tinyeval.estimators.unanswered import alike
from tinyeval.history import History
from tinyeval.selection.base import Anchors

DRIFT_GRID = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45)
"""Drift sizes averaged over, in score units, with equal prior weights.

The spacing is the prior: about as many sizes below 0.1 (models like the source models) as above.
"""

NOVEL_DRIFT = 0.1
"""Drift from which a model counts as unlike the source models."""


class _Complete(NamedTuple):
    """Arrays for models that answered every anchor, by hypothesis."""

    precision: Array  # C_AA^-1, (hypotheses, anchors, anchors)
    gain: Array  # C_AA^-1 C_At, (hypotheses, anchors, targets)
    variance: Array  # of the targets, (hypotheses, targets)
    log_det: Array  # of C_AA, (hypotheses,)


@dataclass(frozen=True)
class Kriging:
    """Moments of anchors and targets under every drift hypothesis.

    Attributes:
        mean: expected answers, shape (anchors,).
        target_mean: expected targets, shape (targets,).
        cov: covariance of the answers, shape (hypotheses, anchors, anchors).
        cross: covariance of answers and targets, shape (hypotheses, anchors, targets).
        target_variance: variance of the targets, shape (hypotheses, targets).
        log_prior: log prior weights, shape (hypotheses,).
        drift: drift sizes of the hypotheses, shape (hypotheses,).
        temper: the likelihood has exponent 1 / temper, shape ().
        soft: moments of the soft scores; None if the history has none.
    """

    mean: Array
    target_mean: Array
    cov: Array
    cross: Array
    target_variance: Array
    log_prior: Array
    drift: Array
    temper: Array
    soft: SoftMoments | None = None

    def __post_init__(self) -> None:
        n, targets, h = len(self.mean), len(self.target_mean), len(self.drift)
        expected = {
            "cov": (h, n, n),
            "cross": (h, n, targets),
            "target_variance": (h, targets),
            "log_prior": (h,),
            "temper": (),
        }
        check_shapes("kriging", self, expected)
        if self.soft is not None and self.soft.cross.shape != self.cross.shape:
            raise BankError("kriging has soft scores of other anchors, targets or drift sizes")
        if h == 0:
            raise BankError("kriging has no drift sizes, expected one or more")

    @cached_property
    def complete(self) -> _Complete:
        """The arrays that do not depend on the answers, if every anchor is answered."""
        root = np.linalg.inv(np.linalg.cholesky(self.cov))
        precision = root.swapaxes(1, 2) @ root
        gain = precision @ self.cross
        return _Complete(
            precision,
            gain,
            self.target_variance - (self.cross * gain).sum(axis=1),
            -2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1),
        )

    def predict(self, answers: NDArray, soft: NDArray | None = None) -> Estimate:
        """Estimate targets from answers, and soft scores where they are known.

        Args:
            answers: shape (models, anchors), NaN where unanswered.
            soft: soft scores of the same answers, NaN where not known; None: of none.
        """
        means, variances, evidence = self.hypotheses(answers)
        means, variances = self.with_soft(answers, soft, means, variances)
        mean, spread, novelty = self.average(means, variances, evidence)
        return Estimate(mean=mean, spread=spread, novelty=novelty)

    def hypotheses(self, answers: NDArray) -> tuple[Array, Array, Array]:
        """Predict under every drift hypothesis.

        Args:
            answers: shape (models, anchors), NaN where unanswered.

        Returns:
            Means and variances, shape (hypotheses, models, targets); tempered log posterior
            weights, not normalised, shape (hypotheses, models).
        """
        missing = np.isnan(answers)
        deviations = np.where(missing, 0.0, answers - self.mean)
        precision, gain, variance, log_det = self.complete
        pull = deviations @ precision  # (hypotheses, models, anchors)
        square = (pull * deviations).sum(axis=2)
        means = self.target_mean + deviations @ gain
        variances = np.repeat(variance[:, None], len(answers), axis=1)
        log_dets = np.repeat(log_det[:, None], len(answers), axis=1)
        for one in alike(missing, len(precision)):
            left = np.linalg.inv(one.block(precision))
            lacking, lost = one.of(pull), gain[:, one.columns]
            step = lacking @ left
            square[:, one.rows] -= (step * lacking).sum(axis=3)
            means[:, one.rows] -= step @ lost
            variances[:, one.rows] += (lost * (left @ lost)).sum(axis=2)[:, :, None]
            log_dets[:, one.rows] -= np.linalg.slogdet(left)[1][:, :, None]
        evidence = -0.5 * (square + log_dets) / self.temper + self.log_prior[:, None]
        return means, np.maximum(variances, 0.0), evidence

    def with_soft(
        self, answers: NDArray, soft: NDArray | None, means: Array, variances: Array
    ) -> tuple[Array, Array]:
        """Return means and variances of :meth:`hypotheses` given soft scores as well."""
        if self.soft is None or soft is None:
            return means, variances
        return self.soft.read(self, answers, soft, means, variances)

    def average(
        self, means: Array, variances: Array, evidence: Array
    ) -> tuple[Array, Array, Array]:
        """Average the result of :meth:`hypotheses` to mean, spread and novelty of every model."""
        weight = np.exp(evidence - evidence.max(axis=0))
        weight /= weight.sum(0)  # (hypotheses, models)
        mean = np.einsum("hm,hmt->mt", weight, means)
        variance = np.einsum("hm,hmt->mt", weight, variances + (means - mean) ** 2)
        spread = np.sqrt(np.maximum(variance, 1e-10))
        return np.clip(mean, 0.0, 1.0), spread, weight[self.drift >= NOVEL_DRIFT].sum(0)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        own = [one.name for one in fields(self) if one.name != "soft"]
        arrays = {name: np.asarray(getattr(self, name)) for name in own}
        if self.soft is not None:
            arrays |= {f"soft/{name}": array for name, array in self.soft.state().items()}
        return arrays

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Kriging:
        """Rebuild a fitted estimator from ``state()``."""
        arrays = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
        soft = {name.removeprefix("soft/"): a for name, a in arrays.items() if "/" in name}
        own: dict[str, Any] = {name: a for name, a in arrays.items() if "/" not in name}
        return cls(**own, soft=SoftMoments.from_state(soft) if soft else None)


def fit_kriging(
    history: History,
    anchors: Anchors,
    *,
    rng: np.random.Generator,
    drift: Sequence[float] = DRIFT_GRID,
    undrifted: float | None = None,
    moved: float | None = None,
    temper: float = 2.0,
    irt_share: float = 0.5,
    shrinkage: float = 0.3,
    length: float = 1.0,
    unsolved: float = 0.0,
) -> Kriging:
    """Fit on source models; ``rng`` is not used.

    Args:
        history: source models only.
        anchors: the items that a new model answers.
        rng: for the :class:`Estimator` protocol.
        drift: drift sizes to average over.
        undrifted: prior weight of the first size; the others share the rest.  None: equal weights.
        moved: how far models like these have moved, in score units; the prior weight of a size s
            after the first is divided by 1 + (s / moved)^2, and the first gets what is left.
            None: it is not known.
        temper: the marginal likelihood has exponent 1 / temper.
        irt_share, shrinkage, length, unsolved: options of :func:`item_covariance`.
    """
    check_drift(drift)
    if not temper > 0:
        raise ConfigError(f"temper must be above 0, found {temper}")
    options = {"irt_share": irt_share, "shrinkage": shrinkage, "length": length}
    covariance = item_covariance(history, **options, unsolved=unsolved)
    soft = soft_covariance(history, **options, unsolved=unsolved)
    position = {one: k for k, one in enumerate(covariance.items)}
    index = np.array([position[one] for one in anchors.items])
    factors, field = covariance.factors[:, index], covariance.drift[:, index]
    base, shift = factors.T @ factors, field.T @ field
    jitter = 1e-6
    cov = [base + s**2 * shift + np.diag(covariance.own_variance(s)[index] + jitter) for s in drift]
    return Kriging(
        mean=covariance.mean[index],
        target_mean=covariance.target_mean,
        cov=np.array(cov),
        cross=np.array([covariance.with_targets(s)[index] for s in drift]),
        target_variance=np.array([covariance.target_variance(s) for s in drift]),
        log_prior=_log_prior(np.array(drift, dtype=np.float64), undrifted, moved),
        drift=np.array(drift, dtype=np.float64),
        temper=np.array(float(temper)),
        soft=None if soft is None else SoftMoments.of(soft, index, drift),
    )


def _log_prior(drift: Array, first: float | None, moved: float | None) -> Array:
    """Log prior weights of drift sizes; the first has weight ``first``, or more."""
    n = len(drift)
    if n > 1 and first is not None and not 0 < first < 1:
        raise ConfigError(f"undrifted must lie between 0 and 1, found {first}")
    if moved is not None and not moved > 0:
        raise ConfigError(f"moved must be above 0, found {moved}")
    if n == 1:
        return np.zeros(1)
    rest = np.full(n - 1, 1 / n if first is None else (1 - first) / (n - 1))
    if moved is not None:
        rest /= 1 + (drift[1:] / moved) ** 2
    return np.log(np.r_[1 - rest.sum(), rest])
