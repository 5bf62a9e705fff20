"""From a response matrix to an item bank.

ResponseMatrix --irt--> IRTFit --selection--> Anchors --estimator--> FittedEstimator
    --the same again without some models--> Calibration --> ItemBank
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinyeval.bank import ItemBank
from tinyeval.calibration import calibrate
from tinyeval.config import Settings, checked_options
from tinyeval.covariance import forget_large
from tinyeval.errors import DataError
from tinyeval.estimators import get_estimator
from tinyeval.groups import check_groups
from tinyeval.history import History
from tinyeval.intervals import Calibration, PairCalibration
from tinyeval.irt.model import IRTFit
from tinyeval.learned import Learned
from tinyeval.mapped import Usable, once_a_machine
from tinyeval.prediction import Predictor
from tinyeval.progress import Progress
from tinyeval.ranks import ALONE, Ranks
from tinyeval.responses import ResponseMatrix, Table, by_id
from tinyeval.selection import Anchors, get_selector
from tinyeval.selection.budget import Budget, make_budget
from tinyeval.selection.choose import choose
from tinyeval.slabs import column_means
from tinyeval.targets import OVERALL, make_targets
from tinyeval.threads import one_thread

MIN_MODELS = 5

HistoryOf = Callable[[ResponseMatrix, Settings, Progress | None], History]
AnchorsOf = Callable[[History, Settings, Budget, np.random.Generator], Anchors]


def build(
    responses: ResponseMatrix | Callable[[], ResponseMatrix],
    *,
    items: int | None = None,
    budget: float | None = None,
    settings: Settings | None = None,
    name: str = "bank",
    source: str = "",
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
) -> ItemBank:
    """Build a bank of anchors from the responses of many models.

    Args:
        responses: at least five models; exact duplicates of a model are dropped.  Or a function
            that reads them: of processes that share the work one a machine calls it.
        items: number of anchors; overrides ``settings.items``.
        budget: most that the anchors may cost together, in the unit of the items' costs; overrides
            ``settings.budget``.
        settings: everything else; defaults are ``configs/default.yaml``.
        name: of the bank.
        source: where the responses come from, for the bank's card.
        progress: called with (done, total, what).
        ranks: processes that were given the same arguments (:func:`tinyeval.ranks.launched`); they
            share the work, and each returns the bank.

    Raises:
        DataError: fewer than five models, items without answers, a missing target column.
        ConfigError: more anchors than items, unknown methods or options, a budget or quotas that
            cannot be met.
    """
    settings = (settings or Settings()).replace(items=items, budget=budget)
    check_settings(settings)
    kept, duplicates = once_a_machine(
        lambda: usable(responses() if callable(responses) else responses), ranks
    )
    make_budget(settings, kept.items)  # before any work is done
    check_groups(kept.models, settings.interval.groups)
    learned = learn(kept, settings, progress, partial(make_history, ranks=ranks))
    predictor = make_predictor(kept, learned, settings, progress, ranks=ranks)
    found = provenance(kept, duplicates, source)
    table = bank_items(learned)
    return ItemBank(name, table, learned.irt, predictor, settings.model_dump(), found)


def make_predictor(
    responses: ResponseMatrix,
    learned: Learned,
    settings: Settings,
    progress: Progress | None = None,
    history_of: HistoryOf | None = None,
    ranks: Ranks = ALONE,
) -> Predictor:
    """Calibrate what was learned, and put together what predicts.

    Args:
        responses: what ``learned`` was learned from.
        learned: by ``learn`` under the same settings.
        settings: of the method.
        progress: called with (done, total, what).
        history_of: makes the history of some models; a caller that calibrates many methods on the
            same models passes one that remembers.
        ranks: processes that share the folds.
    """
    _load_fit(settings)
    with one_thread(responses.scores.size):
        calibrations = _calibrated(
            responses, learned, settings, history_of or make_history, progress, ranks
        )
    return Predictor(
        learned.anchors,
        learned.history.targets.names,
        learned.anchor_model(),
        settings.estimator.method,
        learned.estimator,
        *calibrations,
    )


def _calibrated(
    responses: ResponseMatrix,
    learned: Learned,
    settings: Settings,
    history_of: HistoryOf,
    progress: Progress | None,
    ranks: Ranks,
) -> tuple[Calibration, PairCalibration]:
    """Calibrate by learning again from some of the models, with the same number of dimensions."""
    fixed = settings.replace(irt={"dimensions": [learned.irt.dimensions]})
    budget, columns = make_budget(settings, responses.items), settings.target.columns

    def again(part: ResponseMatrix) -> Learned:
        # A fold may lack an item that one model alone answered, or all of a benchmark's.
        there = {name: columns[name] for name in columns if name in (OVERALL, *part.benchmarks)}
        own = fixed.replace(target={"columns": there})
        return learn(part, own, None, history_of, budget=budget.within(part.items))

    return calibrate(
        responses,
        learned,
        again,
        folds=settings.interval.folds,
        seed=settings.seed,
        groups=settings.interval.groups,
        parallel=settings.irt.method != "pyro",  # Pyro keeps global state
        progress=progress,
        ranks=ranks,
    )


def check_settings(settings: Settings) -> None:
    """Raise :class:`ConfigError` for unknown methods or options before any work is done."""
    for section, get in (("selection", get_selector), ("estimator", get_estimator)):
        chosen = getattr(settings, section)
        checked_options(get(chosen.method), chosen.options, section)


def make_history(
    responses: ResponseMatrix,
    settings: Settings,
    progress: Progress | None = None,
    ranks: Ranks = ALONE,
) -> History:
    """Fit the IRT model and make the targets on these models alone."""
    target = settings.target
    targets = make_targets(
        responses,
        target.column,
        target.benchmark_weights,
        columns=target.columns,
        average=target.average,
    )
    fit = fit_model(responses, settings, progress, ranks)
    return History(responses, targets, fit, settings.interval.groups, ranks)


def choose_anchors(
    history: History, settings: Settings, budget: Budget, rng: np.random.Generator
) -> Anchors:
    """Choose the anchors as the settings say."""
    select = get_selector(settings.selection.method)
    return choose(select, history, budget, rng=rng, options=settings.selection.options)


def learn(
    responses: ResponseMatrix,
    settings: Settings,
    progress: Progress | None = None,
    history_of: HistoryOf = make_history,
    anchors_of: AnchorsOf | None = None,
    budget: Budget | None = None,
) -> Learned:
    """Fit, select and fit the estimator on these models alone, within a budget of their own.

    ``history_of`` and ``anchors_of`` take the two costly steps; a caller that learns several
    methods from the same models passes ones that remember (:mod:`tinyeval.trial`).
    """
    check_settings(settings)
    rng, fit = np.random.default_rng(settings.seed), get_estimator(settings.estimator.method)
    budget = budget or make_budget(settings, responses.items)
    _load_fit(settings)
    with one_thread(responses.scores.size):
        history = history_of(responses, settings, progress)
        anchors = (anchors_of or choose_anchors)(history, settings, budget, rng)
        estimator = fit(history, anchors, rng=rng, **settings.estimator.options)
        forget_large(history)
        return Learned(history, anchors, estimator)


def fit_model(
    responses: ResponseMatrix,
    settings: Settings,
    progress: Progress | None,
    ranks: Ranks = ALONE,
) -> IRTFit:
    """Fit the IRT model that the settings ask for."""
    fit = _load_fit(settings)
    options: dict[str, Any] = {"dimensions": min(settings.irt.dimensions)}
    if settings.irt.method == "map":
        options = {"dimensions": settings.irt.dimensions, "block_size": settings.irt.block_size}
        options["ranks"] = ranks
    return fit(
        responses,
        guessing=settings.irt.guessing,
        seed=settings.seed,
        device=settings.device,
        progress=progress,
        **options,
    )


def _load_fit(settings: Settings) -> Callable[..., IRTFit]:
    """Return the function that fits; torch is imported here and not before."""
    if settings.irt.method == "pyro":
        from tinyeval.irt.posterior import fit_posterior

        return fit_posterior
    from tinyeval.irt.fit import fit_irt

    return fit_irt


def usable(responses: ResponseMatrix) -> Usable:
    """Drop models without answers and exact duplicates, sort by id; raise if under five are left.

    Sorted, because sums in another order round otherwise.
    """
    responses = responses.take(by_id(responses.models.ids), by_id(responses.items.ids))
    responses = responses.take(*responses.answered())
    kept, duplicates = responses.drop_duplicates()
    if kept.n_models < MIN_MODELS:
        raise DataError(
            f"a bank needs the answers of at least {MIN_MODELS} different models, found "
            f"{kept.n_models}; add models to the results"
        )
    return Usable(kept, duplicates)


def bank_items(learned: Learned) -> Table:
    """The items' table of a bank: what is known of each item, and its mean score."""
    history = learned.history
    items = history.responses.items
    return items.with_columns(
        mean_score=column_means(history.filled),
        weight=items.column("weight", 1.0),
    )


def provenance(kept: ResponseMatrix, duplicates: tuple[str, ...], source: str) -> dict[str, Any]:
    """What the manifest says of the source models: numbers, never answers."""
    score = np.array([np.nanmean(row) for row in kept.scores])
    answers = sum(int(kept.n_items - np.isnan(row).sum()) for row in kept.scores)
    return {
        "origin": source,
        "models": kept.n_models,
        "duplicates_dropped": len(duplicates),
        "answers": answers,
        "missing": round(1 - answers / kept.scores.size, 6),
        "lowest_score": round(float(score.min()), 6),
        "highest_score": round(float(score.max()), 6),
    }
