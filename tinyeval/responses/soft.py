"""Soft scores of a response matrix: the probability p that a model gave to the right answer.

They are kept in half precision, two bytes each: about three digits, and probabilities down to
6e-8.  NaN is where p is not known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs
from tinyeval.errors import DataError

Soft = NDArray[np.float16]


def checked_soft(
    soft: NDArray | None,
    scores: NDArray[np.float32],
    models: tuple[str, ...],
    items: tuple[str, ...],
) -> Soft | None:
    """Return soft scores that match the scores, or None if none is known; else raise.

    Args:
        soft: numbers of shape (models, items), NaN where not known.
        scores: of the same cells; where one is missing, no soft score is kept.
        models, items: ids of the rows and columns, for messages.

    Raises:
        DataError: another shape, no numbers, or a number outside [0, 1].

    Example:
        >>> nan = float("nan")
        >>> scores = np.array([[1, 0, nan]], dtype=np.float32)
        >>> checked_soft(np.array([[0.75, nan, 0.5]]), scores, ("a",), ("q1", "q2", "q3")).tolist()
        [[0.75, nan, nan]]
    """
    if soft is None:
        return None
    given = np.asarray(soft)
    if given.shape != scores.shape or given.dtype.kind not in "fiub":
        raise DataError(
            f"expected soft scores, numbers of shape {scores.shape}, found {given.dtype} "
            f"{given.shape}"
        )
    kept: Soft | None = None if given.dtype == np.float16 else np.empty(given.shape, np.float16)
    known = False
    for cut in slabs(given.shape):
        part = given[cut].astype(np.float32)
        bad = ~((part >= 0) & (part <= 1) | np.isnan(part))
        if bad.any():
            row, column = (int(k[0]) for k in np.nonzero(bad))
            raise DataError(
                "soft scores are probabilities, from 0 to 1, but that of model "
                f"{models[cut.start + row]!r} on item {items[column]!r} is {part[row, column]:g}; "
                "give exp(log-likelihood) or a softmax, not log-likelihoods"
            )
        lacking = np.isnan(scores[cut]) & ~np.isnan(part)
        if kept is None and lacking.any():
            kept = given.copy()
        if kept is not None:
            kept[cut] = np.where(lacking, np.nan, part)
        known = known or bool((~np.isnan(part) & ~lacking).any())
    found = (given if kept is None else kept).view()
    found.flags.writeable = False
    return found if known else None
