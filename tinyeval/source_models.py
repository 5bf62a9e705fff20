"""Source models: the models in some results that a bank can learn from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinyeval.errors import DataError
from tinyeval.responses import ResponseMatrix

MIN_MODELS = 5
"""Smallest number of models that a bank learns from."""


class SourceModels(NamedTuple):
    """The responses of the source models.

    Attributes:
        responses: responses sorted by the ids of models and items, each with an answer.
        duplicates: ids of the models dropped because their answers equal another model's.
    """

    responses: ResponseMatrix
    duplicates: tuple[str, ...] = ()


def usable(responses: ResponseMatrix) -> SourceModels:
    """Drop models and items without answers, and exact duplicates of models; sort by id.

    Raises:
        DataError: fewer than MIN_MODELS models are left.
    """
    responses = responses.sorted()
    kept, duplicates = responses.take(*responses.answered()).drop_duplicates()
    if kept.n_models < MIN_MODELS:
        raise DataError(
            f"a bank needs the answers of at least {MIN_MODELS} different models, found "
            f"{kept.n_models}; add models to the results"
        )
    return SourceModels(kept, duplicates)


def facts(models: SourceModels, origin: str, copies: int = 0) -> dict[str, Any]:
    """Return the facts about the source models in a manifest: numbers, never answers.

    Args:
        models: source models of the bank.
        origin: origin of their results, in words.
        copies: number of models that are near copies of others.
    """
    scores = models.responses.scores
    mean = np.array([np.nanmean(row) for row in scores])
    answers = sum(int((~np.isnan(row)).sum()) for row in scores)
    return {
        "origin": origin,
        "models": len(scores),
        "duplicates_dropped": len(models.duplicates),
        **({"near_copies": copies} if copies else {}),
        "answers": answers,
        "missing": round(1 - answers / scores.size, 6),
        "lowest_score": round(float(mean.min()), 6),
        "highest_score": round(float(mean.max()), 6),
    }
