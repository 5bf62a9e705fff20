"""Hide answers of complete models in the pattern in which other models' are missing.

Only so is the truth known: results that are incomplete from the start have no full score to
compare with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval import ResponseMatrix

NEAREST = 5
"""Donors of a pattern among which one is drawn, where models are matched."""


def hide_answers(
    responses: ResponseMatrix, donors: ResponseMatrix, column: str, rng: np.random.Generator
) -> ResponseMatrix:
    """Return ``responses`` with the missing answers of ``donors``; models left without any go.

    Args:
        responses: the models whose answers are hidden.
        donors: models that were not asked everything, on (some of) the same items.
        column: of both models tables; every model gets the pattern of one of the donors nearest
            in it, so that what is missing depends on what the model can do.  Empty: any donor's.
        rng: draws the donors.
    """
    asked = ~np.isnan(donors.align(responses.items.ids))
    donors, asked = donors.take(asked.any(axis=1)), asked[asked.any(axis=1)]
    which = rng.integers(donors.n_models, size=responses.n_models)
    if column:
        which = _nearest(responses.models.column(column), donors.models.column(column), rng)
    scores = np.where(asked[which], responses.scores, np.float32(np.nan))
    hidden = ResponseMatrix(scores, responses.models, responses.items)
    return hidden.take(hidden.observed.any(axis=1))


def _nearest(values: NDArray, donors: NDArray, rng: np.random.Generator) -> NDArray[np.intp]:
    """Position of one of the nearest donors for each value, shape (models,)."""
    order = np.argsort(np.abs(values[:, None] - donors), axis=1, kind="stable")[:, :NEAREST]
    return order[np.arange(len(order)), rng.integers(order.shape[1], size=len(order))]
