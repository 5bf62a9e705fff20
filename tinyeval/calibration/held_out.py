"""The held-out models of a fold, predicted from their first 5, 10, ... anchors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.pairs import PairCases, draw_pairs, pair_cases
from tinyeval.calibration.replayed import replayed
from tinyeval.compute.arrays import Array
from tinyeval.errors import ConfigError
from tinyeval.estimators.answered import Answered, estimate
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.learning import Learned
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
    runs: int | None = None,
    draw: int = 0,
) -> tuple[Cases, PairCases]:
    """Predict held-out models from the first 5, 10, ... anchors, for the targets ``names``.

    With ``runs``, they are replayed with that number of runs, in one of several draws
    (:mod:`tinyeval.calibration.replayed`).
    """
    again = replayed(part, held_out, runs, seed, draw)
    answers = again.answers
    again = again.named(lambda values: named_targets(part, values, names))
    truth = again.truth
    # a score that ties with the lowest or highest but for rounding lies within
    within = ~(beyond_range(part, truth) > 1e-9)
    pairs = draw_pairs(held_out.n_models, seed)
    singles, paired = [], []
    for size in sizes:
        cut = answers.first(size)
        one = read_held_out(part, cut, names)
        error = again.error((one.mean, one.spread), one.of_runs)
        singles.append(
            Cases(
                mean=one.mean,
                error=error,
                spread=one.spread,
                novelty=one.novelty,
                misfit=one.misfit,
                excess=beyond_range(part, one.mean),
                within=within,
            )
        )
        given = {"spread": one.spread, "answers": cut.scores, "p": one.p}
        true = truth if runs is None and one.of_runs is None else one.mean - error
        paired.append(pair_cases(mean=one.mean, truth=true, pairs=pairs, **given))
    return (
        Cases(*(np.array(arrays) for arrays in zip(*singles, strict=True))),
        PairCases(*(np.array(arrays) for arrays in zip(*paired, strict=True))),
    )


def beyond_range(part: Learned, values: Array) -> Array:
    """Return how far overall scores lie beyond the range of the source models, shape (models,).

    Args:
        part: what was learned in the fold.
        values: of the targets, the overall score first, shape (models, targets).
    """
    scores = part.history.target_values[:, 0]
    return np.asarray(np.maximum(scores.min() - values[:, 0], values[:, 0] - scores.max()))


class HeldOutReading(NamedTuple):
    """Predictions of a fold for its held-out models; NaN for a model without answers."""

    mean: Array  # (models, targets)
    spread: Array  # (models, targets)
    of_runs: tuple[Array, Array] | None  # the same of the scores of the same runs
    novelty: Array  # (models,)
    misfit: Array  # (models,)
    p: Array  # (models, anchors)


def read_held_out(part: Learned, answers: Answered, names: tuple[str, ...]) -> HeldOutReading:
    """Predict the targets ``names`` from answers on the anchors."""
    n, irt = len(answers), part.anchor_model()
    mean, spread = np.full((2, n, len(names)), np.nan)
    novelty, misfit = np.full((2, n), np.nan)
    p = np.full(answers.scores.shape, np.nan)
    of_runs = None
    rows = np.flatnonzero(answers.some)
    if rows.size:
        given = answers.take(rows)
        found = estimate(part.estimator, given)
        ability = estimate_ability(irt, given.scores)
        mean[rows], spread[rows] = (
            named_targets(part, one, names) for one in (found.mean, found.spread)
        )
        novelty[rows], misfit[rows] = found.novelty, misfit_statistic(given.scores, ability)
        p[rows] = irt.probability(ability.mean)
        if found.run_mean is not None:
            of_runs = np.full((2, n, len(names)), np.nan)
            of_runs[:, rows] = [named_targets(part, one, names) for one in found.of_runs()]
    told = None if of_runs is None else (of_runs[0], of_runs[1])
    return HeldOutReading(mean, spread, told, novelty=novelty, misfit=misfit, p=p)


def named_targets(part: Learned, values: Array, names: tuple[str, ...]) -> Array:
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
