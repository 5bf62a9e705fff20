"""From a response matrix to an item bank.

ResponseMatrix --irt--> IRTFit --selection--> Anchors --estimator--> FittedEstimator
    --the same again without some models--> Calibration --> ItemBank
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinyeval.bank.item_bank import ItemBank
from tinyeval.calibration.calibrate import calibrate
from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.compute.processes import ALONE, Ranks
from tinyeval.compute.row_blocks import column_means
from tinyeval.compute.threads import one_thread
from tinyeval.config import Settings
from tinyeval.errors import DataError
from tinyeval.groups import check_groups
from tinyeval.importers.shared import Usable, once_a_machine
from tinyeval.learning import HistoryOf, Learned, _load_fit, check_settings, learn, make_history
from tinyeval.prediction import Predictor
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix, Table, by_id
from tinyeval.selection.budget import make_budget
from tinyeval.targets import OVERALL

MIN_MODELS = 5


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
        ranks: processes that were given the same arguments and share the work; each returns the
            bank.

    Raises:
        DataError: fewer than five models, items without answers, a missing target column.
        ConfigError: more anchors than items, unknown methods or options, a budget or quotas that
            cannot be met.

    Example:
        >>> from tinyeval import build
        >>> responses.scores.shape  # models, items
        (40, 30)
        >>> bank = build(responses, items=5, settings=settings, name="tiny")
        >>> len(bank.anchors), len(bank.items)
        (5, 30)
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
