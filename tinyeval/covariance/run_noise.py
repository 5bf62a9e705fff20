"""Run noise: how much an answer changes from one run to the next, estimated from repeated runs.

A cell of the history is k right of n runs.  Given the probability p that this model solves this
item, a mean of n runs has the variance p (1 - p) / n, and n (k / n) (1 - k / n) / (n - 1) estimates
p (1 - p) without bias.  The run noise of item i is its mean over models, shrunk towards the share
rho of the Bernoulli variance b_i that is run noise over all items:

    w_i = (N_i v_i + DOUBT rho b_i) / (N_i + DOUBT),    v_i = sum_m n y (1 - y) / sum_m (n - 1)

with N_i the number of models that ran the item more than once and b_i the mean of P (1 - P) under
the IRT fit.  For runs that are graded, not right or wrong, v_i is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import column_squares, slabs
from tinyeval.history import History

DOUBT = 10
"""Weight, in models, of the prior that every item has the same share of run noise."""

SMALLEST = 1e-9
"""Keeps divisions finite."""


@dataclass(frozen=True)
class RunNoise:
    """Run noise of the items of a history.

    Attributes:
        single: variance of the answer of a single run around the model's own probability, w, shape
            (items,).
        inverse: mean over source models of 1 / n, shape (items,): their means have the run noise
            ``single * inverse``.
        bernoulli: mean Bernoulli variance of the IRT fit, b, shape (items,).
        usual: median number of runs.
    """

    single: Array
    inverse: Array
    bernoulli: Array
    usual: int


def run_noise(history: History) -> RunNoise | None:
    """Return the run noise of a history; None unless half of its answers or more were repeated."""
    if history.responses.usual_trials < 2:
        return None
    return history.once("run_noise", lambda: _estimate(history))


def _estimate(history: History) -> RunNoise:
    scores, trials = history.responses.scores, history.responses.trials
    assert trials is not None  # because the usual number of trials is above 1
    squares, freedom, models, inverse, answered = np.zeros((5, scores.shape[1]))
    for cut in slabs(scores.shape):
        n = trials[cut].astype(np.float64)
        y = np.where(n > 0, scores[cut], 0.0).astype(np.float64)
        squares += (n * y * (1.0 - y) * (n > 1)).sum(0)
        freedom += np.maximum(n - 1.0, 0.0).sum(0)
        models += (n > 1).sum(0)
        inverse += np.where(n > 0, 1.0 / np.maximum(n, 1.0), 0.0).sum(0)
        answered += (n > 0).sum(0)
    fitted = history.fitted
    bernoulli = 0.25 - column_squares(fitted, 0.5, history.sharing) / len(fitted)
    found = squares / np.maximum(freedom, 1.0)
    share = min(float((models * found).sum() / max((models * bernoulli).sum(), SMALLEST)), 1.0)
    single = (models * found + DOUBT * share * bernoulli) / (models + DOUBT)
    usual = history.responses.usual_trials
    return RunNoise(single, inverse / np.maximum(answered, 1.0), bernoulli, usual)
