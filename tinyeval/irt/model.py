"""The multidimensional two-parameter logistic model, with optional fixed guessing.

    P(y = 1 | theta) = c + (1 - c) * sigmoid(a . theta + d)

(Birnbaum 1968; McKinley and Reckase 1983).  ``d = -a * b`` is the intercept of difficulty b.
Scores between 0 and 1 enter through the same likelihood (quasi-Bernoulli, Papke and Wooldridge
1996), missing cells through a mask.  This module is numpy only: prediction needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.errors import FitError


def sigmoid(logits: NDArray) -> NDArray:
    """Return 1 / (1 + exp(-logits)) without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


class Prior(NamedTuple):
    """A normal distribution of abilities, in the form that estimation needs.

    Attributes:
        mean: shape (dimensions,).
        precision: inverse of the covariance, shape (dimensions, dimensions).
        log_det_cov: log determinant of the covariance.
    """

    mean: Array
    precision: Array
    log_det_cov: float

    @classmethod
    def of(cls, mean: NDArray, cov: NDArray) -> Prior:
        """Return the prior; raise :class:`FitError` unless ``cov`` is positive definite."""
        try:
            root = np.linalg.cholesky(np.asarray(cov, dtype=np.float64))
        except np.linalg.LinAlgError as error:
            raise FitError("the abilities' prior covariance is not positive definite") from error
        inverse = np.linalg.inv(root)
        log_det = 2.0 * float(np.log(np.diag(root)).sum())
        return cls(np.asarray(mean, dtype=np.float64), inverse.T @ inverse, log_det)


@dataclass(frozen=True, repr=False)
class IRTModel:
    """Item parameters and the distribution of the abilities of the source models.

    Attributes:
        items: ids of the items, in the order of the arrays below.
        discrimination: a, shape (items, dimensions).
        intercept: d, shape (items,).
        guessing: c, shape (items,), in [0, 1).
        ability_mean: mean ability of the source models, shape (dimensions,).
        ability_cov: covariance of their abilities, shape (dimensions, dimensions).
        discrimination_sd, intercept_sd: posterior standard deviations, of the parameters' shapes;
            zeros if the fit gives none.
    """

    items: tuple[str, ...]
    discrimination: Array
    intercept: Array
    guessing: Array
    ability_mean: Array
    ability_cov: Array
    discrimination_sd: Array | None = None
    intercept_sd: Array | None = None

    def __post_init__(self) -> None:
        n, dims = len(self.items), self.dimensions
        shapes = {
            "discrimination": (n, dims),
            "intercept": (n,),
            "guessing": (n,),
            "ability_mean": (dims,),
            "ability_cov": (dims, dims),
            "discrimination_sd": (n, dims),
            "intercept_sd": (n,),
        }
        for name, shape in shapes.items():
            value = getattr(self, name)
            array = np.zeros(shape) if value is None else np.asarray(value, dtype=np.float64)
            if array.shape != shape:
                raise FitError(f"IRT parameter {name} has shape {array.shape}, expected {shape}")
            if not np.isfinite(array).all():
                raise FitError(f"IRT parameter {name} holds numbers that are not finite")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if (self.guessing < 0).any() or (self.guessing >= 1).any():
            raise FitError("guessing must lie in [0, 1)")

    def __repr__(self) -> str:
        return f"IRTModel({len(self.items):,} items, {self.dimensions} dimensions)"

    @property
    def dimensions(self) -> int:
        """Number of ability dimensions."""
        return int(np.asarray(self.discrimination).shape[1])

    @property
    def difficulty(self) -> Array:
        """Multidimensional difficulty b = -d / |a| (Reckase 1985), shape (items,)."""
        return -self.intercept / np.maximum(np.linalg.norm(self.discrimination, axis=1), 1e-6)

    @cached_property
    def prior(self) -> Prior:
        """Distribution of the source models' abilities, the prior of a new model's ability."""
        return Prior.of(self.ability_mean, self.ability_cov)

    @cached_property
    def outer(self) -> Array:
        """a_i a_i' of every item, shape (items, dimensions^2)."""
        a = self.discrimination
        return np.asarray(a[:, :, None] * a[:, None, :]).reshape(len(a), -1)

    def probability(self, ability: NDArray) -> Array:
        """Return P(y = 1), shape (models, items), for abilities of shape (models, dimensions)."""
        logits = np.asarray(ability) @ self.discrimination.T + self.intercept
        return self.guessing + (1.0 - self.guessing) * sigmoid(logits)

    def take(self, index: NDArray[np.intp]) -> IRTModel:
        """Return the model of the items at ``index``, in that order."""
        assert self.discrimination_sd is not None
        assert self.intercept_sd is not None
        return IRTModel(
            tuple(self.items[k] for k in index),
            self.discrimination[index],
            self.intercept[index],
            self.guessing[index],
            self.ability_mean,
            self.ability_cov,
            self.discrimination_sd[index],
            self.intercept_sd[index],
        )


@dataclass(frozen=True)
class IRTFit:
    """A fitted model, and the abilities of the source models.

    Attributes:
        model: the item parameters.
        ability: ability of each source model, shape (models, dimensions).
        log_likelihood: mean log-likelihood per observed answer, on held-out cells if there are any.
        held_out: {dimensions tried: mean held-out log-likelihood per answer}; empty if only one
            number of dimensions was given.
    """

    model: IRTModel
    ability: Array
    log_likelihood: float
    held_out: dict[int, float]
