"""p-IRT and gp-IRT: answers where given, IRT expectations elsewhere.

With the ability theta estimated from all answered anchors (by MAP; the authors maximise the
likelihood), target weights W and P_i(theta) of the item-response model,

    p-IRT    P = sum_{i answered} W_i y_i + sum_{i unanswered} W_i P_i(theta)
    gp-IRT   lambda * Z + (1 - lambda) * P,    lambda = b^2 / (v + b^2)

(Maia Polo et al. 2024, "tinyBenchmarks").  Z is the weighted mean of the anchors, v its error
variance, b the error of the IRT prediction on source models held out of its fit.  The spread of P
combines the uncertainty of theta and the Bernoulli noise of the unanswered items,

    spread^2 = g' Cov(theta) g + sum_{i unanswered} W_i^2 P_i (1 - P_i),    g = dP / dtheta,

and the errors of Z and P, which share that noise, are taken as fully correlated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import whole
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.common import SMALLEST_SPREAD, Link, fit_link
from tinyeval.estimators.means import WeightedMean, fit_weighted_anchors
from tinyeval.history import History
from tinyeval.irt.ability import CELLS_AT_ONCE, estimate_ability
from tinyeval.irt.model import IRTModel
from tinyeval.selection.base import Anchors

PARAMETERS = ("discrimination", "intercept", "guessing", "ability_mean", "ability_cov")

HELD_OUT = 5
"""One in this many source models is held out to measure b, as in the authors' code."""


@dataclass(frozen=True)
class IRTEstimator:
    """p-IRT (``blend`` 0) or gp-IRT.

    Attributes:
        model: the IRT parameters of every item of the benchmark.
        columns: positions of the anchors among the items, shape (anchors,).
        weights: weights of the targets, shape (targets, items).
        blend: lambda, shape (targets,).
        means: the weighted mean Z of the anchors.
        link: link from the mean over items to the target.
    """

    model: IRTModel
    columns: NDArray[np.intp]
    weights: Array
    blend: Array
    means: WeightedMean
    link: Link

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        size = max(1, CELLS_AT_ONCE // len(self.model.items))
        blocks = [self._p_irt(answers[k : k + size]) for k in range(0, len(answers), size)]
        mean = np.concatenate([block[0] for block in blocks])
        spread = np.concatenate([block[1] for block in blocks])
        z = self.means.predict(answers)
        mean = self.blend * z.mean + (1.0 - self.blend) * mean
        spread = self.blend * z.spread + (1.0 - self.blend) * spread
        mean = self.link.offset + self.link.slope * mean
        spread = np.sqrt((self.link.slope * spread) ** 2 + self.link.variance)
        return Estimate(
            mean=np.clip(mean, 0.0, 1.0),
            spread=np.maximum(spread, SMALLEST_SPREAD),
            novelty=np.zeros(len(answers)),
        )

    def _p_irt(self, answers: NDArray) -> tuple[Array, Array]:
        """Mean and spread of p-IRT, both of shape (models, targets)."""
        anchors = self.model.take(self.columns)
        weights = self.weights[:, self.columns]
        ability = estimate_ability(anchors, answers)
        seen = ~np.isnan(answers)
        everything = _expect(self.model, self.weights, ability.mean)
        answered = _expect(anchors, weights, ability.mean, seen)
        gradient = everything.gradient - answered.gradient
        mean = np.where(seen, answers, 0.0) @ weights.T + everything.mean - answered.mean
        variance = np.einsum("mtd,mde,mte->mt", gradient, ability.cov, gradient)
        variance += np.maximum(everything.noise - answered.noise, 0.0)
        return mean, np.sqrt(variance)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        return {
            **{name: np.asarray(getattr(self.model, name)) for name in PARAMETERS},
            **{name: getattr(self, name) for name in ("columns", "weights", "blend")},
            **{f"means.{name}": value for name, value in self.means.state().items()},
            **{f"link.{name}": value for name, value in asdict(self.link).items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> IRTEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        items = tuple(str(k) for k in range(len(state["intercept"])))
        return cls(
            IRTModel(items, *(state[name] for name in PARAMETERS)),
            state["columns"],
            state["weights"],
            state["blend"],
            WeightedMean.from_state(_part(state, "means.")),
            Link(**_part(state, "link.")),
        )


def fit_p_irt(history: History, anchors: Anchors, *, rng: np.random.Generator) -> IRTEstimator:
    """Fit p-IRT: answers where given, IRT expectations elsewhere."""
    means = fit_weighted_anchors(history, anchors, rng=rng)
    return IRTEstimator(
        model=history.fit.model,
        columns=history.positions(anchors.items),
        weights=history.targets.weights,
        blend=np.zeros(len(history.targets.names)),
        # The link covers the distance to an external column; Z estimates the mean over items.
        means=replace(means, gap=np.zeros_like(means.gap)),
        link=fit_link(history),
    )


def fit_gp_irt(history: History, anchors: Anchors, *, rng: np.random.Generator) -> IRTEstimator:
    """Fit gp-IRT: p-IRT blended with the weighted mean of the anchors.

    The authors set v to the variance of a model's answers divided by n for random items, and by 4 n
    for anchor points.  Here v is measured on the source models, with the variance over 4 n as its
    bound.
    """
    fitted = fit_p_irt(history, anchors, rng=rng)
    scores = whole(history.filled)
    z = fitted.means.predict(scores[:, fitted.columns]).mean
    v = ((z - scores @ history.targets.weights.T) ** 2).mean(axis=0)
    v = np.maximum(v, fitted.means.variance / (4.0 * len(anchors)))
    b2 = validation_error(history, rng=rng) ** 2
    return replace(fitted, blend=np.divide(b2, v + b2, out=np.zeros_like(v), where=v + b2 > 0))


def validation_error(history: History, *, rng: np.random.Generator) -> Array:
    """Mean absolute error of IRT predictions on source models held out of the fit.

    The held-out models' abilities are estimated from every second item; the error is that of the
    mean over the other items.

    Returns:
        Array of shape (targets,).
    """
    from tinyeval.irt.fit import fit_irt

    responses, full = history.responses, history.fit.model
    models = rng.permutation(responses.n_models)
    held_out, source = np.split(models, [max(1, len(models) // HELD_OUT)])
    items = np.flatnonzero(responses.observed[source].any(axis=0))
    model = fit_irt(
        responses.take(source, items), dimensions=full.dimensions, guessing=full.guessing[items]
    ).model
    scores = responses.scores[np.ix_(held_out, items)]
    even, odd = np.arange(0, len(items), 2), np.arange(1, len(items), 2)
    ability = estimate_ability(model.take(even), scores[:, even])
    miss = model.take(odd).probability(ability.mean) - scores[:, odd]
    weights = history.targets.weights[:, items[odd]]
    weights = np.where(weights.any(axis=1, keepdims=True), weights, weights[:1])
    seen = ~np.isnan(miss)
    total = seen @ weights.T
    error = np.abs(np.where(seen, miss, 0.0) @ weights.T)
    rate = np.divide(error, total, out=np.zeros_like(error), where=total > 0)
    return np.asarray(rate.sum(axis=0) / np.maximum((total > 0).sum(axis=0), 1))


class _Expectation(NamedTuple):
    mean: Array  # (models, targets)
    gradient: Array  # (models, targets, dimensions)
    noise: Array  # (models, targets)


def _expect(
    model: IRTModel, weights: Array, ability: Array, mask: NDArray[np.bool_] | None = None
) -> _Expectation:
    """Return sums over (masked) items of P and dP / dtheta by weight, P (1 - P) by its square."""
    p = model.probability(ability)
    slope = (p - model.guessing) * (1.0 - p) / (1.0 - model.guessing)
    noise = p * (1.0 - p)
    if mask is not None:
        p, slope, noise = p * mask, slope * mask, noise * mask
    targets, items = weights.shape
    loadings = (weights.T[:, :, None] * model.discrimination[:, None, :]).reshape(items, -1)
    gradient = (slope @ loadings).reshape(len(p), targets, -1)
    return _Expectation(p @ weights.T, gradient, noise @ (weights**2).T)


def _part(state: Mapping[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
