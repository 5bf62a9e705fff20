"""Intervals by cross-conformal calibration over the source models.

The whole method is learned again without some of the source models, which are then predicted; the
ratios |error| / spread of those predictions say how far the spread can be trusted, and their
quantile scales it (normalised conformal scores: Lei et al. 2018; cross-conformal: Vovk 2015), more
where models of such a score are predicted worse (:mod:`tinyeval.calibration.scale_by_score`).
Random folds calibrate models like the source ones; of very many models a few folds are enough, each
learned from a part of the others.  Four more calibrate what lies beyond, where
every method errs more: learn from the weaker models and predict the strongest, and the other way
round, once without and once with a gap between, because a new model may be just above the last one
or far beyond it.  Where a column names groups of models alike (:mod:`tinyeval.groups`), whole
groups are drawn, and no fold predicts a model from its siblings.

The same held-out models give the thresholds of ``in_range`` and ``misfit``, and the expected error
by number of answered anchors.  Two models that the same fold holds out are predicted by the same
bank, as two new models are: their pairs calibrate differences (:mod:`tinyeval.comparison`).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.folds import Fold, draw_folds, some_models
from tinyeval.calibration.intervals import NO_LIMIT, Calibration, PairCalibration
from tinyeval.calibration.pairs import PairCases, calibrate_pairs, draw_pairs, pair_cases
from tinyeval.calibration.scale_by_score import fit_scale, scaled_ratios
from tinyeval.compute.processes import ALONE, Ranks
from tinyeval.compute.threads import side_by_side
from tinyeval.errors import ConfigError
from tinyeval.groups import check_groups
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.irt.model import Array
from tinyeval.learning import Learned, anchor_answers, true_targets
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix

SIZES = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
"""Numbers of answered anchors at which the calibration is done, as far as the bank has them."""

FALSE_ALARM = 0.05
"""Share of held-out models within the source's range that ``in_range`` flags, and ``misfit``."""

T = TypeVar("T")
Learn = Callable[[ResponseMatrix], Learned]


class Cases(NamedTuple):
    """Held-out predictions: arrays (sizes, models, targets), NaN where the target is unknown."""

    mean: Array
    error: Array
    spread: Array
    novelty: Array  # (sizes, models)
    surprise: Array  # (sizes, models)
    excess: Array  # (sizes, models): how far the overall score is predicted beyond the range
    within: NDArray[np.bool_]  # (sizes, models): whether its true value lies in the range

    @property
    def ratio(self) -> Array:
        """Absolute errors in units of the spread."""
        return np.abs(self.error) / self.spread


def calibrate(
    responses: ResponseMatrix,
    learned: Learned,
    learn: Learn,
    *,
    folds: int,
    seed: int,
    groups: str | None = None,
    parallel: bool = True,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
) -> tuple[Calibration, PairCalibration]:
    """Learn again without some source models, predict those, and keep what that tells.

    Args:
        responses: all source models.
        learned: the method learned on all of them.
        learn: learns the method on some of them.
        folds: number of random folds.
        seed: of the folds.
        groups: column of the models table; no fold learns from a group that it predicts.
        parallel: learn on several folds at once; ``learn`` must then be safe in threads.
        progress: called with (done, total, what).
        ranks: processes that were given the same; they share the folds.
    """
    if responses.n_models < 5:
        raise ConfigError(f"calibration needs at least 5 models, found {responses.n_models}")
    check_groups(responses.models, groups)
    sizes = np.array([s for s in SIZES if s < len(learned.anchors)] + [len(learned.anchors)])
    values = learned.history.target_values
    plan = list(draw_folds(responses, values[:, 0], min(folds, responses.n_models), seed, groups))

    def predict(fold: Fold) -> tuple[Cases, PairCases]:
        source = responses.take(some_models(fold.source, responses.models.ids, seed))
        asked = source.answered()[1]
        part = learn(source.take(None, asked))
        held_out = responses.take(fold.held_out, asked)
        return _cases(part, held_out, sizes, learned.history.targets.names, seed)

    def report(done: int) -> None:
        if progress is not None:
            progress(min(done * ranks.size, len(plan)), len(plan), "calibrating on held-out models")

    report(0)
    cells = responses.scores.size if parallel else np.inf
    cases = _shared(predict, plan, cells, report, ranks)
    inside, beyond = (
        [one for fold, one in zip(plan, cases, strict=True) if fold.beyond == side]
        for side in (False, True)
    )
    return _summary(sizes, inside, beyond, values, learned.noise())


def _summary(
    sizes: NDArray[np.int64],
    inside: list[tuple[Cases, PairCases]],
    beyond: list[tuple[Cases, PairCases]],
    values: Array,
    noise: Array,
) -> tuple[Calibration, PairCalibration]:
    """Keep what the held-out models of the folds, and their pairs, tell."""
    known = [_known([one for one, _ in side]) for side in (inside, beyond)]
    ratios = tuple(
        np.sort(np.concatenate([ratio for _, ratio in side], axis=1), axis=1) for side in known
    )
    singles = _join([one for one, _ in inside])
    return (
        _calibration(sizes, known[0], ratios[1], singles, values, noise),
        calibrate_pairs(sizes, [two for _, two in inside], [two for _, two in beyond], ratios),
    )


def _shared(
    predict: Callable[[Fold], T],
    plan: list[Fold],
    cells: float,
    report: Callable[[int], None],
    ranks: Ranks,
) -> list[T]:
    """Return ``predict`` of every fold, each done by one of the processes."""
    mine = [k for k in range(len(plan)) if ranks.mine(k)]
    own = side_by_side(predict, [plan[k] for k in mine], cells, report)
    shares = ranks.gather(list(zip(mine, own, strict=True)))
    return [one for _, one in sorted((pair for part in shares for pair in part), key=itemgetter(0))]


def _calibration(
    sizes: NDArray[np.int64],
    known: list[tuple[Array, Array]],
    beyond: Array,
    inside: Cases,
    values: Array,
    noise: Array,
) -> Calibration:
    """Put together what single models tell: ``known`` by fold, and all of ``inside``."""
    limits = [
        _range_limits(*one)
        for one in zip(inside.excess, inside.novelty, inside.within, strict=True)
    ]
    surprise_limit = [
        _limit(one[within]) for one, within in zip(inside.surprise, inside.within, strict=True)
    ]
    margin, novelty_limit = np.transpose(limits)
    everyone = (np.concatenate(arrays, axis=1) for arrays in zip(*known, strict=True))
    return Calibration(
        sizes,
        np.sort(scaled_ratios(known), axis=1),
        beyond,
        np.array([values.min(0), values.max(0)]),
        margin,
        novelty_limit,
        np.array(surprise_limit),
        _mean_error(inside),
        noise,
        *fit_scale(*everyone),
    )


def _cases(
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
    within = ~((truth[:, 0] < low) | (truth[:, 0] > high))
    pairs = draw_pairs(held_out.models.ids, seed)
    singles, paired = [], []
    for size in sizes:
        cut = answers.copy()
        cut[:, size:] = np.nan
        mean, spread, novelty, surprised, p = _predicted(part, cut, names)
        excess = np.maximum(low - mean[:, 0], mean[:, 0] - high)
        singles.append(Cases(mean, mean - truth, spread, novelty, surprised, excess, within))
        paired.append(pair_cases(mean, truth, spread, cut, p, pairs))
    return (
        Cases(*(np.array(arrays) for arrays in zip(*singles, strict=True))),
        PairCases(*(np.array(arrays) for arrays in zip(*paired, strict=True))),
    )


def _predicted(
    part: Learned, answers: Array, names: tuple[str, ...]
) -> tuple[Array, Array, Array, Array, Array]:
    """Mean, spread, novelty, surprise and probabilities; NaN for a model without answers."""
    n, irt = len(answers), part.anchor_model()
    mean, spread = np.full((2, n, len(names)), np.nan)
    novelty, surprised = np.full((2, n), np.nan)
    p = np.full(answers.shape, np.nan)
    rows = np.flatnonzero(~np.isnan(answers).all(axis=1))
    if rows.size:
        estimate = part.estimator.predict(answers[rows])
        ability = estimate_ability(irt, answers[rows])
        mean[rows], spread[rows] = (
            _named(part, one, names) for one in (estimate.mean, estimate.spread)
        )
        novelty[rows], surprised[rows] = estimate.novelty, misfit_statistic(answers[rows], ability)
        p[rows] = irt.probability(ability.mean)
    return mean, spread, novelty, surprised, p


def _named(part: Learned, values: Array, names: tuple[str, ...]) -> Array:
    """Columns of the targets ``names``; NaN where a fold has no such target."""
    own = part.history.targets.names
    columns = [values[:, own.index(one)] if one in own else values[:, 0] * np.nan for one in names]
    return np.stack(columns, axis=1)


def _join(cases: list[Cases]) -> Cases:
    """Put the models of several folds side by side."""
    return Cases(*(np.concatenate(arrays, axis=1) for arrays in zip(*cases, strict=True)))


def _mean_error(cases: Cases) -> Array:
    """Mean absolute error by size and target, of the models whose targets are known."""
    known = np.isfinite(cases.error)
    total = np.where(known, np.abs(cases.error), 0.0).sum(1)
    return np.asarray(total / np.maximum(known.sum(1), 1))


def _known(folds: list[Cases]) -> list[tuple[Array, Array]]:
    """Means and ratios of the models of each fold whose targets are known.

    A model that answered none of the first few anchors counts there as it does with more of them.
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
            "no held-out model has a known target to calibrate on; every model misses too many "
            "answers: drop items or models with few answers"
        )
    return found


def _range_limits(excess: Array, novelty: Array, within: NDArray[np.bool_]) -> tuple[float, float]:
    """Margin of the range and limit of novelty that together flag FALSE_ALARM of the models.

    A score predicted beyond the range speaks louder than novelty, so the margin is set first, at 0
    if it can be, and novelty may flag what is left.
    """
    known = within & np.isfinite(excess) & np.isfinite(novelty)
    excess, novelty = excess[known], novelty[known]
    margin = max(_limit(excess), 0.0) if known.any() else 0.0
    outside = excess > margin
    return margin, _limit(novelty[~outside], int(outside.sum()))


def _limit(values: Array, flagged: int = 0) -> float:
    """Value that a share FALSE_ALARM of models exceeds; the largest if they are few.

    Args:
        values: of the models not flagged yet; those that are not finite do not count.
        flagged: number of models that are flagged already.
    """
    values = np.sort(values[np.isfinite(values)])
    n = len(values) + flagged
    if not len(values):
        return NO_LIMIT
    rank = int(np.ceil((n + 1) * (1 - FALSE_ALARM)))
    return float(values[min(rank, len(values)) - 1])
