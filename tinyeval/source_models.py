"""Source models: which of the models in some results a bank can learn from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinyeval.errors import DataError
from tinyeval.responses import ResponseMatrix

MIN_MODELS = 5
"""Fewest models that a bank learns from."""


class SourceModels(NamedTuple):
    """Responses to learn from.

    Attributes:
        responses: models and items in the order of their ids, each with an answer.
        duplicates: ids of the models dropped because they equal another one.
    """

    responses: ResponseMatrix
    duplicates: tuple[str, ...] = ()


def usable(responses: ResponseMatrix) -> SourceModels:
    """Drop models and items without answers and exact duplicates of models; sort by id.

    Raises:
        DataError: fewer than MIN_MODELS are left.
    """
    responses = responses.sorted()
    kept, duplicates = responses.take(*responses.answered()).drop_duplicates()
    if kept.n_models < MIN_MODELS:
        raise DataError(
            f"a bank needs the answers of at least {MIN_MODELS} different models, found "
            f"{kept.n_models}; add models to the results"
        )
    return SourceModels(kept, duplicates)


def facts(models: SourceModels, origin: str) -> dict[str, Any]:
    """Return what a manifest says of the source models: numbers, never answers.

    Args:
        models: that the bank was built from.
        origin: where their results come from, in words.
    """
    scores = models.responses.scores
    mean = np.array([np.nanmean(row) for row in scores])
    answers = sum(int((~np.isnan(row)).sum()) for row in scores)
    return {
        "origin": origin,
        "models": len(scores),
        "duplicates_dropped": len(models.duplicates),
        "answers": answers,
        "missing": round(1 - answers / scores.size, 6),
        "lowest_score": round(float(mean.min()), 6),
        "highest_score": round(float(mean.max()), 6),
    }
