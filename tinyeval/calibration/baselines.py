"""What choosing items is worth: the errors of three methods that choose nothing.

They predict the same held-out models as the calibration, from the same folds: the mean score of the
source models, without any answer; the mean of the answers to random items; and ridge regression on
random items ("Random-Sampling-Learn", Zhang, Dorner and Hardt 2025), which is hard to beat.
:mod:`tinyeval.calibration.baseline_errors` measures them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyeval.errors import BankError


@dataclass(frozen=True)
class Baselines:
    """Mean absolute errors of the overall score on held-out source models, in score units.

    Attributes:
        history_mean: of the mean score of the source models, without any answer.
        random_mean: of the mean answer to random items, by number of items.
        random_ridge: of ridge regression on random items, by number of items.

    Example:
        >>> bank.baselines.history_mean > bank.expected_error[8]
        True
        >>> sorted(bank.baselines.random_ridge)
        [5, 8]
    """

    history_mean: float
    random_mean: Mapping[int, float]
    random_ridge: Mapping[int, float]

    def head(self, n: int) -> Baselines:
        """Return the errors of up to ``n`` items."""
        mean, ridge = (
            {size: error for size, error in errors.items() if size <= n}
            for errors in (self.random_mean, self.random_ridge)
        )
        return Baselines(self.history_mean, mean, ridge)

    def check_sizes(self, sizes: tuple[int, ...]) -> None:
        """Raise :class:`BankError` unless there are errors for these numbers of items alone."""
        if set(self.random_mean) != set(sizes) or set(self.random_ridge) != set(sizes):
            raise BankError(
                "manifest: 'baselines' must be by the numbers of items of 'expected_error'"
            )

    def to_manifest(self) -> dict[str, Any]:
        """Return JSON values, rounded."""
        return {
            "history_mean": round(self.history_mean, 6),
            "random_mean": _texts(self.random_mean),
            "random_ridge": _texts(self.random_ridge),
        }

    @classmethod
    def from_manifest(cls, values: Mapping[str, Any]) -> Baselines:
        """Read what ``to_manifest`` returns.

        Raises:
            BankError: anything else.
        """
        try:
            found = cls(
                _error(values["history_mean"]),
                *(
                    {int(n): _error(error) for n, error in values[name].items()}
                    for name in ("random_mean", "random_ridge")
                ),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BankError(
                "manifest: 'baselines' must give history_mean, random_mean and random_ridge as "
                "errors from 0 to 1, the last two by number of items"
            ) from error
        return found


def _texts(errors: Mapping[int, float]) -> dict[str, float]:
    return {str(n): round(error, 6) for n, error in errors.items()}


def _error(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{value!r} is no error")
    return float(value)
