"""From held-out models to the calibration of single models: ratios, scale, flags, errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.held_out import Cases, mean_error
from tinyeval.calibration.intervals import NO_LIMIT, Calibration
from tinyeval.calibration.scale_by_score import fit_scale, scaled_ratios
from tinyeval.compute.arrays import Array

FALSE_ALARM = 0.05
"""Share of held-out models within the range that ``in_range`` flags, and that ``misfit`` flags."""


def calibration_of(
    sizes: NDArray[np.int64],
    known: list[tuple[Array, Array]],
    beyond: Array,
    inside: Cases,
    values: Array,
    noise: Array,
) -> Calibration:
    """Make the calibration of single models, from ``known`` ratios by fold and cases ``inside``."""
    limits = [
        _range_limits(*one)
        for one in zip(inside.excess, inside.novelty, inside.within, strict=True)
    ]
    misfit_limit = [
        _limit(one[within]) for one, within in zip(inside.misfit, inside.within, strict=True)
    ]
    margin, novelty_limit = np.transpose(limits)
    everyone = (np.concatenate(arrays, axis=1) for arrays in zip(*known, strict=True))
    scale = fit_scale(*everyone)
    return Calibration(
        sizes=sizes,
        inside=np.sort(scaled_ratios(known), axis=1),
        beyond=beyond,
        score_range=np.array([values.min(0), values.max(0)]),
        range_margin=margin,
        novelty_limit=novelty_limit,
        misfit_limit=np.array(misfit_limit),
        expected_error=mean_error(inside),
        noise=noise,
        scale_at=scale.at,
        scale=scale.value,
    )


def _range_limits(excess: Array, novelty: Array, within: NDArray[np.bool_]) -> tuple[float, float]:
    """Margin of the range and limit of novelty that together flag FALSE_ALARM of the models.

    A score predicted beyond the range is stronger evidence than novelty.  So the margin is set
    first, at 0 if possible, and the limit of novelty uses what is left of FALSE_ALARM.
    """
    known = within & np.isfinite(excess) & np.isfinite(novelty)
    excess, novelty = excess[known], novelty[known]
    margin = max(_limit(excess), 0.0) if known.any() else 0.0
    outside = excess > margin
    return margin, _limit(novelty[~outside], int(outside.sum()))


def _limit(values: Array, flagged: int = 0) -> float:
    """Value that a share FALSE_ALARM of models exceeds; the largest value if there are few models.

    Args:
        values: values of the models not flagged yet; values that are not finite are ignored.
        flagged: number of models flagged already.
    """
    values = np.sort(values[np.isfinite(values)])
    n = len(values) + flagged
    if not len(values):
        return NO_LIMIT
    rank = int(np.ceil((n + 1) * (1 - FALSE_ALARM)))
    return float(values[min(rank, len(values)) - 1])
