"""Intervals by cross-conformal calibration over the source models.

The whole method is learned again without some of the source models, which are then predicted; the
ratios |error| / spread of those predictions say how far the spread can be trusted, and their
quantile scales it (normalised conformal scores: Lei et al. 2018; cross-conformal: Vovk 2015).
Random folds calibrate models like the source ones.  Four more calibrate what lies beyond, where
every method errs more: learn from the weaker models and predict the strongest, and the other way
round, once without and once with a gap between, because a new model may be just above the last one
or far beyond it.

The same held-out models give the thresholds of ``in_range`` and ``misfit``, and the expected error
by number of answered anchors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError
from tinyeval.intervals import Calibration
from tinyeval.irt.model import Array
from tinyeval.learned import Learned, anchor_answers, person_fit, true_targets
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix, by_id
from tinyeval.threads import side_by_side

SIZES = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
"""Numbers of answered anchors at which the calibration is done, as far as the bank has them."""

BEYOND = ((0.8, 0.2), (0.6, 0.15))
"""Shares of the models learned from and predicted, at opposite ends, to see the errors beyond."""

FALSE_ALARM = 0.05
"""Share of held-out source models that ``in_range`` and ``misfit`` may flag."""

Learn = Callable[[ResponseMatrix], Learned]


class Cases(NamedTuple):
    """Held-out predictions: arrays (sizes, models, targets), NaN where the target is unknown."""

    error: Array
    spread: Array
    novelty: Array  # (sizes, models)
    fit: Array  # (sizes, models)

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
    parallel: bool = True,
    progress: Progress | None = None,
) -> Calibration:
    """Learn again without some source models, predict those, and keep what that tells.

    Args:
        responses: all source models.
        learned: the method learned on all of them.
        learn: learns the method on some of them.
        folds: number of random folds.
        seed: of the folds.
        parallel: learn on several folds at once; ``learn`` must then be safe in threads.
        progress: called with (done, total, what).
    """
    if responses.n_models < 5:
        raise ConfigError(f"calibration needs at least 5 models, found {responses.n_models}")
    sizes = np.array([s for s in SIZES if s < len(learned.anchors)] + [len(learned.anchors)])
    values = learned.history.target_values
    plan = list(_folds(responses, values[:, 0], min(folds, responses.n_models), seed))

    def predict(fold: Fold) -> Cases:
        source = responses.take(fold.source)
        asked = source.observed.any(axis=0)
        held_out = responses.take(fold.held_out, asked)
        part = learn(source.take(None, asked))
        return _cases(part, held_out, sizes, learned.history.targets.names)

    def report(done: int) -> None:
        if progress is not None:
            progress(done, len(plan), "calibrating on held-out models")

    report(0)
    cases = side_by_side(predict, plan, responses.scores.size if parallel else np.inf, report)
    pairs = list(zip(plan, cases, strict=True))
    inside = _join([one for fold, one in pairs if not fold.beyond])
    beyond = _join([one for fold, one in pairs if fold.beyond])
    return Calibration(
        sizes,
        _known(inside),
        _known(beyond),
        np.array([values.min(0), values.max(0)]),
        np.array([_limit(one) for one in inside.novelty]),
        np.array([_limit(one) for one in inside.fit]),
        _mean_error(inside),
        learned.noise(),
    )


class Fold(NamedTuple):
    """Masks of the models learned from and predicted; ``beyond``: not drawn at random."""

    beyond: bool
    source: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


def _folds(responses: ResponseMatrix, score: Array, folds: int, seed: int) -> Iterator[Fold]:
    """Yield random folds, then those that learn from one end of ``score`` and predict the other."""
    n = responses.n_models
    order = by_id(responses.models.ids)
    fold = np.empty(n, dtype=int)
    fold[order] = np.random.default_rng(seed).permutation(n) % folds
    for k in range(folds):
        yield Fold(False, fold != k, fold == k)
    rank = np.empty(n, dtype=int)
    rank[order[np.argsort(score[order], kind="stable")]] = np.arange(n)
    for source_share, out_share in BEYOND:
        source, out = max(round(source_share * n), 2), max(round(out_share * n), 1)
        yield Fold(True, rank < source, rank >= n - out)
        yield Fold(True, rank >= n - source, rank < out)


def _cases(
    part: Learned, held_out: ResponseMatrix, sizes: NDArray[np.int64], names: tuple[str, ...]
) -> Cases:
    """Predict held-out models from the first 5, 10, ... anchors, for the targets ``names``."""
    answers = anchor_answers(part, held_out)
    truth = true_targets(part, held_out)
    position = {name: k for k, name in enumerate(part.history.targets.names)}
    columns = [position[name] for name in names if name in position]
    known = [k for k, name in enumerate(names) if name in position]
    shape = (len(sizes), len(answers), len(names))
    error, spread = np.full(shape, np.nan), np.ones(shape)
    novelty, fit = np.full(shape[:2], np.nan), np.full(shape[:2], np.nan)
    for k, size in enumerate(sizes):
        cut = answers.copy()
        cut[:, size:] = np.nan
        rows = np.flatnonzero(~np.isnan(cut).all(axis=1))
        if not rows.size:
            continue
        estimate = part.estimator.predict(cut[rows])
        cells = (k, rows[:, None], np.array(known))
        error[cells] = (estimate.mean - truth[rows])[:, columns]
        spread[cells] = estimate.spread[:, columns]
        novelty[k, rows] = estimate.novelty
        fit[k, rows] = person_fit(part, cut[rows])
    return Cases(error, spread, novelty, fit)


def _join(cases: list[Cases]) -> Cases:
    """Put the models of several folds side by side."""
    return Cases(*(np.concatenate(arrays, axis=1) for arrays in zip(*cases, strict=True)))


def _mean_error(cases: Cases) -> Array:
    """Mean absolute error by size and target, of the models whose targets are known."""
    known = np.isfinite(cases.error)
    total = np.where(known, np.abs(cases.error), 0.0).sum(1)
    return np.asarray(total / np.maximum(known.sum(1), 1))


def _known(cases: Cases) -> Array:
    """Sorted ratios of the models whose targets are known.

    A model that answered none of the first few anchors counts there as it does with more of them.
    """
    ratio = cases.ratio
    for k in range(len(ratio) - 2, -1, -1):
        ratio[k] = np.where(np.isnan(ratio[k]), ratio[k + 1], ratio[k])
    known = np.flatnonzero(np.isfinite(ratio).all(axis=(0, 2)))
    if not known.size:
        raise ConfigError(
            "no held-out model has a known target to calibrate on; every model misses too many "
            "answers: drop items or models with few answers"
        )
    return np.sort(ratio[:, known], axis=1)


def _limit(values: Array) -> float:
    """Value that a share FALSE_ALARM of held-out models exceeds; the largest if they are few."""
    values = values[np.isfinite(values)]
    n = len(values)
    if not n:
        return np.finfo(np.float64).max
    rank = int(np.ceil((n + 1) * (1 - FALSE_ALARM)))
    return float(np.sort(values)[min(rank, n) - 1])
