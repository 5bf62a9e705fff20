"""Held-out models: the history is built again without some models, which are then predicted.

A bank stores how far its predictions of held-out models were off, but neither who they were nor
their scores.  Given the history, four folds are held out in turn.  Each is predicted by a bank
learned and calibrated on the other models alone, so its intervals are tested, not fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.backtesting.backtest import method_settings
from tinyeval.backtesting.trial import Memory, run_trial
from tinyeval.bank.item_bank import ItemBank
from tinyeval.build_plan import BuildPlan
from tinyeval.calibrated import make_predictor
from tinyeval.compute.arrays import Array
from tinyeval.compute.progress import Progress
from tinyeval.config import Settings
from tinyeval.errors import ConfigError, DataError, examples
from tinyeval.estimators.answered import Answered
from tinyeval.families import COLUMN, find_families
from tinyeval.groups import fold_numbers, number_groups
from tinyeval.irt.ability import estimate_ability
from tinyeval.learning import Learned, anchor_answers, learn, true_targets
from tinyeval.prediction import Predictor
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import MIN_MODELS, usable

FOLDS = 4

RANDOM, RIDGE = "random items' mean", "ridge on random items"

BASELINES = {RANDOM: "random+mean", RIDGE: "random+ridge"}
"""Baselines by the names that readers know."""

OWN, FLOOR = "held out here", "floor"

MOST_CELLS = 50_000_000
"""Answers in a history above which one fold is held out, not four."""


@dataclass(frozen=True)
class HeldOut:
    """Predictions of held-out models beside the truth.

    Attributes:
        models: their ids.
        truth, score, lower, upper: shape (models,), in [0, 1].
        flagged: shape (models,); out of range, or misfit.
        level: level of the intervals.
        errors: method -> {number of items: mean absolute error}; the method's own, baselines and
            the floor.
    """

    models: tuple[str, ...]
    truth: Array
    score: Array
    lower: Array
    upper: Array
    flagged: NDArray[np.bool_]
    level: float
    errors: Mapping[str, Mapping[int, float]]

    @property
    def covered(self) -> float:
        """Share of the intervals that contain the truth."""
        return float(self.inside.mean())

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether the truth lies in each interval, shape (models,)."""
        low, high = self.lower - 1e-9, self.upper + 1e-9
        return np.asarray((low <= self.truth) & (self.truth <= high))

    @property
    def error(self) -> Array:
        """Absolute errors, shape (models,)."""
        return np.abs(self.score - self.truth)


def hold_out(bank: ItemBank, results: ResponseMatrix, progress: Progress | None = None) -> HeldOut:
    """Predict the models of a history from banks that were built like this one without them.

    Args:
        bank: the bank; its settings are used again, with its number of IRT dimensions.
        results: the history that it was built from.
        progress: called with (done, total, what).

    Raises:
        DataError: results that lack items of the bank, or too few models.
        ConfigError: settings that this version does not know.
    """
    unknown = sorted(set(bank.items.ids) - set(results.items.ids))
    if unknown:
        raise DataError(
            f"the results lack {len(unknown)} of the bank's {len(bank.items)} items: "
            f"{examples(unknown)}; give the results that the bank was built from"
        )
    models = usable(results.take(items=results.items.index(bank.items.ids))).responses
    models, settings, _ = find_families(models, _settings(bank))
    rng = np.random.default_rng(settings.seed)
    group = number_groups(models.models, settings.interval.groups, rng)
    fold = fold_numbers(group, FOLDS)
    if models.n_models - np.bincount(fold).max() < MIN_MODELS:
        fold = fold_numbers(group, models.n_models)
    if models.n_models - np.bincount(fold).max() < MIN_MODELS:
        raise DataError(
            f"the results have {models.n_models} different models: without those held out too few "
            f"are left, for a bank learns from {MIN_MODELS} or more; report without the results"
        )
    folds = range(int(fold.max()) + 1 if models.scores.size <= MOST_CELLS else 1)
    parts = []
    for k in folds:
        if progress is not None:
            progress(k, len(folds), "predicting models that are held out of the history")
        parts.append(_fold(bank, models.take(fold != k), models.take(fold == k), settings))
    return _joined(parts, bank.level)


def _settings(bank: ItemBank) -> Settings:
    try:
        settings = Settings.model_validate(dict(bank.settings))
    except ValueError as error:
        raise ConfigError(f"the bank's settings cannot be used again: {error}") from error
    return settings.replace(irt={"dimensions": [bank.irt.dimensions]})


@dataclass(frozen=True)
class _Part:
    """Predictions of one fold: columns truth, score, lower, upper, flagged; errors by method."""

    models: tuple[str, ...]
    values: Array
    errors: dict[str, dict[int, Array]]


def _fold(
    bank: ItemBank, source: ResponseMatrix, test: ResponseMatrix, settings: Settings
) -> _Part:
    asked = source.answered()[1]
    source, test = source.take(None, asked), test.take(None, asked)
    settings = _left(settings, source)
    memory, plan = Memory(), BuildPlan.of(settings, source)
    learned = learn(source, plan, history_of=memory.history)
    predictor = make_predictor(learned, plan, history_of=memory.history)
    answers, truth = anchor_answers(learned, test), true_targets(learned, test)[:, 0]
    known = np.isfinite(truth) & answers.first(len(bank.anchors)).some
    answers, truth, test = answers.take(known), truth[known], test.take(known)
    sizes = _sizes(min(len(learned.anchors), len(bank.anchors)))  # the bank may be a head
    errors: dict[str, dict[int, Array]] = {one: {} for one in (OWN, *BASELINES, FLOOR)}
    values = np.empty((0, 5))
    for n in sizes if len(truth) else ():
        found = _read(predictor, answers, n, test.models.ids, bank.level)
        errors[OWN][n] = np.abs(found[:, 0] - truth)
        floor = _floor(learned, test, n)
        if floor is not None:
            errors[FLOOR][n] = np.abs(floor - truth)
        for name, method in BASELINES.items():
            errors[name][n] = _baseline(source, test, settings, method, n, memory)
        values = np.column_stack([truth, found])
    return _Part(test.models.ids, values, errors)


def _left(settings: Settings, source: ResponseMatrix) -> Settings:
    """Return settings for the models of a fold: all near copies may be among those held out."""
    if settings.interval.groups != COLUMN or (source.models.column(COLUMN) != "").any():
        return settings
    return settings.replace(interval={"groups": None})


def _sizes(n: int) -> list[int]:
    return [*(one for one in (5, 10, 20, 30, 50, 100, 200, 500) if one < n), n]


def _read(
    predictor: Predictor, answers: Answered, n: int, models: tuple[str, ...], level: float
) -> Array:
    """Predict from the first ``n`` anchors; columns score, lower, upper, flagged.

    A model that answered none of them has NaN.
    """
    cut = answers.first(n)
    able = np.flatnonzero(cut.some)
    values = np.full((len(cut), 4), np.nan)
    if able.size:
        found = predictor.predict(cut.take(able), tuple(models[k] for k in able), level)
        values[able] = [(*p.shown, not p.in_range or p.misfit) for p in found]
    return values


def _baseline(
    source: ResponseMatrix,
    test: ResponseMatrix,
    settings: Settings,
    method: str,
    n: int,
    memory: Memory,
) -> Array:
    """Return the absolute error of a baseline for each model, averaged over draws of items."""
    plain = method_settings(method, settings).replace(items=n)
    plain = plain.model_copy(update={"budget": None, "quotas": type(plain.quotas)()})
    trial = run_trial(source, test, plain, memory=memory)
    return np.asarray(np.abs(trial.scores - trial.truth).mean(axis=0))


def _floor(learned: Learned, test: ResponseMatrix, n: int) -> Array | None:
    """Return scores from abilities that are known from every answer; None for outside targets."""
    targets = learned.history.targets
    if targets.external[0]:
        return None
    scores = test.align(learned.irt.items).astype(np.float64)
    p = learned.irt.probability(estimate_ability(learned.irt, scores).mean)
    asked = learned.history.positions(learned.anchors.items[:n])
    p[:, asked] = np.where(np.isnan(scores[:, asked]), p[:, asked], scores[:, asked])
    return np.asarray(p @ targets.weights[0])


def _joined(parts: list[_Part], level: float) -> HeldOut:
    values = np.concatenate([one.values for one in parts if one.values.size] or [np.empty((0, 5))])
    if not len(values):
        raise DataError(
            "no held-out model answered enough of the benchmark for its true score to be known"
        )
    errors: dict[str, dict[int, float]] = {}
    for name in parts[0].errors:
        sizes = sorted({n for one in parts for n in one.errors[name]})
        every = {n: np.concatenate([one.errors[name].get(n, []) for one in parts]) for n in sizes}
        errors[name] = {
            n: float(np.nanmean(one)) for n, one in every.items() if np.isfinite(one).any()
        }
    truth, score, lower, upper, flagged = values.T
    models = tuple(name for one in parts if one.values.size for name in one.models)
    return HeldOut(models, truth, score, lower, upper, flagged > 0, level, errors)
