"""Draws items for a model, and certifies its score from the answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.certified.betting import bounds
from tinyeval.certified.certificate import Certificate
from tinyeval.certified.drawing import chances, draw
from tinyeval.certified.expected import ExpectedScores
from tinyeval.certified.increments import increments
from tinyeval.certified.interval import student
from tinyeval.compute.arrays import Array, Index, check_shapes
from tinyeval.errors import BankError, DataError

LEAST_DRAWS = 5
"""Smallest number of draws: fewer give no interval worth its name."""


@dataclass(frozen=True, eq=False)
class Certifier:
    """How many items are drawn for each model, and what their chances rest on.

    Attributes:
        draws: number of items drawn for each model.
        uniform: share of the chances for which only the items' weights count, in (0, 1].
        weights: weights of the items in the overall score, shape (items,), sum 1.
        expected: expects the scores of items from the answers to others.

    Raises:
        BankError: arrays or numbers that do not fit each other.
    """

    draws: int
    uniform: float
    weights: Array
    expected: ExpectedScores

    def __post_init__(self) -> None:
        check_shapes("certified", self, {"weights": (len(self.expected.mean),)})
        if not (self.weights >= 0).all() or abs(self.weights.sum() - 1) > 1e-6:
            raise BankError("certified weights must not be negative, and sum to 1")
        if not (self.draws >= LEAST_DRAWS and 0 < self.uniform <= 1):
            raise BankError(
                f"certified: expected {LEAST_DRAWS} draws or more and a uniform share in (0, 1], "
                f"found {self.draws} and {self.uniform:g}"
            )

    def check(self, anchors: Index, n_items: int) -> None:
        """Raise unless this fits a bank.

        Args:
            anchors: positions of the bank's anchors.
            n_items: number of its items.

        Raises:
            BankError: moments of other items.
            DataError: fewer items that are no anchors than draws.
        """
        if len(self.weights) != n_items:
            raise BankError(f"certified: {len(self.weights)} weights, the bank has {n_items} items")
        check_enough(self.draws, int(self._free(anchors).sum()))

    def chances(self, anchors: Index, answers: Array) -> Array:
        """Return the chance of each item to be drawn first, shape (items,).

        Args:
            anchors: positions of the anchors.
            answers: scores on all of them.
        """
        p = self.expected.given(anchors, answers)
        return chances(p, self.weights, self._free(anchors), self.uniform)

    def draw(self, anchors: Index, answers: Array, key: str) -> Index:
        """Return the positions of the items drawn for a model, in the order of drawing.

        Args:
            anchors: positions of the anchors.
            answers: the model's scores on all of them.
            key: text on which the draws depend.
        """
        return draw(self.chances(anchors, answers), self.draws, key)

    def certify(self, anchors: Index, drawn: Index, scores: Array, level: float) -> Certificate:
        """Return the certified score of a model.

        Args:
            anchors: positions of the anchors.
            drawn: positions of the items drawn, as :meth:`draw` returns them.
            scores: answers, shape (items,), known on anchors and drawn items.
            level: level of the intervals, in (0, 1).
        """
        chance = self.chances(anchors, scores[anchors])
        found = increments(scores, self.weights, anchors, drawn, chance, self.expected)
        score, lower, upper = student(found, level)
        low, high = bounds(found, level)
        return Certificate(score, lower, upper, low, high, level, len(drawn))

    def _free(self, anchors: Index) -> NDArray[np.bool_]:
        """Say which items can be drawn: those that count in the score and are no anchors."""
        free = self.weights > 0
        free[anchors] = False
        return free

    def state(self) -> dict[str, NDArray]:
        """Return plain arrays from which ``from_state`` rebuilds this."""
        return {
            "draws": np.array(self.draws, dtype=np.int64),
            "uniform": np.array(self.uniform),
            "weights": self.weights,
            "mean": self.expected.mean,
            "factors": self.expected.factors,
            "noise": self.expected.noise,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> Certifier:
        """Rebuild from ``state()``.

        Raises:
            BankError: arrays that are missing, unknown, or of another type or shape.
        """
        if set(state) != set(TYPES):
            raise BankError(f"arrays: certified/ must hold {', '.join(TYPES)}")
        for name, kind in TYPES.items():
            if state[name].dtype != kind:
                raise BankError(
                    f"arrays: certified/{name} has type {state[name].dtype}, expected {kind}"
                )
        if state["draws"].shape or state["uniform"].shape:
            raise BankError("arrays: certified/draws and certified/uniform must be single numbers")
        moments = {name: state[name] for name in ("mean", "factors", "noise")}
        return cls(
            draws=int(state["draws"]),
            uniform=float(state["uniform"]),
            weights=state["weights"],
            expected=ExpectedScores(**moments),
        )


TYPES = {
    "draws": "int64",
    "uniform": "float64",
    "weights": "float64",
    "mean": "float64",
    "factors": "float32",
    "noise": "float64",
}
"""Arrays of a certifier and their types."""


def check_enough(draws: int, free: int) -> None:
    """Raise :class:`DataError` unless ``draws`` items can be drawn from ``free`` ones."""
    if draws > free:
        raise DataError(
            f"{draws} items are to be drawn for each model, but only {free} items that count in "
            "the score are no anchors; draw fewer (--certify), or take fewer anchors"
        )
