"""What a model's answers say of its score on every other item: kriging with few factors.

Answers are taken as jointly Gaussian with the item covariance under a drift of DRIFT, kept as its
RANK leading factors L and a variance D of each item's own: y = mean + L'z + e.  Given answers y_A,

    E[z | y_A] = (I + L_A D_A^-1 L_A')^-1 L_A D_A^-1 (y_A - mean_A),    E[y] = mean + L'E[z | y_A]

Nothing of this has to be true: a wrong expectation makes a certified interval wider, not wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array, Index, check_shapes
from tinyeval.covariance.item_covariance import ItemCovariance
from tinyeval.errors import BankError

RANK = 32
"""Number of factors kept; more bring nothing, and are stored for every item."""

DRIFT = 0.1
"""Drift under which scores are expected: useful for models within the range and beyond it."""

LEAST_NOISE = 1e-3
"""Smallest variance of an item's own: no answer determines the factors alone."""

MARGIN = 0.02
"""Expected scores keep this distance from 0 and 1: no item is taken as certain."""


@dataclass(frozen=True, eq=False)
class ExpectedScores:
    """Moments of a model's answers to all items.

    Attributes:
        mean: expected scores before any answer, shape (items,).
        factors: L, float32, shape (factors, items).
        noise: variance of each item's own, shape (items,).
    """

    mean: Array
    factors: NDArray[np.float32]
    noise: Array

    def __post_init__(self) -> None:
        n = len(self.mean)
        check_shapes("certified", self, {"mean": (n,), "factors": (None, n), "noise": (n,)})
        if not (self.noise > 0).all():
            raise BankError("certified noise must be above 0")

    def given(self, items: Index, answers: Array) -> Array:
        """Return the score expected of every item, shape (items,), MARGIN from 0 and 1 at least.

        Args:
            items: positions of the answered items.
            answers: scores on them, shape (answered,).
        """
        known = self.factors[:, items].astype(np.float64)
        scaled = known / self.noise[items]
        precision = np.eye(len(known)) + scaled @ known.T
        z = np.linalg.solve(precision, scaled @ (answers - self.mean[items]))
        return np.clip(self.mean + z @ self.factors, MARGIN, 1 - MARGIN)


def expected_scores(covariance: ItemCovariance) -> ExpectedScores:
    """Return the leading factors of a covariance under DRIFT; the rest becomes the items' own."""
    parts = np.vstack([covariance.factors, DRIFT * covariance.drift])
    _, vectors = np.linalg.eigh(parts @ parts.T)
    factors = vectors[:, ::-1][:, :RANK].T @ parts
    largest = np.abs(factors).argmax(axis=1)
    factors *= np.where(factors[range(len(factors)), largest] < 0, -1.0, 1.0)[:, None]
    noise = covariance.variance(DRIFT) - (factors**2).sum(axis=0)
    return ExpectedScores(
        mean=covariance.mean,
        factors=factors.astype(np.float32),
        noise=np.maximum(noise, LEAST_NOISE),
    )
