"""How soft scores vary, beside the right and wrong answers: two columns for every item.

A soft score p is the probability that a model gave to the right answer.  It tells of the same
ability as the answer y with less chance in it, so p enters the item covariance as a second column
of each item, which has weight 0 in every target.  In the factors F of the item covariance
(:mod:`tinyeval.covariance.item_covariance`), whose first rows are the view of the sample and whose
last rows are that of the item-response model,

    Cov(y, p) = F' H,    Cov(p, p) = H' H + diag(own).

The first rows of H are the soft scores in the sample's components, shrunk and weighted as the
answers are.  In the view of the item-response model, p_i is expected to follow the fitted
probability f_i of a right answer, by ``alone_i`` times as much: the last rows of H are those of F
times the regression of p_i on f_i over the source models, shrunk to the pooled one.  ``own`` makes
up the variance of p.

Under drift of size s, soft scores move with the answers, by ``slope`` times as much:

    Cov(y, p; s) = F' H + s^2 slope (G' G + diag(rest)),
    Cov(p, p; s) = H' H + diag(own) + s^2 slope^2 (G' G + diag(rest)).

``slope`` is the pooled regression of p on f.  Without it, soft scores would
contradict every drift, and nothing learned under drift would be learned from them.

*Source models without soft scores.*  Where a source model has none, its p is replaced by its
regression on the model's answer and fitted probability, item by item, and the residual variance is
kept (the E-step of Dempster, Laird and Rubin 1977).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.row_blocks import slabs
from tinyeval.covariance.components import sum_of_squares
from tinyeval.covariance.item_covariance import ItemCovariance, item_covariance
from tinyeval.history import History

LEAST_MODELS = 10
"""Source models whose soft scores of an item are needed, for the item to have a soft column."""

LEAST_ITEMS = 0.05
"""Share of the items that need a soft column; with fewer, soft scores are not read at all."""

PRIOR = 20.0
"""Weight, in models, of the pooled regression of soft scores in that of a single item."""

PRIOR_ALONE = 100.0
"""The same for the slope on the fitted probability alone."""

ALONE_WITHIN = (-0.2, 1.5)
"""Range of that slope: a soft score that falls where the answer gets better is chance."""

LEAST_NOISE = 5e-4
"""Smallest variance of a soft score's own: no soft score is known better than by two hundredths."""

UNREAD = 1.0
"""Variance of the soft score of an item without a soft column: it then says nothing."""


@dataclass(frozen=True, kw_only=True)
class SoftCovariance:
    """The item covariance with a second column for every item; arrays in the order of its items.

    Attributes:
        hard: of the answers and the targets.
        mean: expected soft scores, shape (items,); 0.5 where there is no soft column.
        factors: H, shape (rank, items), zeros where there is no soft column.
        noise: variance of each soft score that it shares with no other column, shape (items,).
        slope: by which soft scores follow the answers under drift, 0 without a soft column, shape
            (items,).
    """

    hard: ItemCovariance
    mean: Array
    factors: Array
    noise: Array
    slope: Array

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of the items."""
        return self.hard.items

    def row_parts(self, k: int) -> tuple[Array, Array]:
        """Covariance of the answer to item ``k`` with every answer, as the item covariance's."""
        return self.hard.row_parts(k)

    def answer_row(self, k: int, s: float, drift: Array) -> Array:
        """Covariance of the answer to item ``k`` with every soft score under drift ``s``.

        Args:
            k: position of the item.
            s: size of the drift.
            drift: covariance of item ``k`` with every item in the factors G: ``row_parts(k)[1]``.
        """
        row = self.hard.factors[:, k] @ self.factors + s**2 * self.slope * drift
        row[k] += self._shared_rest(s)[k]
        return np.asarray(row)

    def soft_row(self, k: int, s: float, drift: Array) -> tuple[Array, Array]:
        """Covariance of the soft score of item ``k`` with every answer, and with every soft score.

        Arguments as for :meth:`answer_row`.
        """
        own = self.factors[:, k]
        answers = own @ self.hard.factors + s**2 * self.slope[k] * drift
        answers[k] += self._shared_rest(s)[k]
        soft = own @ self.factors + s**2 * self.slope[k] * self.slope * drift
        soft[k] += self.own_variance(s)[k]
        return answers, soft

    def own_variance(self, s: float) -> Array:
        """Variance of each soft score that it shares with no other item, under drift ``s``."""
        return np.asarray(self.noise + s**2 * self.slope**2 * self.hard.drift_rest)

    def variance(self, s: float) -> Array:
        """Variance of every soft score under drift ``s``, shape (items,)."""
        drift = s**2 * self.slope**2 * sum_of_squares(self.hard.drift)
        return np.asarray(sum_of_squares(self.factors) + drift + self.own_variance(s))

    def between(self, s: float) -> Array:
        """Covariance of each item's answer and soft score under drift ``s``, shape (items,)."""
        shared = (self.hard.factors * self.factors).sum(axis=0)
        drift = s**2 * self.slope * sum_of_squares(self.hard.drift)
        return np.asarray(shared + drift + self._shared_rest(s))

    def with_targets(self, s: float) -> Array:
        """Covariance of every soft score with every target, shape (items, targets)."""
        hard = self.hard
        shared = self.factors.T @ hard.target_factors
        shared += s**2 * self.slope[:, None] * (hard.drift.T @ hard.target_drift)
        return np.asarray(shared + (hard.weights * self._shared_rest(s)).T)

    def among(self, index: NDArray[np.intp], s: float) -> Array:
        """Covariance of some items' answers and soft scores, answers first, shape (2 n, 2 n).

        Args:
            index: positions of the items, n of them.
            s: size of the drift.
        """
        hard = self.hard
        answers, soft, field = (one[:, index] for one in (hard.factors, self.factors, hard.drift))
        slope, shift = self.slope[index], s**2 * field.T @ field
        both = answers.T @ soft + shift * slope + np.diag(self._shared_rest(s)[index])
        top = answers.T @ answers + shift + np.diag(hard.own_variance(s)[index])
        low = soft.T @ soft + slope[:, None] * shift * slope + np.diag(self.own_variance(s)[index])
        return np.block([[top, both], [both.T, low]])

    def _shared_rest(self, s: float) -> Array:
        return np.asarray(s**2 * self.slope * self.hard.drift_rest)


def soft_covariance(
    history: History,
    *,
    irt_share: float = 0.5,
    shrinkage: float = 0.3,
    length: float = 1.0,
    unsolved: float = 0.0,
) -> SoftCovariance | None:
    """Return the covariance of answers and soft scores; None if too few soft scores are known.

    None, too, if most answers of the history were repeated: their soft scores are not read.
    Arguments are those of :func:`item_covariance`, whose result it contains.
    """
    if history.responses.soft is None or history.responses.usual_trials > 1:
        return None
    options = {"irt_share": irt_share, "shrinkage": shrinkage, "length": length}
    hard = item_covariance(history, **options, unsolved=unsolved)
    key = ("soft_covariance", irt_share, shrinkage, length, unsolved)
    return history.once(key, lambda: _soft_covariance(history, hard, irt_share, shrinkage))


def _soft_covariance(
    history: History, hard: ItemCovariance, irt_share: float, shrinkage: float
) -> SoftCovariance | None:
    regression = _regress(history)
    read = regression.known >= LEAST_MODELS
    if read.mean() < LEAST_ITEMS or hard.basis is None:
        return None
    n, rank = history.responses.n_models, hard.basis.shape[1]
    total, sample = np.zeros(len(read)), np.zeros((rank, len(read)))
    for cut in slabs(history.responses.scores.shape):
        deviations = np.where(read, regression.filled(history, cut), 0.0)
        sample += hard.basis[cut].T @ deviations
        total += (deviations**2).sum(axis=0)
    sample *= np.sqrt((1 - irt_share) * (1 - shrinkage) / max(n - 1, 1))
    factors = np.vstack([sample, np.where(read, regression.alone, 0.0) * hard.factors[rank:]])
    total = (total + (n - regression.known) * regression.residual) / max(n - 1, 1)
    own = total - sum_of_squares(factors)
    return SoftCovariance(
        hard=hard,
        mean=np.where(read, regression.mean, 0.5),
        factors=factors,
        noise=np.where(read, np.maximum(own, LEAST_NOISE), UNREAD),
        slope=np.where(read, regression.slope, 0.0),
    )


@dataclass(frozen=True)
class _Regression:
    """Soft scores by item: their regression on answers y and fitted probabilities f.

    Attributes:
        known: number of models whose soft score is known, shape (items,).
        mean: mean soft score, with those that are not known filled in.
        answer, fitted: slopes on y and on f.
        offset: of the prediction: p = offset + answer * y + fitted * f.
        residual: variance of p around it.
        alone: slope on f alone, shrunk to the pooled one, shape (items,).
        slope: the pooled one.
    """

    known: Array
    mean: Array
    answer: Array
    fitted: Array
    offset: Array
    residual: Array
    alone: Array
    slope: float

    def filled(self, history: History, cut: slice) -> Array:
        """Soft scores of some models less their mean, those not known filled in."""
        assert history.responses.soft is not None
        soft = history.responses.soft[cut].astype(np.float64)
        expected = self.offset + self.answer * history.filled[cut]
        expected += self.fitted * history.fitted[cut]
        return np.where(np.isnan(soft), expected, soft) - self.mean


def _regress(history: History) -> _Regression:
    """Regress every item's soft scores; few models borrow the pooled slopes."""
    assert history.responses.soft is not None
    shape = history.responses.scores.shape
    known, sums, everyone = np.zeros(shape[1]), np.zeros((3, shape[1])), np.zeros((2, shape[1]))
    for cut in slabs(shape):
        values, there = _values(history, cut)
        known += there.sum(axis=0)
        sums += np.where(there, values, 0.0).sum(axis=1)
        everyone += values[:2].sum(axis=1)
    counted = np.maximum(known, 1.0)
    mean = sums / counted
    products = np.zeros((3, 3, shape[1]))
    for cut in slabs(shape):
        values, there = _values(history, cut)
        values = np.where(there, values - mean[:, None], 0.0)
        products += np.einsum("imj,kmj->ikj", values, values)
    answer, fitted, alone, slope = _slopes(products, counted)
    residual = products[2, 2] - 2 * (answer * products[0, 2] + fitted * products[1, 2])
    residual += answer**2 * products[0, 0] + fitted**2 * products[1, 1]
    residual += 2 * answer * fitted * products[0, 1]
    shift = everyone / shape[0] - mean[:2]
    return _Regression(
        known=known,
        mean=mean[2] + answer * shift[0] + fitted * shift[1],
        answer=answer,
        fitted=fitted,
        offset=mean[2] - answer * mean[0] - fitted * mean[1],
        residual=np.maximum(residual, 0.0) / counted,
        alone=alone,
        slope=slope,
    )


def _values(history: History, cut: slice) -> tuple[Array, NDArray[np.bool_]]:
    """Answers, fitted probabilities and soft scores of some models, and where these are known."""
    assert history.responses.soft is not None
    soft = history.responses.soft[cut].astype(np.float64)
    there = ~np.isnan(soft)
    return np.stack([history.filled[cut], history.fitted[cut], np.where(there, soft, 0.0)]), there


def _slopes(products: Array, counted: Array) -> tuple[Array, Array, Array, float]:
    """Slopes of every item on y and f, on f alone, and the pooled slope on f alone.

    Those of an item are shrunk to the pooled ones, as if PRIOR and PRIOR_ALONE models more, like
    the average item's, had been seen.
    """
    pooled = products.sum(axis=2)
    gram, cross = pooled[:2, :2] + 1e-9 * np.eye(2), pooled[:2, 2]
    both = np.linalg.solve(gram, cross)
    weight = PRIOR / counted.sum()
    own = np.moveaxis(products[:2, :2], 2, 0) + weight * gram
    slopes = np.linalg.solve(own, (products[:2, 2].T + weight * gram @ both)[:, :, None])[:, :, 0]
    slope = float(np.clip(cross[1] / gram[1, 1], 0.0, 1.0))
    weight = PRIOR_ALONE / counted.sum() * gram[1, 1]
    alone = (products[1, 2] + weight * slope) / (products[1, 1] + weight)
    return slopes[:, 0], slopes[:, 1], np.clip(alone, *ALONE_WITHIN), slope
