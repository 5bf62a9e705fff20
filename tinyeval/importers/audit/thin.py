"""Histories that are too thin to say anything, told before a bank is built from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs
from tinyeval.importers.audit.sample import spread
from tinyeval.responses import ResponseMatrix

FEW = 20
"""Models below which intervals are a guess: among n models held out, the share that lies in a 90 %
interval varies by :math:`\\sqrt{0.09 / n}`, 7 points at 20 and 10 points at 9."""

MOST_MISSING = 0.8
"""Share of missing scores from which a model's full score is mostly filled in by the fit."""

NO_SIGNAL = 0.5
"""Reliability of the models' scores below which their differences are mostly chance."""

SPLITS = 10
MOST_MODELS = 2000


def warn_if_thin(responses: ResponseMatrix) -> tuple[str, ...]:
    """Return what makes a history too thin, in one line each; nothing if it will do.

    Args:
        responses: of source models, exact copies left out.

    Example:
        >>> from tinyeval.importers.audit.thin import warn_if_thin
        >>> warn_if_thin(responses)
        ()
        >>> print(*warn_if_thin(responses.take(models=[0, 13, 26, 39])))  # doctest: +ELLIPSIS
        the history has 4 models only...
    """
    told = []
    n = responses.n_models
    if n < FEW:
        told.append(
            f"the history has {n} models only, and {FEW} or more are needed for intervals that "
            "hold as often as they say; add results of other models"
        )
    answers = sum(
        int((~np.isnan(responses.scores[cut])).sum()) for cut in slabs(responses.scores.shape)
    )
    missing = 1 - answers / responses.scores.size
    if missing > MOST_MISSING:
        told.append(
            f"{100 * missing:.0f} % of the scores are missing ({answers / n:,.0f} of "
            f"{responses.n_items:,} items a model), so that the full scores are mostly filled in; "
            "use models that answered all items, or items that all models answered"
        )
    trust = reliability(responses)
    if trust < NO_SIGNAL:
        told.append(
            f"the models' scores differ hardly more than chance makes them (reliability "
            f"{max(trust, 0):.2f}), so that no items can tell them apart; add models that are "
            "weaker, stronger or of another kind"
        )
    return tuple(told)


def reliability(responses: ResponseMatrix) -> float:
    """Return the reliability of the models' scores: 1 if they are exact, 0 if they are chance.

    Scores on two random halves of the items correlate by r; the whole has :math:`2r / (1 + r)`
    (Spearman and Brown).  r is the mean of several splits, 0 where all models score the same.
    """
    scores = responses.scores[spread(responses.n_models, MOST_MODELS)]
    rng = np.random.default_rng(0)
    half = np.array([rng.permutation(scores.shape[1]) % 2 for _ in range(SPLITS)]).T
    weights = np.hstack([half == 0, half == 1]).astype(np.float32)  # items, splits x 2
    known_of, total_of = np.zeros(scores.shape[1]), np.zeros(scores.shape[1])
    for cut in slabs(scores.shape):
        known_of += (~np.isnan(scores[cut])).sum(axis=0)
        total_of += np.nansum(scores[cut], axis=0, dtype=np.float64)
    item = (total_of / np.maximum(known_of, 1)).astype(np.float32)
    above = np.full((len(scores), 2 * SPLITS), np.nan)
    for cut in slabs(scores.shape):
        known = ~np.isnan(scores[cut])
        total = np.where(known, scores[cut] - item, 0) @ weights
        count = known.astype(np.float32) @ weights
        above[cut] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    found = [_correlation(above[:, k], above[:, SPLITS + k]) for k in range(SPLITS)]
    r = float(np.mean(found))
    return 2 * r / (1 + r) if r > -1 else -1.0


def _correlation(one: NDArray, other: NDArray) -> float:
    known = ~(np.isnan(one) | np.isnan(other))
    x, y = one[known], other[known]
    if len(x) < 2 or not (np.ptp(x) > 0 and np.ptp(y) > 0):
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))
