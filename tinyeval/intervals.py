"""The calibrated interval: a prediction's spread, scaled by what held-out models showed.

    half-width = quantile of |error| / spread over held-out source models  x  spread

(normalised conformal scores: Lei et al. 2018), separately inside the history's range and beyond it
and by number of answered anchors; never below what the scatter of unasked items allows.  How the
ratios come about is in :mod:`tinyeval.calibration`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.irt.model import Array


@dataclass(frozen=True)
class Calibration:
    """What held-out source models tell of the spread.

    Attributes:
        sizes: numbers of answered anchors, ascending, shape (sizes,).
        inside: sorted ratios |error| / spread of models inside the history's range, shape
            (sizes, cases, targets).
        beyond: the same for models stronger or weaker than those learned from.
        score_range: lowest and highest target among source models, shape (2, targets).
        novelty_limit: novelty above which a model counts as unlike the history, shape (sizes,).
        misfit_limit: person fit (mean squared residual over expected) above which answers do not
            fit, shape (sizes,).
        expected_error: mean absolute error inside the range, shape (sizes, targets).
        noise: smallest standard deviation of each target: the scatter of unasked items' answers
            around their probabilities, which no method can know, shape (targets,).
    """

    sizes: NDArray[np.int64]
    inside: Array
    beyond: Array
    score_range: Array
    novelty_limit: Array
    misfit_limit: Array
    expected_error: Array
    noise: Array

    def __post_init__(self) -> None:
        sizes, targets = len(self.sizes), np.shape(self.noise)[-1:]
        expected = {
            "score_range": (2, *targets),
            "novelty_limit": (sizes,),
            "misfit_limit": (sizes,),
            "expected_error": (sizes, *targets),
            "noise": targets,
            "inside": (sizes, max(np.shape(self.inside)[1:2], default=1) or 1, *targets),
            "beyond": (sizes, max(np.shape(self.beyond)[1:2], default=1) or 1, *targets),
        }
        for name, shape in expected.items():
            if np.shape(getattr(self, name)) != shape or sizes == 0:
                found = np.shape(getattr(self, name))
                raise DataError(f"calibration {name} has shape {found}, expected {shape}")

    def _at(self, n_answered: int) -> int:
        """Position of the largest calibrated size that is not above ``n_answered``."""
        return max(int(np.searchsorted(self.sizes, n_answered, side="right")) - 1, 0)

    def is_novel(self, novelty: float, n_answered: int) -> bool:
        """Say whether so much novelty is more than FALSE_ALARM of source models show."""
        return bool(novelty > self.novelty_limit[self._at(n_answered)])

    def is_misfit(self, fit: float, n_answered: int) -> bool:
        """Say whether so bad a fit is worse than that of FALSE_ALARM of source models."""
        return bool(fit > self.misfit_limit[self._at(n_answered)])

    def factor(self, n_answered: int, level: float, beyond: bool) -> Array:
        """Half-width in units of the spread, shape (targets,)."""
        k = self._at(n_answered)
        inside = _quantile(self.inside[k], level)
        return np.maximum(inside, _quantile(self.beyond[k], level)) if beyond else inside

    def half_width(
        self, spread: NDArray, n_answered: int, n_anchors: int, level: float, beyond: bool
    ) -> Array:
        """Half-width of the intervals of one model, shape (targets,).

        Never below what the scatter of unasked items allows; 0 only where nothing is unasked.
        """
        half = self.factor(n_answered, level, beyond) * spread
        floor = self.noise * np.sqrt(n_anchors / n_answered) * _normal_quantile(level)
        return np.asarray(np.maximum(half, floor))

    def state(self) -> dict[str, NDArray]:
        """Return plain arrays from which ``from_state`` rebuilds this calibration."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Calibration:
        """Rebuild a calibration from ``state()``."""
        return cls(**state)


def _quantile(ratios: Array, level: float) -> Array:
    """Conformal quantile of each column: the ceil((n + 1) level)-th smallest of n.

    Where n is too small for that rank, the largest ratio is stretched by the normal tail beyond
    the rank it can stand for.
    """
    n = len(ratios)
    rank = int(np.ceil((n + 1) * level))
    ordered = np.sort(ratios, axis=0)
    if rank <= n:
        return np.asarray(ordered[rank - 1])
    return np.asarray(
        np.maximum(ordered[-1], 1.0) * _normal_quantile(level) / _normal_quantile(n / (n + 1))
    )


def _normal_quantile(level: float) -> float:
    """Two-sided standard normal quantile."""
    return NormalDist().inv_cdf(0.5 + level / 2)
