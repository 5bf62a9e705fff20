"""The gate of `stack`: how probable it is that a new model lies beyond the source models' range.

The prediction beyond the range states t ~ N(r, v) from the model's own answers alone.  Bayes' rule
weighs it against a prior density of the overall score t.  Within the central range [a, b] of the
source models' scores the density is 1; at a distance d beyond its upper end it is

    e (1 + d / reach)^-2,        e = ODDS * alpha^2 * min(1, width / WIDE) * crowd,

and likewise below, with a crowd and a reach of its own.  So

    g = P(t beyond | r) = (mass above + mass below) / (mass within + mass above + mass below),

each mass an integral of the density times N(t; r, v), and the score of a model that is beyond is
predicted by the mean of t there instead of by r, which may lie within.

What the prior knows of the history:

* alpha = 1 - sum_i w_i^2 var_i / var(scores), cut to [0, 1], is the share of the variance of scores
  that is more than chance (Cronbach 1951, without the factor for few items); var_i is the variance
  of the answers to item i.  Variants of one model have alpha near 0: their scores differ by chance
  alone, and nothing moves models like these.
* width = sqrt(alpha) (b - a) is the width without chance.  Where source models lie close together,
  fewer models are expected beyond them, and not far: reach = REACH * width * crowd.  Floors (LEAST,
  LEAST_REACH) leave the last word to the answers even where a history has no width at all.
* crowd = ten times the share of source models in the outer tenth of the range at that end, cut to
  [CROWD, 1].  A history that thins out towards its best models has probably shown them; one that
  breaks off where many models are has not.  So fewer are expected beyond, and not as far.

A table of models with the columns of CHECKPOINTS says that the models are checkpoints of training
runs.  It is taken at its word: new checkpoints are expected within the range (ODDS_CHECKPOINTS).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.polynomial.legendre import leggauss

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import column_means, column_squares
from tinyeval.history import History

ODDS = 0.5
"""Prior density just beyond the range of a wide history that breaks off, relative to within."""

ODDS_CHECKPOINTS = 0.05
"""The same for a history of checkpoints of training runs."""

CHECKPOINTS = ("run", "step")
"""Columns of the models table that say that the models are checkpoints of training runs."""

TAIL = 0.01
"""Share of the source models beyond each end of the range whose width counts."""

WIDE = 0.25
"""Width, in score units, from which a history counts as wide."""

REACH = 4.0
"""Distance beyond a range that breaks off at which the density is a quarter, in widths."""

LEAST = 0.01
"""Smallest value of alpha^2 * min(1, width / WIDE)."""

LEAST_REACH = 0.05
"""Smallest reach, in score units."""

CROWD = 0.1
"""Smallest crowd."""

TAILS = 6.0
"""Standard deviations around the prediction that are integrated over."""

NODES, WEIGHTS = leggauss(40)


def share_beyond_chance(history: History) -> float:
    """Return alpha, the share of the variance of the overall scores that is more than chance."""
    scores, processes = history.filled, history.sharing
    squares = column_squares(scores, column_means(scores, processes), processes)
    total = float(((history.target_values[:, 0] - history.target_values[:, 0].mean()) ** 2).sum())
    chance = float(history.targets.own[0] ** 2 @ squares)
    return float(np.clip(1.0 - chance / total, 0.0, 1.0)) if total > 0 else 0.0


def are_checkpoints(history: History) -> bool:
    """Say whether the models table says that the source models are checkpoints of runs."""
    return all(name in history.responses.models.columns for name in CHECKPOINTS)


def prior_beyond(scores: Array, alpha: float, odds: float) -> Array:
    """Return the prior beyond the range: densities at its lower and upper end, and reaches there.

    Args:
        scores: overall scores of the source models, shape (models,).
        alpha: share of their variance that is more than chance, in [0, 1].
        odds: density just beyond the range of a wide history, relative to within.

    Returns:
        Array of shape (4,).

    Example:
        >>> scores = np.linspace(0.2, 0.6, 81)
        >>> prior_beyond(scores, alpha=1.0, odds=0.5).round(2).tolist()
        [0.5, 0.5, 1.57, 1.57]
        >>> prior_beyond(scores / 10, alpha=1.0, odds=0.5).round(2).tolist()
        [0.08, 0.08, 0.16, 0.16]
    """
    low, high = np.quantile(scores, [TAIL, 1.0 - TAIL])
    tenth, width = 0.1 * (high - low), np.sqrt(alpha) * (high - low)
    outer = np.array([(scores <= low + tenth).mean(), (scores >= high - tenth).mean()])
    known = max(alpha**2 * min(1.0, width / WIDE), LEAST)
    crowd = np.clip(10.0 * outer, CROWD, 1.0)
    return np.r_[odds * known * crowd, np.maximum(REACH * width * crowd, LEAST_REACH)]


def posterior_beyond(
    mean: Array, spread: Array, low: float, high: float, prior: Array
) -> tuple[Array, Array]:
    """Return the probability of a score beyond the range, and the mean score there.

    Args:
        mean, spread: the prediction beyond the range, shape (models,); ``spread`` is positive.
        low, high: ends of the range.
        prior: as ``prior_beyond`` returns it; of shape (3,) in older banks, whose reach is the same
            at both ends.

    Returns:
        Two arrays of shape (models,).
    """
    above, mean_above = _mass(mean, spread, high, prior[1], prior[-1])
    below, mean_below = _mass(1.0 - mean, spread, 1.0 - low, prior[0], prior[2])
    within = normal_cdf((high - mean) / spread) - normal_cdf((low - mean) / spread)
    beyond = above + below
    share = above / np.maximum(beyond, 1e-300)
    expected = share * mean_above + (1.0 - share) * (1.0 - mean_below)
    gate = beyond / np.maximum(beyond + within, 1e-300)
    return gate, np.where(beyond > 0, expected, mean)


def _mass(mean: Array, spread: Array, end: float, edge: float, reach: float) -> tuple[Array, Array]:
    """Return the integral of density times N(t; mean, spread) over (end, 1), and the mean of t."""
    first = np.clip(mean - TAILS * spread, end, 1.0)[:, None]
    last = np.clip(mean + TAILS * spread, first[:, 0], 1.0)[:, None]
    t = first + (last - first) * (NODES + 1.0) / 2.0
    normal = np.exp(-0.5 * ((t - mean[:, None]) / spread[:, None]) ** 2)
    fall = (1.0 + (t - end) / reach) ** -2.0
    part = edge * normal * fall * WEIGHTS * (last - first) / 2.0
    mass = part.sum(axis=1)
    middle = (part * t).sum(axis=1) / np.maximum(mass, 1e-300)
    return mass / (spread * np.sqrt(2.0 * np.pi)), np.where(mass > 0, middle, end)


def normal_cdf(x: Array) -> Array:
    """Standard normal distribution function of numbers of shape (models,)."""
    # Importing scipy's takes longer than all else that `tinyeval predict` imports.
    return np.fromiter(map(NormalDist().cdf, x.tolist()), np.float64, len(x))


def mix(share: Array | float, a: Sequence[Array], b: Sequence[Array]) -> list[Array]:
    """Return mean and spread of a mixture of ``a`` and ``b``; ``b`` has weight ``share``."""
    mean = (1 - share) * a[0] + share * b[0]
    within = (1 - share) * a[1] ** 2 + share * b[1] ** 2
    return [mean, np.sqrt(within + share * (1 - share) * (a[0] - b[0]) ** 2)]
