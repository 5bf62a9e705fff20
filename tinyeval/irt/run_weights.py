"""Weights of cells that are means of several runs, in the likelihood of the IRT fit.

k of n right is n times the binomial log-likelihood of one answer if runs are independent given the
fitted probability.  They are not: a model solves an item more often, or less, than its ability
says, in every run.  With phi the correlation of two runs of one cell, a mean of n runs has 1 + (n -
1) phi times the binomial variance, and so the weight (Williams 1982, model II)

    u(n) = n / (1 + (n - 1) phi),      1 - phi = (mean run noise) / (mean Bernoulli variance).

phi is estimated before the fit, with probabilities whose log-odds are sums of a model's and an
item's.  The weights are u(n) / u(h), h being the usual number of runs: if all cells have the same
number, nothing changes.  Weights of u(n) let the data outweigh the priors; the fit then follows the
models' own strengths on single items, and predicts new models less well (docs/methods.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.row_blocks import slabs
from tinyeval.responses import ResponseMatrix

EDGE = 0.01
"""Mean scores are kept this far from 0 and 1."""


def run_weights(responses: ResponseMatrix) -> NDArray[np.float32] | None:
    """Return the weight of every cell, shape (models, items), 0 where missing; None: all are 1.

    Example:
        >>> run_weights(responses) is None  # nothing was repeated
        True
    """
    trials, usual = responses.trials, responses.usual_trials
    if trials is None or ((trials == usual) | (trials == 0)).all():
        return None
    phi = correlation(responses)
    weights = np.empty(trials.shape, dtype=np.float32)
    for cut in slabs(trials.shape):
        n = trials[cut].astype(np.float64)
        weights[cut] = n / (1.0 + np.maximum(n - 1.0, 0.0) * phi)
    weights /= usual / (1.0 + (usual - 1.0) * phi)
    return weights


def correlation(responses: ResponseMatrix) -> float:
    """Return phi, from 0 to 1, of responses with trials."""
    scores, trials = responses.scores, responses.trials
    assert trials is not None
    row, column = (_log_odds(np.nanmean(scores, axis=k, dtype=float)) for k in (1, 0))
    middle = _log_odds(np.nanmean(scores, dtype=float))
    noise = freedom = bernoulli = 0.0
    for cut in slabs(scores.shape):
        n = trials[cut].astype(np.float64)
        y = np.where(n > 0, scores[cut], 0.0).astype(np.float64)
        p = 1.0 / (1.0 + np.exp(middle - row[cut, None] - column))
        noise += float((n * y * (1.0 - y) * (n > 1)).sum())
        freedom += float(np.maximum(n - 1.0, 0.0).sum())
        bernoulli += float((np.maximum(n - 1.0, 0.0) * p * (1.0 - p)).sum())
    return float(np.clip(1.0 - noise / max(bernoulli, 1e-12), 0.0, 1.0)) if freedom else 1.0


def _log_odds(mean: NDArray) -> NDArray[np.float64]:
    cut = np.clip(mean, EDGE, 1.0 - EDGE)
    return np.asarray(np.log(cut / (1.0 - cut)))
