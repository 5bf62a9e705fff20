"""Families of models that nobody named: near copies are held out together.

Twelve models with eight variants each are no ninety-six models.  Where no column names groups
(:mod:`tinyeval.groups`), near copies found by their answers
(:mod:`tinyeval.importers.audit.copies`) are the groups, so that no interval is calibrated on a
model that is predicted from its own copies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinyeval.config import Settings
from tinyeval.groups import AUTO, MIN_GROUPS
from tinyeval.importers.audit.copies import near_copies
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table

COLUMN = "near copies of"
"""Column of the models table that names the first model of each group of near copies."""


class Families(NamedTuple):
    """Source models with their groups.

    Attributes:
        responses: of the source models; their table has the column that names the groups.
        settings: whose ``interval.groups`` is that column, or None where each model stands alone.
        copies: number of models that are near copies of others and are held out together.
    """

    responses: ResponseMatrix
    settings: Settings
    copies: int = 0


def find_families(responses: ResponseMatrix, settings: Settings) -> Families:
    """Resolve ``interval.groups``: near copies become groups where the setting is ``auto``.

    With fewer than MIN_GROUPS different models there is nothing to calibrate on, and each model
    stays by itself.  Of more than 3,000 models only so many are looked at.

    Args:
        responses: of the source models, without exact duplicates.
        settings: of the build.
    """
    if settings.interval.groups != AUTO:
        return Families(responses, settings)
    copies = near_copies(responses)
    different = responses.n_models - copies.rows + len(copies.groups)
    if not copies.groups or different < MIN_GROUPS:
        return Families(responses, settings.replace(interval={"groups": None}))
    first = {one: group[0] for group in copies.groups for one in group}
    names = np.array([first.get(one, "") for one in responses.models.ids])
    models = Table(responses.models.ids, {**responses.models.columns, COLUMN: names})
    found = replace(responses, models=models)
    return Families(found, settings.replace(interval={"groups": COLUMN}), copies.rows)
