"""Intervals by cross-conformal calibration over the source models.

The whole method is learned again without some of the source models, which are then predicted.  The
ratios |error| / spread of those predictions show how far the spread can be trusted, and a quantile
of the ratios scales it (normalised conformal scores: Lei et al. 2018; cross-conformal: Vovk 2015).
The scale depends on the predicted score (:mod:`tinyeval.calibration.scale_by_score`).

Random folds calibrate predictions within the range of the source models.  Where there are many
models, a few folds are enough, and each learns from some of the other models only.  Four more folds
calibrate predictions beyond the range, where every method errs more: they learn from the weaker
models and predict the strongest, and the reverse, each with and without a gap between the two
sides, because a new model may be just above the best source model or far above it.  If a column
names groups of models (:mod:`tinyeval.groups`), folds hold out whole groups, and no fold predicts a
model from its siblings.

The same held-out models give the thresholds of ``in_range`` and ``misfit``, and the expected error
by number of answered anchors.  Two models that the same fold holds out are predicted by the same
bank, as two new models are: their pairs calibrate differences (:mod:`tinyeval.comparison`).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.baseline_errors import BaselineErrors, baseline_errors, summarise
from tinyeval.calibration.baselines import Baselines
from tinyeval.calibration.folds import Fold, draw_folds, some_models
from tinyeval.calibration.held_out import Cases, held_out_cases, join, known_ratios, mean_error
from tinyeval.calibration.intervals import NO_LIMIT, Calibration, PairCalibration
from tinyeval.calibration.pairs import PairCases, calibrate_pairs
from tinyeval.calibration.run_levels import DRAWS, RunLevel, fewer_than, median_of
from tinyeval.calibration.scale_by_score import fit_scale, scaled_ratios
from tinyeval.compute.arrays import Array
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.compute.threads import one_thread, side_by_side
from tinyeval.errors import ConfigError
from tinyeval.learning import Learned
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import MIN_MODELS

SIZES = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
"""Numbers of answered anchors at which the calibration is done, as far as the bank has them."""

FALSE_ALARM = 0.05
"""Share of held-out models within the range that ``in_range`` flags, and that ``misfit`` flags."""

T = TypeVar("T")
Again = Callable[[ResponseMatrix], Learned]
Held = tuple[Cases, PairCases]
Predicted = tuple[dict[int, list[Held]], BaselineErrors | None]
"""The held-out models of a fold by number of runs (ALL: the history's), in one or several draws of
runs; and the baselines."""

Also = Callable[[Learned, ResponseMatrix], Any]
"""Called in each fold with what was learned and the held-out models; the result is kept."""


class Replay(NamedTuple):
    """What was found besides in one fold; ``beyond`` if it learned from one end of the scores."""

    beyond: bool
    found: Any


ALL = 0


class Calibrated(NamedTuple):
    """The calibration of single models and of pairs, and the baselines' errors if asked for.

    ``fewer`` are calibrations for fewer runs than a repeated history had.
    """

    single: Calibration
    pairs: PairCalibration
    baselines: Baselines | None
    fewer: tuple[RunLevel, ...] = ()
    replays: tuple[Replay, ...] = ()


def calibrate(
    learned: Learned,
    again: Again,
    *,
    folds: int,
    seed: int,
    groups: str | None = None,
    parallel: bool = True,
    baselines: bool = False,
    also: Also | None = None,
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> Calibrated:
    """Calibrate on held-out models: learn again without some source models and predict them.

    Args:
        learned: the method learned on all source models.
        again: learns the method on some of these models.
        folds: number of random folds.
        seed: seed of the folds.
        groups: column of the models table; no fold learns from a group that it predicts.
        parallel: learn on several folds at once; ``again`` must then be safe in threads.
        baselines: also measure methods that choose nothing, on the same held-out models.
        also: called in each fold, on the same held-out models.
        progress: called with (done, total, what).
        processes: processes that make the same call; they share the folds.

    Raises:
        ConfigError: fewer than five models, or no model with a known target.
    """
    responses, values = learned.history.responses, learned.history.target_values
    if responses.n_models < MIN_MODELS:
        raise ConfigError(
            f"calibration needs at least {MIN_MODELS} models, found {responses.n_models}"
        )
    sizes = np.array([s for s in SIZES if s < len(learned.anchors)] + [len(learned.anchors)])
    n_folds = min(folds, responses.n_models)
    plan = list(draw_folds(responses.models, values[:, 0], n_folds, seed, groups))

    def predict(fold: Fold) -> tuple[Predicted, Any]:
        part, held_out = _apart(learned, again, fold, seed)
        found = _predict(learned, part, held_out, fold, sizes, seed, baselines and not fold.beyond)
        return found, None if also is None else also(part, held_out)

    def report(done: int) -> None:
        if progress is not None:
            known = min(done * processes.size, len(plan))
            progress(known, len(plan), "calibrating on held-out models")

    report(0)
    cells = responses.scores.size if parallel else np.inf
    with one_thread(responses.scores.size):
        found = _shared(predict, plan, cells, report, processes)
    inside, beyond = (
        [one for fold, (one, _) in zip(plan, found, strict=True) if fold.beyond == side]
        for side in (False, True)
    )
    summary = _summary(sizes, inside, beyond, values, learned.noise())
    more = zip(plan, found, strict=True) if also is not None else ()
    return summary._replace(replays=tuple(Replay(one.beyond, told) for one, (_, told) in more))


def _apart(learned: Learned, again: Again, fold: Fold, seed: int) -> tuple[Learned, ResponseMatrix]:
    """Learn from the source models of a fold; return that, and its held-out models."""
    responses = learned.history.responses
    source = responses.take(some_models(fold.source, seed))
    asked = source.answered()[1]
    return again(source.take(None, asked)), responses.take(fold.held_out, asked)


def _predict(
    learned: Learned,
    part: Learned,
    held_out: ResponseMatrix,
    fold: Fold,
    sizes: NDArray[np.int64],
    seed: int,
    baselines: bool,
) -> Predicted:
    """Predict the held-out models of a fold from what was learned in it."""
    responses = learned.history.responses
    names = learned.history.targets.names
    usual = min(one.usual_trials for one in (responses, part.history.responses))
    draws = range(DRAWS if usual > 1 else 1)
    to = (part, held_out, sizes, names, seed)
    cases = {
        runs: [held_out_cases(*to, runs or None, draw) for draw in draws]
        for runs in (ALL, *fewer_than(usual))
    }
    if not baselines:
        return cases, None
    draw = (seed, int(np.flatnonzero(fold.held_out)[0]))  # other random items in every fold
    return cases, baseline_errors(part, held_out, sizes, draw)


def _summary(
    sizes: NDArray[np.int64],
    inside: list[Predicted],
    beyond: list[Predicted],
    values: Array,
    noise: Array,
) -> Calibrated:
    """Summarise the held-out models of all folds, and their pairs, by number of runs."""
    levels = [
        RunLevel(runs, *_level(sizes, runs, inside, beyond, values, noise))
        for runs in inside[0][0]
        if runs == ALL or _is_known(runs, inside, beyond)
    ]
    errors = [one for _, one in inside if one is not None]
    usual, *fewer = levels
    return Calibrated(
        usual.calibration,
        usual.pairs,
        summarise(errors, sizes) if errors else None,
        tuple(fewer),
    )


def _is_known(runs: int, inside: list[Predicted], beyond: list[Predicted]) -> bool:
    """Say whether every fold was replayed with that number of runs, and some model has a score."""
    replays = [cases.get(runs) for cases, _ in (*inside, *beyond)]
    known = [one is not None and bool(np.isfinite(one[0][0].error).any()) for one in replays]
    return None not in replays and any(known[: len(inside)]) and any(known[len(inside) :])


def _level(
    sizes: NDArray[np.int64],
    runs: int,
    inside: list[Predicted],
    beyond: list[Predicted],
    values: Array,
    noise: Array,
) -> tuple[Calibration, PairCalibration]:
    """Summarise the held-out models with one number of runs: the median of several draws."""
    found = []
    for draw in range(len(inside[0][0][runs])):
        within, outside = ([cases[runs][draw] for cases, _ in side] for side in (inside, beyond))
        known = [known_ratios([one for one, _ in side]) for side in (within, outside)]
        ratios = tuple(
            np.sort(np.concatenate([ratio for _, ratio in side], axis=1), axis=1) for side in known
        )
        singles = join([one for one, _ in within])
        inner, outer = ([two for _, two in side] for side in (within, outside))
        found.append(
            (
                calibration_of(sizes, known[0], ratios[1], singles, values, noise),
                calibrate_pairs(sizes, inner, outer, ratios),
            )
        )
    return median_of([one for one, _ in found]), median_of([two for _, two in found])


def _shared(
    predict: Callable[[Fold], T],
    plan: list[Fold],
    cells: float,
    report: Callable[[int], None],
    processes: Processes,
) -> list[T]:
    """Return ``predict(fold)`` for every fold; the processes share the folds."""
    mine = [k for k in range(len(plan)) if processes.mine(k)]
    own = side_by_side(predict, [plan[k] for k in mine], cells, report)
    shares = processes.gather(list(zip(mine, own, strict=True)))
    return [one for _, one in sorted((pair for part in shares for pair in part), key=itemgetter(0))]


def calibration_of(
    sizes: NDArray[np.int64],
    known: list[tuple[Array, Array]],
    beyond: Array,
    inside: Cases,
    values: Array,
    noise: Array,
) -> Calibration:
    """Make the calibration of single models, from ``known`` ratios by fold and cases ``inside``."""
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

    A score predicted beyond the range is stronger evidence than novelty.  So the margin is set
    first, at 0 if possible, and the limit of novelty uses what is left of FALSE_ALARM.
    """
    known = within & np.isfinite(excess) & np.isfinite(novelty)
    excess, novelty = excess[known], novelty[known]
    margin = max(_limit(excess), 0.0) if known.any() else 0.0
    outside = excess > margin
    return margin, _limit(novelty[~outside], int(outside.sum()))


def _limit(values: Array, flagged: int = 0) -> float:
    """Value that a share FALSE_ALARM of models exceeds; the largest value if there are few models.

    Args:
        values: values of the models not flagged yet; values that are not finite are ignored.
        flagged: number of models flagged already.
    """
    values = np.sort(values[np.isfinite(values)])
    n = len(values) + flagged
    if not len(values):
        return NO_LIMIT
    rank = int(np.ceil((n + 1) * (1 - FALSE_ALARM)))
    return float(values[min(rank, len(values)) - 1])
