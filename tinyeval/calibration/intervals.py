"""The calibrated interval: a prediction's spread, scaled by what held-out models showed.

    half-width = scale * spread * quantile of |error| / (scale * spread) over held-out source models

(normalised conformal scores: Lei et al. 2018).  The scale is a function of the predicted score
(:mod:`tinyeval.calibration.scale_by_score`), and all depends on the number of answered anchors.
Beyond the range of the source models there is no scale, and the interval is no narrower than
within.  The interval is never narrower than the scatter of the unasked items' answers.  Differences
of two models have their own calibration, on pairs of held-out source models.
:mod:`tinyeval.calibration.calibrate` computes the ratios.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.scale_by_score import scale_of
from tinyeval.compute.arrays import Array, check_shapes
from tinyeval.errors import BankError
from tinyeval.irt.model import sigmoid

NO_LIMIT = float(np.finfo(np.float64).max)
"""A limit that nothing exceeds; a bank cannot store infinity."""

LEVEL_OF_UNIT, SMALLEST_UNIT = 0.9, 1e-12
"""Level at which the logistic error of a difference agrees with its interval; its least size."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration of the spread on held-out source models.

    Attributes:
        sizes: numbers of answered anchors, ascending, shape (sizes,).
        inside: sorted ratios |error| / (scale x spread) of models within the range, shape (sizes,
            cases, targets).
        beyond: sorted ratios |error| / spread of models stronger or weaker than those learned
            from, shape (sizes, cases beyond, targets).
        score_range: lowest and highest target among source models, shape (2, targets).
        range_margin: distance beyond that range up to which a predicted overall score still counts
            as in range, shape (sizes,).
        novelty_limit: novelty above which a model counts as unlike the history, shape (sizes,).
        misfit_limit: misfit statistic (:func:`tinyeval.irt.ability.misfit_statistic`) above which
            answers do not fit, shape (sizes,).
        expected_error: mean absolute error within the range, shape (sizes, targets).
        noise: smallest standard deviation of each target: the scatter of unasked items' answers
            around their probabilities, which no method can predict, shape (targets,).
        scale_at, scale: ``at`` and ``value`` of the scale, shape (sizes, knots, targets); see
            :class:`tinyeval.calibration.scale_by_score.Scale`.
    """

    sizes: NDArray[np.int64]
    inside: Array
    beyond: Array
    score_range: Array
    range_margin: Array
    novelty_limit: Array
    misfit_limit: Array
    expected_error: Array
    noise: Array
    scale_at: Array
    scale: Array

    def __post_init__(self) -> None:
        sizes, targets = _count_sizes("calibration", self.sizes), np.size(self.noise)
        by_size = ("range_margin", "novelty_limit", "misfit_limit")
        expected = {
            "score_range": (2, targets),
            "expected_error": (sizes, targets),
            **dict.fromkeys(by_size, (sizes,)),
            **dict.fromkeys(("inside", "beyond", "scale_at"), (sizes, None, targets)),
            "scale": np.shape(self.scale_at),
            "noise": (targets,),
        }
        check_shapes("calibration", self, expected)

    def in_range(
        self, score: Array, novelty: Array, n_answered: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Say which models look like the source models; a share FALSE_ALARM of those does not.

        Args:
            score, novelty: estimated overall score and novelty, shape (models,).
            n_answered: number of answered anchors, shape (models,).
        """
        k = _at(self.sizes, n_answered)
        low, high = self.score_range[:, 0]
        beyond = np.maximum(low - score, score - high) > self.range_margin[k]
        return np.asarray(~beyond & (novelty <= self.novelty_limit[k]))

    def is_misfit(self, statistic: Array, n_answered: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which models' answers fit worse than those of all but FALSE_ALARM of source models.

        Args:
            statistic: misfit statistic (:func:`tinyeval.irt.ability.misfit_statistic`), shape
                (models,).
            n_answered: number of answered anchors, shape (models,).
        """
        return np.asarray(statistic > self.misfit_limit[_at(self.sizes, n_answered)])

    def half_width(
        self,
        mean: Array,
        spread: Array,
        n_answered: NDArray[np.int64],
        n_anchors: int,
        level: float,
        beyond: NDArray[np.bool_],
    ) -> Array:
        """Half-widths of the intervals of some models, shape (models, targets).

        They are never below the scatter of the unasked items' answers, and 0 only if every item
        was asked.

        Args:
            mean, spread: mean and spread of the estimates, shape (models, targets).
            n_answered: number of answered anchors, shape (models,).
            n_anchors: number of anchors that ``noise`` was computed for.
            level: level of the intervals.
            beyond: mask of the models unlike the source models, shape (models,).
        """
        size = _at(self.sizes, n_answered)
        factor = np.empty(np.shape(spread))
        for k in np.unique(size):
            here = size == k
            scale = scale_of(self.scale_at[k], self.scale[k], mean[here])
            factor[here] = scale * _quantile(self.inside[k], level)
            far = here & beyond
            factor[far] = np.maximum(factor[far], _quantile(self.beyond[k], level))
        floor = self.noise * np.sqrt(n_anchors / n_answered)[:, None] * _normal_quantile(level)
        return np.asarray(np.maximum(factor * spread, floor))

    def state(self) -> dict[str, NDArray]:
        """Return plain arrays from which ``from_state`` rebuilds this calibration."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Calibration:
        """Rebuild a calibration from ``state()``."""
        return cls(**state)


@dataclass(frozen=True, kw_only=True)
class PairCalibration:
    """Calibration of differences of two models' scores, on pairs of held-out source models.

    Attributes:
        sizes: numbers of answered anchors, ascending, shape (sizes,).
        inside: sorted ratios |error of the difference| / scale, shape (sizes, cases, targets).
        beyond: the same ratios for pairs of models stronger or weaker than those learned from.
        slope_inside, slope_beyond: log-odds of being ahead per predicted difference of one scale,
            shape (sizes, targets).
    """

    sizes: NDArray[np.int64]
    inside: Array
    beyond: Array
    slope_inside: Array
    slope_beyond: Array

    def __post_init__(self) -> None:
        sizes = _count_sizes("comparison", self.sizes)
        targets = (0, *np.shape(self.slope_inside))[-1]
        expected = {
            **dict.fromkeys(("slope_inside", "slope_beyond"), (sizes, targets)),
            **dict.fromkeys(("inside", "beyond"), (sizes, None, targets)),
        }
        check_shapes("comparison", self, expected)

    def half_width(self, scale: NDArray, n_answered: int, level: float, beyond: bool) -> Array:
        """Half-width of the intervals of one difference, shape (targets,)."""
        k = int(_at(self.sizes, n_answered))
        return np.asarray(_factor(self.inside, self.beyond, k, level, beyond) * scale)

    def probability(
        self,
        difference: NDArray,
        scale: NDArray,
        n_answered: int,
        beyond: bool,
        margin: float = 0.0,
    ) -> Array:
        """Probability that the true difference is above a margin, shape (targets,).

        The margin counts in units of the logistic error whose 90 % quantile is the calibrated one.
        The slope would not do: beyond the range it is flat because true differences are smaller
        than predicted, not because they are less certain by as much.
        """
        k = int(_at(self.sizes, n_answered))
        unit = _factor(self.inside, self.beyond, k, LEVEL_OF_UNIT, beyond) * scale
        unit = unit / np.log((1 + LEVEL_OF_UNIT) / (1 - LEVEL_OF_UNIT))
        odds = self._slope(k, beyond) * difference / scale
        return sigmoid(odds - margin / np.maximum(unit, SMALLEST_UNIT))

    def lead(self, scale: NDArray, n_answered: int, level: float, beyond: bool) -> Array:
        """Smallest difference whose sign has probability (1 + level) / 2, at most 1: (targets,)."""
        slope = self._slope(int(_at(self.sizes, n_answered)), beyond)
        odds = np.log((1 + level) / (1 - level))
        return np.asarray(np.minimum(odds * scale / np.maximum(slope, SMALLEST_UNIT), 1.0))

    def _slope(self, k: int, beyond: bool) -> Array:
        slope = self.slope_inside[k]
        return np.minimum(slope, self.slope_beyond[k]) if beyond else slope

    def state(self) -> dict[str, NDArray]:
        """Return plain arrays from which ``from_state`` rebuilds this calibration."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> PairCalibration:
        """Rebuild a calibration from ``state()``."""
        return cls(**state)


def _count_sizes(what: str, sizes: NDArray[np.int64]) -> int:
    """Return the number of sizes; raise :class:`BankError` unless they ascend from 1 or more.

    :func:`_at` relies on their order.
    """
    found = np.asarray(sizes)
    if found.ndim != 1 or not found.size or (np.diff(found, prepend=0) <= 0).any():
        raise BankError(
            f"{what} sizes must be ascending numbers of answers, found {found.tolist()!r:.60}"
        )
    return len(found)


def _at(sizes: NDArray[np.int64], n_answered: NDArray[np.int64] | int) -> NDArray[np.intp]:
    """Position of the largest calibrated size that is not above ``n_answered``."""
    return np.maximum(np.searchsorted(sizes, n_answered, side="right") - 1, 0)


def _factor(inside: Array, beyond: Array, k: int, level: float, is_beyond: bool) -> Array:
    """Quantile of the ratios of the ``k``-th size; beyond the range no smaller than inside."""
    factor = _quantile(inside[k], level)
    return np.maximum(factor, _quantile(beyond[k], level)) if is_beyond else factor


def _quantile(ratios: Array, level: float) -> Array:
    """Conformal quantile of each column: the ceil((n + 1) level)-th smallest of n.

    If n is too small for that rank, the largest ratio is scaled up by a ratio of normal quantiles:
    that of the level over that of the highest rank n allows.
    """
    n = len(ratios)
    rank = int(np.ceil((n + 1) * level))
    if rank <= n:
        return np.asarray(np.partition(ratios, rank - 1, axis=0)[rank - 1])
    largest = np.maximum(ratios.max(axis=0), 1.0)
    return np.asarray(largest * _normal_quantile(level) / _normal_quantile(n / (n + 1)))


def _normal_quantile(level: float) -> float:
    """Two-sided standard normal quantile."""
    return NormalDist().inv_cdf(0.5 + level / 2)
