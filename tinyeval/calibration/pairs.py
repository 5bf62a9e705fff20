"""Differences of two models, calibrated on pairs of held-out source models.

Two models held out by the same fold are predicted by the same bank, as two new models are.  Their
pairs give the ratios |error of the difference| / scale, whose quantiles make intervals, and the
slope of the logistic regression, through the origin,

    P(the model predicted ahead is truly ahead) = sigmoid(slope * difference / scale).

The slope is fitted, not derived from the ratios: beyond the range of the source models, predicted
differences are larger than true ones, and their signs are less certain than the errors suggest.

There are many pairs but few models, and pairs that share a model share its error.  So the ratios
are thinned to as many quantiles as there are models, and all pairs together weigh as much as the
models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.intervals import PairCalibration
from tinyeval.calibration.pair_scale import pair_scale
from tinyeval.compute.arrays import Array
from tinyeval.irt.model import sigmoid

MAX_PAIRS = 1000
"""Largest number of pairs per fold; more pairs of the same models add little."""

ONE_SIGMA = 0.6827
"""Probability that a normal error is within one standard deviation."""

STEEPEST = 20.0
"""Largest slope: at a difference of one scale the odds of being ahead are exp(20)."""


class PairCases(NamedTuple):
    """Held-out differences: arrays (sizes, pairs, targets), NaN where a target is unknown."""

    difference: Array  # predicted, in units of the scale
    error: Array  # of that difference, in units of the scale


def draw_pairs(n: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return positions of pairs in which every model appears equally often, at most MAX_PAIRS.

    The models stand in a circle in random order, and each is paired with those that follow it.
    """
    circle = np.random.default_rng(seed).permutation(n)
    apart = np.arange(1, 1 + min(n // 2, max(MAX_PAIRS // n, 1)))
    one = np.repeat(np.arange(n), len(apart))
    return circle[one], circle[(one + np.tile(apart, n)) % n]


def pair_cases(
    mean: Array,
    truth: Array,
    spread: Array,
    answers: NDArray,
    p: Array,
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> tuple[Array, Array]:
    """Return predicted differences and their errors in units of the scale, (pairs, targets).

    Args:
        mean, truth, spread: predicted mean, true target and spread of the models that a fold held
            out, shape (models, targets).
        answers, p: their answers on the anchors, and the probabilities, shape (models, anchors).
        pairs: positions of the two models of each pair.
    """
    one, two = pairs
    scale = pair_scale(spread, answers, p, one, two)
    difference = mean[one] - mean[two]
    return difference / scale, (difference - (truth[one] - truth[two])) / scale


def calibrate_pairs(
    sizes: NDArray[np.int64],
    inside: Sequence[PairCases],
    beyond: Sequence[PairCases],
    singles: Sequence[Array],
) -> PairCalibration:
    """Calibrate differences on the pairs of all folds.

    Args:
        sizes: numbers of answered anchors.
        inside, beyond: cases of the folds within the range and beyond it.
        singles: sorted ratios of single models inside and beyond, shape (sizes, cases, targets);
            they give the number of models, and are used where folds are too small for pairs.
    """
    (ratio, slope), (ratio_beyond, slope_beyond) = (
        _summary(cases, single) for cases, single in zip((inside, beyond), singles, strict=True)
    )
    return PairCalibration(
        sizes=sizes,
        inside=ratio,
        beyond=ratio_beyond,
        slope_inside=slope,
        slope_beyond=slope_beyond,
    )


def _summary(cases: Sequence[PairCases], single: Array) -> tuple[Array, Array]:
    """Return quantiles of the ratios, (sizes, models, targets), and slopes, (sizes, targets)."""
    difference = np.concatenate([one.difference for one in cases], axis=1)
    error = np.concatenate([one.error for one in cases], axis=1)
    n_sizes, models, n_targets = single.shape
    ratios, slopes = single.copy(), np.empty((n_sizes, n_targets))
    levels = np.arange(1, models + 1) / (models + 1)
    for k, t in np.ndindex(n_sizes, n_targets):
        known = np.isfinite(error[k, :, t])
        if known.any():
            ratios[k, :, t] = np.quantile(np.abs(error[k, known, t]), levels)
        sigma = float(np.quantile(ratios[k, :, t], ONE_SIGMA))
        slopes[k, t] = _slope(difference[k, known, t], error[k, known, t], models, sigma)
    return ratios, slopes


def _slope(difference: Array, error: Array, models: int, sigma: float) -> float:
    """Fit the slope by Newton's method, from 0.

    Two more observations state that a difference of ``sigma`` has the right sign with probability
    (1 + ONE_SIGMA) / 2, as for an error of standard deviation ``sigma``.  They keep the slope
    finite if every pair is ordered correctly.
    """
    truth = np.sign(difference) * (difference - error)
    z = np.append(np.abs(difference), [sigma, sigma])
    won = np.append(0.5 * (1.0 + np.sign(truth)), [1.0, 0.0])
    weight = np.append(
        np.full(len(truth), models / max(len(truth), 1)), [1 + ONE_SIGMA, 1 - ONE_SIGMA]
    )
    slope = 0.0
    for _ in range(50):
        p = sigmoid(slope * z)
        gradient = float((weight * (won - p) * z).sum())
        curvature = float((weight * p * (1 - p) * z**2).sum())
        step = min(max(gradient / max(curvature, 1e-12), -1.0), 1.0)
        slope = min(max(slope + step, 0.0), STEEPEST)
        if abs(step) < 1e-8:
            break
    return slope
