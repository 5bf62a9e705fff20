"""Months, by which the banks of agents calibrate their intervals: for agents of later months."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyeval import ResponseMatrix

FEW = 10
"""Months below which holding out whole ones would leave too little to learn from."""


def with_months(responses: ResponseMatrix, column: str) -> ResponseMatrix:
    """Add the column ``month`` of models: ``2025-07`` of the date ``2025-07-10``.

    Where there are few months, each model is a group of its own.

    Args:
        responses: of models with dates.
        column: of the dates.
    """
    found = [str(date)[:7] or "unknown" for date in responses.models.column(column)]
    if len(set(found)) < FEW:
        found = list(responses.models.ids)
    return replace(responses, models=responses.models.with_columns(month=np.array(found)))
