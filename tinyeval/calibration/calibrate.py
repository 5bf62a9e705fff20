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
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.folds import Fold, draw_folds, some_models
from tinyeval.calibration.held_out import Cases, held_out_cases, join, known_ratios, mean_error
from tinyeval.calibration.intervals import NO_LIMIT, Calibration, PairCalibration
from tinyeval.calibration.pairs import PairCases, calibrate_pairs
from tinyeval.calibration.scale_by_score import fit_scale, scaled_ratios
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.compute.threads import one_thread, side_by_side
from tinyeval.errors import ConfigError
from tinyeval.irt.model import Array
from tinyeval.learning import Learned
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import MIN_MODELS

SIZES = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
"""Numbers of answered anchors at which the calibration is done, as far as the bank has them."""

FALSE_ALARM = 0.05
"""Share of held-out models within the source's range that ``in_range`` flags, and ``misfit``."""

T = TypeVar("T")
Again = Callable[[ResponseMatrix], Learned]


def calibrate(
    learned: Learned,
    again: Again,
    *,
    folds: int,
    seed: int,
    groups: str | None = None,
    parallel: bool = True,
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> tuple[Calibration, PairCalibration]:
    """Learn again without some source models, predict those, and keep what that tells.

    Args:
        learned: the method learned on all source models.
        again: learns the method on some of them.
        folds: number of random folds.
        seed: of the folds.
        groups: column of the models table; no fold learns from a group that it predicts.
        parallel: learn on several folds at once; ``again`` must then be safe in threads.
        progress: called with (done, total, what).
        processes: that were given the same; they share the folds.

    Raises:
        ConfigError: fewer than five models, or none whose target is known.
    """
    responses, values = learned.history.responses, learned.history.target_values
    if responses.n_models < MIN_MODELS:
        raise ConfigError(
            f"calibration needs at least {MIN_MODELS} models, found {responses.n_models}"
        )
    sizes = np.array([s for s in SIZES if s < len(learned.anchors)] + [len(learned.anchors)])
    n_folds = min(folds, responses.n_models)
    plan = list(draw_folds(responses.models, values[:, 0], n_folds, seed, groups))

    def predict(fold: Fold) -> tuple[Cases, PairCases]:
        source = responses.take(some_models(fold.source, seed))
        asked = source.answered()[1]
        part = again(source.take(None, asked))
        held_out = responses.take(fold.held_out, asked)
        return held_out_cases(part, held_out, sizes, learned.history.targets.names, seed)

    def report(done: int) -> None:
        if progress is not None:
            known = min(done * processes.size, len(plan))
            progress(known, len(plan), "calibrating on held-out models")

    report(0)
    cells = responses.scores.size if parallel else np.inf
    with one_thread(responses.scores.size):
        cases = _shared(predict, plan, cells, report, processes)
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
    known = [known_ratios([one for one, _ in side]) for side in (inside, beyond)]
    ratios = tuple(
        np.sort(np.concatenate([ratio for _, ratio in side], axis=1), axis=1) for side in known
    )
    singles = join([one for one, _ in inside])
    return (
        _calibration(sizes, known[0], ratios[1], singles, values, noise),
        calibrate_pairs(sizes, [two for _, two in inside], [two for _, two in beyond], ratios),
    )


def _shared(
    predict: Callable[[Fold], T],
    plan: list[Fold],
    cells: float,
    report: Callable[[int], None],
    processes: Processes,
) -> list[T]:
    """Return ``predict`` of every fold, each done by one of the processes."""
    mine = [k for k in range(len(plan)) if processes.mine(k)]
    own = side_by_side(predict, [plan[k] for k in mine], cells, report)
    shares = processes.gather(list(zip(mine, own, strict=True)))
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
    misfit_limit = [
        _limit(one[within]) for one, within in zip(inside.misfit, inside.within, strict=True)
    ]
    margin, novelty_limit = np.transpose(limits)
    everyone = (np.concatenate(arrays, axis=1) for arrays in zip(*known, strict=True))
    scale = fit_scale(*everyone)
    return Calibration(
        sizes=sizes,
        inside=np.sort(scaled_ratios(known), axis=1),
        beyond=beyond,
        score_range=np.array([values.min(0), values.max(0)]),
        range_margin=margin,
        novelty_limit=novelty_limit,
        misfit_limit=np.array(misfit_limit),
        expected_error=mean_error(inside),
        noise=noise,
        scale_at=scale.at,
        scale=scale.value,
    )


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
