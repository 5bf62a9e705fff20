"""Models that are near copies: fine-tunes, seeds, checkpoints of one model, or one answer sheet.

Two models agree on items because both are good and items are easy; copies agree on the rest, too.
The rest is what is left of each answer after the model's score and the item's mean, on the logit
scale: :math:`e_{ij} = y_{ij} - \\sigma(\\theta_i + b_j)`.  Over the items that two models share,
these residuals correlate by about :math:`0 \\pm 1/\\sqrt{n}` where models are independent, and by 1
where one is a copy of the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.importers.audit.sample import spread
from tinyeval.importers.audit.tally import by_benchmark
from tinyeval.responses import ResponseMatrix

ALIKE = 0.7
"""Correlation of residuals from which two models are near copies; a copy with one answer in twelve
changed has about that, two releases of one model have 0.5."""

SURE = 6.0
"""Standard errors that it must lie above 0: among 5,000 independent models no pair does."""

FEWEST, FEWEST_EACH = 50, 10
"""Items that two models must share, and items of a benchmark on which models have a strength."""

MOST_MODELS, MOST_ITEMS, MOST_PAIRS = 3000, 1000, 200
"""Models, items and near copies that are looked at; a sample where there are more."""

NEWTON = 6

Array = NDArray[np.float64]


class Copies(NamedTuple):
    """Groups of near copies.

    Attributes:
        exact: ids of models that equal another in every cell; they are not looked at.
        groups: ids of two or more models each, largest groups first.
        models: number of models that were looked at.
        agreement: of near copies, the median share of items on which their marks agree, and what
            it would be, were they independent models of the same scores; NaN if there are none.
        expected: see ``agreement``.
    """

    exact: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    models: int
    agreement: float
    expected: float

    @property
    def rows(self) -> int:
        """Number of models in groups."""
        return sum(map(len, self.groups))

    @property
    def distinct(self) -> int:
        """Number of models if every group is counted as one."""
        return self.models - self.rows + len(self.groups)

    @property
    def words(self) -> str:
        """What follows "96 " in "96 rows are about 12 models ..."."""
        return (
            f"rows are about {self.distinct:,} models: {self.rows:,} are near copies of others, "
            f"with {100 * self.agreement:.0f} % of their answers alike where independent models "
            f"would have {100 * self.expected:.0f} %; a build holds them out together; name their "
            "families in the models table (--groups) if you know them"
        )


def near_copies(responses: ResponseMatrix) -> Copies:
    """Find models that are near copies; a copy of a copy belongs to the same group."""
    exact = responses.duplicates()
    gone = set(exact)
    rows = np.flatnonzero([one not in gone for one in responses.models.ids])
    sample = responses.take(
        rows[spread(len(rows), MOST_MODELS)], spread(responses.n_items, MOST_ITEMS)
    )
    known = ~np.isnan(sample.scores)
    expected = _expected(sample, known)
    residual = np.where(known, sample.scores - expected, 0).astype(np.float32)
    correlation, shared = _correlate(residual, known)
    z = np.arctanh(np.clip(correlation, 0, 1 - 1e-6)) * np.sqrt(np.maximum(shared - 3, 0))
    alike = (correlation >= ALIKE) & (z >= SURE) & (shared >= FEWEST)
    np.fill_diagonal(alike, False)
    found = _components(alike)
    groups = [np.flatnonzero(found == k) for k in np.unique(found)]
    groups = sorted((one for one in groups if len(one) > 1), key=lambda one: (-len(one), one[0]))
    ids = sample.models.ids
    return Copies(
        exact,
        tuple(tuple(ids[k] for k in one) for one in groups),
        len(ids),
        *_agreement(sample.scores, np.where(known, expected, np.nan), alike),
    )


def one_of_each(responses: ResponseMatrix, copies: Copies) -> ResponseMatrix:
    """Return the first model of every group, and those that are in none."""
    rest = {one for group in copies.groups for one in group[1:]}.union(copies.exact)
    if not rest:
        return responses
    return responses.take(models=np.array([one not in rest for one in responses.models.ids]))


def _components(alike: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the number of every model's connected component."""
    found = np.full(len(alike), -1, dtype=np.intp)
    for k in range(len(alike)):
        if found[k] >= 0:
            continue
        found[k], now = k, np.array([k])
        while len(now):
            now = np.flatnonzero(alike[now].any(axis=0) & (found < 0))
            found[now] = k
    return found


def _agreement(scores: NDArray, p: NDArray, alike: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the median agreement of near copies, and that of independent models like them."""
    one, other = np.nonzero(np.triu(alike))
    if not len(one):
        return float("nan"), float("nan")
    some = spread(len(one), MOST_PAIRS)
    one, other = one[some], other[some]
    found = np.nanmean(1 - np.abs(scores[one] - scores[other]), axis=1)
    chance = np.nanmean(p[one] * p[other] + (1 - p[one]) * (1 - p[other]), axis=1)
    return float(np.median(found)), float(np.median(chance))


def _correlate(residual: NDArray, known: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Return correlations of every two models' residuals, and the numbers of items they share."""
    w = known.astype(np.float32)
    cross, squares = residual @ residual.T, (residual * residual) @ w.T
    scale = np.sqrt(squares * squares.T)
    found = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 1e-6)
    return found, w @ w.T


def _expected(sample: ResponseMatrix, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return what items' means and models' scores say of every answer, shape (models, items).

    A model has a strength in every benchmark, so that two which cannot code are no copies.
    """
    _, order, starts = by_benchmark(sample)
    found = np.empty(sample.scores.shape, dtype=np.float32)
    small = []
    for columns in np.split(order, starts[1:]):
        if len(columns) < FEWEST_EACH < sample.n_items:
            small.append(columns)
        else:
            found[:, columns] = _expected_of_one(sample.scores[:, columns], known[:, columns])
    if small:
        columns = np.concatenate(small)
        found[:, columns] = _expected_of_one(sample.scores[:, columns], known[:, columns])
    return found


def _expected_of_one(scores: NDArray, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fit a strength to every model, items being as hard as their means."""
    y, w = np.where(known, scores, np.float32(0)), known.astype(np.float32)
    n_items, n_models = np.maximum(w.sum(1), 1), np.maximum(w.sum(0), 1)
    b = _logit((y.sum(0) + 0.5) / (n_models + 1))
    score = (y.sum(1) + 0.5) / (n_items + 1)
    theta = np.zeros(len(y), dtype=np.float32)
    p = 1 / (1 + np.exp(-(theta[:, None] + b)))
    for _ in range(NEWTON):
        slope = (w * p * (1 - p)).sum(1) / n_items
        step = (score - (w * p).sum(1) / n_items) / np.maximum(slope, 1e-3)
        theta = np.clip(theta + np.clip(step, -1, 1), -8, 8)
        p = 1 / (1 + np.exp(-(theta[:, None] + b)))
    return p.astype(np.float32, copy=False)


def _logit(p: Array) -> Array:
    return np.log(p / (1 - p))
