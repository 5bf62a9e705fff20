"""From a response matrix to an item bank.

ResponseMatrix --usable--> source models --learn--> history, anchors, fitted estimator
    --calibrate: the same again without some models--> Predictor --> ItemBank
"""

from __future__ import annotations

from collections.abc import Callable

from tinyeval.bank.item_bank import ItemBank
from tinyeval.build_plan import BuildPlan, check_methods
from tinyeval.calibration.calibrate import calibrate
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.config import Settings
from tinyeval.importers.shared import once_a_machine
from tinyeval.learning import HistoryOf, Learned, learn, make_history
from tinyeval.prediction import Predictor
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import facts, usable


def build(
    responses: ResponseMatrix | Callable[[], ResponseMatrix],
    *,
    items: int | None = None,
    budget: float | None = None,
    settings: Settings | None = None,
    name: str = "bank",
    source: str = "",
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> ItemBank:
    """Build a bank of anchors from the responses of many models.

    Args:
        responses: at least five models; exact duplicates of a model are dropped.  Or a function
            that reads them: when processes share a build, one per machine calls it.
        items: number of anchors; overrides ``settings.items``.
        budget: most that the anchors may cost together, in the unit of the items' costs; overrides
            ``settings.budget``.
        settings: everything else; defaults are ``configs/default.yaml``.
        name: of the bank.
        source: where the responses come from, for the bank's card.
        progress: called with (done, total, what).
        processes: that were given the same arguments and share the work; each returns the bank.

    Raises:
        DataError: fewer than five models, items without answers, a missing target column.
        ConfigError: more anchors than items, unknown methods or options, a budget or quotas that
            cannot be met.
    """
    settings = (settings or Settings()).replace(items=items, budget=budget)
    check_methods(settings)  # before anything is read
    models = once_a_machine(
        lambda: usable(responses() if callable(responses) else responses), processes
    )
    plan = BuildPlan.of(settings, models.responses)
    learned = learn(models.responses, plan, progress, processes=processes)
    predictor = make_predictor(learned, plan, progress, processes=processes)
    return ItemBank(
        name=name,
        items=learned.item_table(),
        irt=learned.irt,
        predictor=predictor,
        settings=settings.model_dump(),
        source=facts(models, source),
    )


def make_predictor(
    learned: Learned,
    plan: BuildPlan,
    progress: Progress | None = None,
    *,
    history_of: HistoryOf = make_history,
    processes: Processes = ALONE,
) -> Predictor:
    """Calibrate what was learned, and put together what predicts.

    Args:
        learned: under the plan.
        plan: of the build.
        progress: called with (done, total, what).
        history_of: makes the history of some models; a caller that calibrates many methods on the
            same models passes one that remembers.
        processes: that share the folds.
    """
    single, pairs = calibrate(learned, plan, progress, history_of=history_of, processes=processes)
    return Predictor(
        anchors=learned.anchors,
        targets=learned.history.targets.names,
        irt=learned.anchor_model(),
        method=plan.settings.estimator.method,
        estimator=learned.estimator,
        calibration=single,
        pairs=pairs,
    )
