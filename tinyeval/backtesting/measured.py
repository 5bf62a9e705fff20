"""What the errors on held-out models say of a bank: its error, and how sure that error is.

The standard error treats the models (or whole groups of them) as the sample: a model that several
banks predicted counts once.  With residuals r_c of the cases from their mean and m cases in all,

    se^2 = G / (G - 1) * sum_g (sum_{c in g} r_c)^2 / m^2        over the G models or groups.

A single bank errs more or less than such banks on average: its own variance is what the means of
the banks vary beyond the chance of their models.

The width is that of the intervals of a bank: twice the spread times the conformal quantile of
|error| / spread.  Two models can be told apart if they differ by more than the error of their
difference has with the same probability, over pairs that one bank predicted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.backtesting.rehearsal import Cases
from tinyeval.compute.arrays import Array
from tinyeval.errors import DataError

PAIRS = 500
"""Pairs of models drawn for each bank."""


class Measured(NamedTuple):
    """What a bank of some recipe and number of items would do, in score units.

    Attributes:
        error: mean absolute error of the overall score.
        standard_error: of ``error`` over models, for the mean of many banks.
        bank_spread: standard deviation of the error of single banks, all models counted.
        width: mean width of the intervals at the level asked for.
        tell_apart: smallest difference of two predicted scores that is beyond chance.
        held_out: number of different models that were predicted.
        sources: mean number of models that the banks were built from.
    """

    error: float
    standard_error: float
    bank_spread: float
    width: float
    tell_apart: float
    held_out: int
    sources: float


def measure(cases: Cases, cluster: NDArray[np.intp], level: float, seed: int = 0) -> Measured:
    """Summarise the cases of one recipe and number of items.

    Args:
        cases: predictions of held-out models.
        cluster: number of each model's group, or of the model itself, shape (models,).
        level: level of the intervals and of differences.
        seed: draws the pairs.

    Raises:
        DataError: no model's true score is known.
    """
    if not len(cases.error):
        raise DataError(
            "no model answered enough of the benchmark for its true score to be known; add models "
            "with fewer missing answers, or give their full scores as a target column (--target)"
        )
    wrong = np.abs(cases.error)
    factor = quantile(wrong / np.maximum(cases.spread, 1e-12), level)
    return Measured(
        error=float(wrong.mean()),
        standard_error=standard_error(wrong, cluster[cases.model]),
        bank_spread=_bank_spread(wrong, cases.bank),
        width=float(np.minimum(2 * factor * cases.spread, 1.0).mean()),
        tell_apart=_tell_apart(cases, level, seed),
        held_out=len(np.unique(cases.model)),
        sources=float(cases.sources.mean()),
    )


def standard_error(values: Array, cluster: NDArray[np.intp]) -> float:
    """Return the standard error of a mean whose values come in clusters; NaN for a single one."""
    _, which = np.unique(cluster, return_inverse=True)
    sums = np.bincount(which.ravel(), values - values.mean())
    if len(sums) < 2:
        return float("nan")
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(values))


def _bank_spread(wrong: Array, bank: NDArray[np.intp]) -> float:
    """Standard deviation of the banks' mean errors, beyond the chance of their models."""
    _, which = np.unique(bank, return_inverse=True)
    which = which.ravel()
    count = np.bincount(which)
    mean = np.bincount(which, wrong) / count
    free = max(len(wrong) - len(count), 1)
    within = ((wrong - mean[which]) ** 2).sum() / free
    if len(count) < 2:
        return 0.0
    return float(np.sqrt(max(mean.var(ddof=1) - (within / count).mean(), 0.0)))


class Gain(NamedTuple):
    """By how much less one recipe errs than another on the same models, and its standard error."""

    mean: float
    standard_error: float

    def is_clear(self, margin: float) -> bool:
        """Say whether the gain is more than ``margin`` standard errors."""
        return self.mean > margin * self.standard_error


def gain(of: Cases, over: Cases, cluster: NDArray[np.intp]) -> Gain:
    """Return by how much less ``of`` errs than ``over``, model by model."""
    models, one = _by_model(of)
    others, two = _by_model(over)
    _, a, b = np.intersect1d(models, others, return_indices=True)
    less = two[b] - one[a]
    return Gain(float(less.mean()), standard_error(less, cluster[models[a]]))


def quantile(values: Array, level: float) -> float:
    """Conformal quantile: the ceil((n + 1) level)-th smallest of n values, or the largest."""
    rank = min(int(np.ceil((len(values) + 1) * level)), len(values))
    return float(np.partition(values, rank - 1)[rank - 1])


def _by_model(cases: Cases) -> tuple[NDArray[np.intp], Array]:
    """Return the models, and the mean absolute error of each."""
    models, which = np.unique(cases.model, return_inverse=True)
    which = which.ravel()
    return models, np.bincount(which, np.abs(cases.error)) / np.bincount(which)


def _tell_apart(cases: Cases, level: float, seed: int) -> float:
    """Quantile of the error of differences between models that one bank predicted; NaN if none."""
    rng, found = np.random.default_rng(seed), []
    for bank in np.unique(cases.bank):
        error = cases.error[cases.bank == bank]
        if len(error) > 1:
            one, two = np.triu_indices(len(error), 1)
            some = rng.permutation(len(one))[:PAIRS]
            found.append(np.abs(error[one[some]] - error[two[some]]))
    return quantile(np.concatenate(found), level) if found else float("nan")
