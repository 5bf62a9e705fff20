"""From a response matrix to an item bank.

ResponseMatrix --usable--> source models --learn--> history, anchors, fitted estimator
    --calibrate: learn again without some models--> Predictor --> ItemBank
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from tinyeval.bank.content import Given, given_content
from tinyeval.bank.item_bank import ItemBank
from tinyeval.build_plan import BuildPlan, check_methods
from tinyeval.calibrated import make_predictor
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress
from tinyeval.config import Settings
from tinyeval.errors import ThinHistoryWarning
from tinyeval.families import find_families
from tinyeval.importers.audit.thin import warn_if_thin
from tinyeval.importers.shared import once_a_machine
from tinyeval.learning import learn
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import SourceModels, facts, usable


def build(
    responses: ResponseMatrix | Callable[[], ResponseMatrix],
    *,
    items: int | None = None,
    budget: float | None = None,
    settings: Settings | None = None,
    name: str = "bank",
    source: str = "",
    content: Given | None = None,
    content_of: str = "anchors",
    content_licence: str = "",
    progress: Progress | None = None,
    processes: Processes = ALONE,
) -> ItemBank:
    """Build a bank of anchors from the responses of many models.

    Args:
        responses: at least five models; exact duplicates of a model are dropped.  Or a function
            that reads them: when processes share a build, one per machine calls it.
        items: number of anchors; overrides ``settings.items``.
        budget: largest total cost of the anchors, in the unit of the items' costs; overrides
            ``settings.budget``.
        settings: all other settings; ``configs/default.yaml`` lists the defaults.
        name: name of the bank.
        source: origin of the responses, for the bank's card.
        content: what is asked, so that models can be asked by :mod:`tinyeval.training`: item ->
            ``{"prompt": ..., "choices": ..., "gold": ...}``, a table of it (a path, Dataset,
            DataFrame or list of dicts: :func:`tinyeval.bank.content.read_content`), or a function
            that is called with item -> hash of its document when the anchors are known and
            returns it, such as one that calls :func:`tinyeval.importers.import_content`.
        content_of: ``anchors``, or ``all`` items.
        content_licence: under which the content may be passed on.
        progress: called with (done, total, what).
        processes: processes that make the same call and share the work; each returns the bank.

    Warns:
        ThinHistoryWarning: few models, most scores missing, or scores that tell no model from
            another: the bank is built, but expect little of it.

    Raises:
        DataError: fewer than five models, a missing target column, or anchors without content.
        ConfigError: more anchors than items, unknown methods or options, or a budget or quotas that
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
    check_methods(settings)  # before anything is read
    models = once_a_machine(lambda: _read(responses, processes.leads), processes)
    families = find_families(models.responses, settings)
    plan = BuildPlan.of(families.settings, families.responses)
    plan.check_known(families.responses)
    learned = learn(families.responses, plan, progress, processes=processes)
    predictor = make_predictor(learned, plan, progress, processes=processes)
    bank = ItemBank(
        name=name,
        items=learned.item_table(),
        irt=learned.irt,
        predictor=predictor,
        settings=settings.model_dump(),
        source=facts(models, source, families.copies),
    )
    if content is None or not processes.leads:
        return bank
    return given_content(bank, content, of=content_of, licence=content_licence)


def _read(responses: ResponseMatrix | Callable[[], ResponseMatrix], warns: bool) -> SourceModels:
    """Return the source models; warn, before anything is fitted, if they tell little."""
    models = usable(responses() if callable(responses) else responses)
    for line in warn_if_thin(models.responses) if warns else ():
        warnings.warn(line, ThinHistoryWarning, stacklevel=2)
    return models
