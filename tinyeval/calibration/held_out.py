"""The held-out models of a fold, predicted from their first 5, 10, ... anchors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.pairs import PairCases, draw_pairs, pair_cases
from tinyeval.compute.arrays import Array
from tinyeval.errors import ConfigError
from tinyeval.estimators.answered import Answered, estimate
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.learning import Learned, anchor_answers, true_targets
from tinyeval.responses import ResponseMatrix


class Cases(NamedTuple):
    """Held-out predictions: arrays (sizes, models, targets), NaN where the target is unknown."""

    mean: Array
    error: Array
    spread: Array
    novelty: Array  # (sizes, models)
    misfit: Array  # (sizes, models)
    excess: Array  # (sizes, models): distance of the predicted overall score beyond the range
    within: NDArray[np.bool_]  # (sizes, models): whether the true overall score lies in the range

    @property
    def ratio(self) -> Array:
        """Absolute errors in units of the spread."""
        return np.abs(self.error) / self.spread


def held_out_cases(
    part: Learned,
    held_out: ResponseMatrix,
    sizes: NDArray[np.int64],
    names: tuple[str, ...],
    seed: int,
) -> tuple[Cases, PairCases]:
    """Predict held-out models from the first 5, 10, ... anchors, for the targets ``names``."""
    answers = anchor_answers(part, held_out)
    truth = _named(part, true_targets(part, held_out), names)
    low, high = np.quantile(part.history.target_values[:, 0], [0, 1])
    # a score that ties with the lowest or highest but for rounding lies within
    within = ~((truth[:, 0] < low - 1e-9) | (truth[:, 0] > high + 1e-9))
    pairs = draw_pairs(held_out.n_models, seed)
    singles, paired = [], []
    for size in sizes:
        cut = answers.first(size)
        one = _read(part, cut, names)
        excess = np.maximum(low - one.mean[:, 0], one.mean[:, 0] - high)
        singles.append(
            Cases(
                mean=one.mean,
                error=one.mean - truth,
                spread=one.spread,
                novelty=one.novelty,
                misfit=one.misfit,
                excess=excess,
                within=within,
            )
        )
        given = {"spread": one.spread, "answers": cut.scores, "p": one.p}
        paired.append(pair_cases(mean=one.mean, truth=truth, pairs=pairs, **given))
    return (
        Cases(*(np.array(arrays) for arrays in zip(*singles, strict=True))),
        PairCases(*(np.array(arrays) for arrays in zip(*paired, strict=True))),
    )


class _Reading(NamedTuple):
    """Predictions of a fold for its held-out models; NaN for a model without answers."""

    mean: Array  # (models, targets)
    spread: Array  # (models, targets)
    novelty: Array  # (models,)
    misfit: Array  # (models,)
    p: Array  # (models, anchors)


def _read(part: Learned, answers: Answered, names: tuple[str, ...]) -> _Reading:
    """Predict the targets ``names`` from answers on the anchors."""
    n, irt = len(answers), part.anchor_model()
    mean, spread = np.full((2, n, len(names)), np.nan)
    novelty, misfit = np.full((2, n), np.nan)
    p = np.full(answers.scores.shape, np.nan)
    rows = np.flatnonzero(answers.some)
    if rows.size:
        given = answers.take(rows)
        found = estimate(part.estimator, given)
        ability = estimate_ability(irt, given.scores)
        mean[rows], spread[rows] = (_named(part, one, names) for one in (found.mean, found.spread))
        novelty[rows], misfit[rows] = found.novelty, misfit_statistic(given.scores, ability)
        p[rows] = irt.probability(ability.mean)
    return _Reading(mean=mean, spread=spread, novelty=novelty, misfit=misfit, p=p)


def _named(part: Learned, values: Array, names: tuple[str, ...]) -> Array:
    """Columns of the targets ``names``; NaN where a fold has no such target."""
    own = part.history.targets.names
    columns = [values[:, own.index(one)] if one in own else values[:, 0] * np.nan for one in names]
    return np.stack(columns, axis=1)


def join(cases: list[Cases]) -> Cases:
    """Put the models of several folds side by side."""
    return Cases(*(np.concatenate(arrays, axis=1) for arrays in zip(*cases, strict=True)))


def mean_error(cases: Cases) -> Array:
    """Mean absolute error by size and target, over models whose targets are known."""
    known = np.isfinite(cases.error)
    total = np.where(known, np.abs(cases.error), 0.0).sum(1)
    return np.asarray(total / np.maximum(known.sum(1), 1))


def known_ratios(folds: list[Cases]) -> list[tuple[Array, Array]]:
    """Predicted means and error ratios, by fold, of the models whose targets are known.

    A model that answered none of the first few anchors counts there with its values at the next
    size.
    """
    found = []
    for cases in folds:
        mean, ratio = cases.mean.copy(), cases.ratio
        for k in range(len(ratio) - 2, -1, -1):
            missing = np.isnan(ratio[k])
            mean[k] = np.where(missing, mean[k + 1], mean[k])
            ratio[k] = np.where(missing, ratio[k + 1], ratio[k])
        known = np.flatnonzero(np.isfinite(ratio).all(axis=(0, 2)))
        found.append((mean[:, known], ratio[:, known]))
    if not any(ratio.size for _, ratio in found):
        raise ConfigError(
            "no held-out model has a known target to calibrate on; every model lacks too many "
            "answers: drop items or models with few answers"
        )
    return found
