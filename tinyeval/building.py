"""From a response matrix to an item bank.

ResponseMatrix --usable--> source models --learn--> history, anchors, fitted estimator
    --calibrate: learn again without some models--> Predictor --> ItemBank
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyeval.backtesting.plan import enough_items
from tinyeval.bank.content import Given, given_content
from tinyeval.bank.item_bank import ItemBank
from tinyeval.build_plan import BuildPlan, check_methods
from tinyeval.certified import Certifier, fit_certifier
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.progress import Progress, shown
from tinyeval.config import Settings, as_settings
from tinyeval.config.expect import for_models
from tinyeval.errors import ConfigError, ThinHistoryWarning
from tinyeval.families import Families, find_families
from tinyeval.importers import as_responses
from tinyeval.importers.audit.thin import warn_if_thin
from tinyeval.importers.shared import once_a_machine
from tinyeval.learning import Learned, learn
from tinyeval.source_models import SourceModels, facts, usable
from tinyeval.stages.building import calibrated_in_stages


def build(
    responses: object,
    *,
    items: int | None = None,
    budget: float | None = None,
    error: float | None = None,
    expect: str | None = None,
    settings: Settings | Mapping[str, Any] | str | Path | None = None,
    name: str = "bank",
    source: str = "",
    content: Given | None = None,
    content_of: str = "anchors",
    content_licence: str = "",
    progress: Progress | bool | None = None,
    processes: Processes = ALONE,
) -> ItemBank:
    """Build a bank of anchors from the responses of many models.

    Args:
        responses: at least five models: a :class:`ResponseMatrix`, or what
            :func:`tinyeval.read_results` reads (a path, a DataFrame, a Dataset, arrays with ids
            ...); exact duplicates of a model are dropped.  Or a function that returns one of
            these: when processes share a build, one per machine calls it.
        items: number of anchors; overrides ``settings.items``.
        budget: largest total cost of the anchors, in the unit of the items' costs; overrides
            ``settings.budget``.
        error: mean absolute error of the overall score to reach, in score units (0.015 is 1.5
            points): as few items are taken as reach it by :func:`tinyeval.plan`; in place of
            ``items``.
        expect: models that the bank will be asked about: ``similar`` to the source models, ``any``
            (default) or ``beyond`` their range; chooses the methods.
        settings: all other settings; or a mapping of them, or a recipe: the name of one that
            ships, or its path.
        name: name of the bank.
        source: origin of the responses, for the bank's card.
        content: what is asked, so that models can be asked by :mod:`tinyeval.training`: item ->
            ``{"prompt": ..., "choices": ..., "gold": ...}``, a table of it (a path, Dataset,
            DataFrame or list of dicts: :func:`tinyeval.bank.content.read_content`), or a function
            that is called with item -> hash of its document when the anchors are known and
            returns it, such as one that calls :func:`tinyeval.importers.import_content`.
        content_of: ``anchors``, or ``all`` items.
        content_licence: under which the content may be passed on.
        progress: called with (done, total, what); True shows a bar on standard error.
        processes: processes that make the same call and share the work; each returns the bank.

    Warns:
        ThinHistoryWarning: few models, most scores missing, or scores that tell no model from
            another: the bank is built, but expect little of it.

    Raises:
        DataError: fewer than five models, a missing target column, or anchors without content.
        ConfigError: more anchors than items, unknown methods or options, a budget or quotas that
            cannot be met, or an error that no number of items reaches.

    Example:
        >>> from tinyeval import build
        >>> responses.scores.shape  # models, items
        (40, 30)
        >>> bank = build(responses, items=5, settings=settings, name="tiny")
        >>> len(bank.anchors), len(bank.items)
        (5, 30)
    """
    _check_goal(error, items, budget)
    settings = for_models(as_settings(settings), expect).replace(items=items, budget=budget)
    check_methods(settings)  # before anything is read
    with shown(progress) as report:
        models = once_a_machine(lambda: _read(responses, report, processes.leads), processes)
        first = settings if error is None else settings.replace(items=1)  # not known yet
        BuildPlan.of(first, models.responses)  # what does not fit is said before long work
        families = _planned(find_families(models.responses, settings), error, expect, report)
        plan = BuildPlan.of(families.settings, families.responses)
        plan.check_known(families.responses)
        learned = learn(families.responses, plan, report, processes=processes)
        found = calibrated_in_stages(learned, plan, report, processes)
    bank = ItemBank(
        name=name,
        items=learned.item_table(),
        irt=learned.irt,
        settings=settings.replace(items=families.settings.items).model_dump(),
        source=facts(models, source, families.copies),
        **found._asdict(),
        certifier=_certifier(learned, settings),
    )
    if content is None or not processes.leads:
        return bank
    return given_content(bank, content, of=content_of, licence=content_licence)


def _check_goal(error: float | None, items: int | None, budget: float | None) -> None:
    if error is not None and (items is not None or budget is not None):
        raise ConfigError("error chooses the number of items; leave out items and budget")


def _planned(
    families: Families, error: float | None, expect: str | None, progress: Progress | None
) -> Families:
    """Return the source models with as few items in the settings as reach an error, if one is."""
    if error is None:
        return families
    (responses, settings, _), beyond = families, expect == "beyond"
    items = enough_items(responses, error, settings=settings, beyond=beyond, progress=progress)
    return families._replace(settings=settings.replace(items=items))


def _certifier(learned: Learned, settings: Settings) -> Certifier | None:
    """Return how items are drawn for each model, if the settings ask for it."""
    certify, history = settings.certify, learned.history
    if certify is None:
        return None
    draws = certify.draws(history.responses.n_items)
    return fit_certifier(history, draws=draws, uniform=certify.uniform)


def _read(responses: object, report: Progress | None, warns: bool) -> SourceModels:
    """Return the source models; warn, before anything is fitted, if they tell little."""
    found = responses() if callable(responses) else responses
    models = usable(as_responses(found, report))
    for line in warn_if_thin(models.responses) if warns else ():
        warnings.warn(line, ThinHistoryWarning, stacklevel=2)
    return models
