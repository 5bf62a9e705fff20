"""Comparison of two models on the same anchors: the difference, and the probability of its sign.

    difference = score_a - score_b,        P(a ahead) = sigmoid(slope * difference / scale)

:mod:`tinyeval.calibration.pair_scale` defines the scale.  The half-width of the interval is a
quantile of |error| / scale over pairs of held-out source models, and the slope is fitted to which
model of each pair is truly ahead (:mod:`tinyeval.calibration.pairs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.intervals import PairCalibration
from tinyeval.calibration.pair_scale import pair_scale
from tinyeval.compute.arrays import Array, Index
from tinyeval.display.html import html_facts
from tinyeval.display.records import Records, shortened
from tinyeval.errors import ConfigError, DataError
from tinyeval.errors.arguments import check_level
from tinyeval.prediction import Predictor, Reading
from tinyeval.targets import OVERALL

PAIRS_AT_ONCE = 10_000
"""Number of pairs compared at a time; bounds memory."""


class Difference(NamedTuple):
    """A predicted difference of two scores, its interval and the probability that a > b."""

    difference: float
    lower: float
    upper: float
    probability: float


@dataclass(frozen=True, repr=False)
class Comparison:
    """The difference of two models' full scores, predicted from the anchors both answered.

    Attributes:
        a, b: ids of the models.
        difference, lower, upper: overall score of ``a`` minus that of ``b``, and its interval, in
            [-1, 1].
        probability: probability that ``a`` has the higher overall score.
        level: probability with which the interval should contain the true difference.
        benchmarks: difference, interval and probability by benchmark, if the bank covers several.
        n_shared: number of anchors that both answered; the comparison uses only these.
        n_different: number of shared anchors on which the two answers differ.
        warnings: doubts about the comparison, and what to do about them.

    Example:
        >>> one = bank.compare(responses, ["model-30", "model-10"])[0]
        >>> one.lower <= one.difference <= one.upper
        True
        >>> other = bank.compare(responses, ["model-10", "model-30"])[0]
        >>> round(one.probability + other.probability, 9)
        1.0
    """

    a: str
    b: str
    difference: float
    lower: float
    upper: float
    probability: float
    level: float
    benchmarks: Mapping[str, Difference]
    n_shared: int
    n_different: int
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists, as ``--json`` prints them.

        Example:
            >>> one = bank.compare(responses, ["model-30", "model-10"])[0]
            >>> sorted(one.to_dict())[:4]
            ['a', 'b', 'benchmarks', 'difference']
        """
        values = asdict(self)
        values["benchmarks"] = {name: one._asdict() for name, one in self.benchmarks.items()}
        values["warnings"] = list(self.warnings)
        return values

    def to_frame(self) -> Any:
        """Return a pandas frame of one row; a list of comparisons has the same method.

        Raises:
            DependencyError: pandas is not installed.
        """
        return Records("comparison", [self]).to_frame()

    def cells(self) -> dict[str, str]:
        """Return the cells of its line in a table, by their headings."""
        return {
            "a": shortened(self.a),
            "b": shortened(self.b),
            "a - b": f"{self.difference:+.3f}",
            f"{100 * self.level:g} % interval": f"{self.lower:+.3f} to {self.upper:+.3f}",
            "P(a ahead)": f"{self.probability:.2f}",
        }

    def __repr__(self) -> str:
        a, b, difference, between, ahead = self.cells().values()
        return f"Comparison({a!r} - {b!r}: {difference}, {between}, P(a ahead) {ahead})"

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        rows = [*self.cells().items(), *(("warning", one) for one in self.warnings)]
        return html_facts("Comparison", rows)


class _Shared(NamedTuple):
    """Answers on shared anchors: a row per model and set of anchors, and pairs of rows."""

    answers: Array  # (rows, anchors)
    models: tuple[str, ...]  # of the rows
    pairs: Index  # (pairs, 2)


def compare(
    predictor: Predictor, answers: NDArray, models: tuple[str, ...], level: float
) -> list[Comparison]:
    """Compare every pair of some models, on the anchors that both answered.

    Args:
        predictor: predictor of a bank.
        answers: shape (models, anchors), in [0, 1], NaN where unanswered.
        models: ids of the models, two or more.
        level: level of the intervals, in (0, 1).

    Returns:
        The comparisons (first, second), (first, third) ... in the order of ``models``.

    Raises:
        DataError: fewer than two models, or two that share no answered anchor.
        ConfigError: a level outside (0, 1).
    """
    check_level(level, ConfigError)
    if len(models) < 2:
        raise DataError(
            f"a comparison needs the answers of two models or more, found {len(models)}"
        )
    shared = _on_shared_anchors(np.asarray(answers, dtype=np.float64), models)
    reading = predictor.read(shared.answers, shared.models)
    found: list[Comparison] = []
    for k in range(0, len(shared.pairs), PAIRS_AT_ONCE):
        found += _block(
            predictor, reading, shared.models, shared.pairs[k : k + PAIRS_AT_ONCE], level
        )
    return found


def _block(
    predictor: Predictor, reading: Reading, names: tuple[str, ...], rows: Index, level: float
) -> list[Comparison]:
    """Compare some pairs of rows of a reading; ``names`` are the models of its rows."""
    one, two = rows.T
    estimate = reading.estimate
    p = predictor.irt.probability(reading.ability.mean)
    scale = pair_scale(estimate.spread, reading.answers, p, one, two)
    difference = estimate.mean[one] - estimate.mean[two]
    gap = reading.answers[one] - reading.answers[two]
    n_shared, n_different = (~np.isnan(gap)).sum(1), (np.abs(gap) > 0).sum(1)
    in_range, misfit = predictor.doubts(reading)
    beyond = ~in_range | misfit
    doubtful = np.column_stack([beyond[one], beyond[two]])
    bounds = _bounds(
        predictor.pairs,
        difference=difference,
        scale=scale,
        n_shared=n_shared,
        beyond=beyond[one] | beyond[two],
        level=level,
    )
    return [
        _one(
            predictor,
            (names[one[k]], names[two[k]]),
            bounds[k],
            level,
            int(n_shared[k]),
            int(n_different[k]),
            doubtful[k],
        )
        for k in range(len(rows))
    ]


def _on_shared_anchors(answers: Array, models: tuple[str, ...]) -> _Shared:
    """Cut each pair's answers to the anchors that both answered; equal rows are kept once."""
    seen = ~np.isnan(answers)
    position: dict[tuple[int, bytes], int] = {}
    kept: list[Array] = []
    pairs = []
    for pair in combinations(range(len(models)), 2):
        both = seen[pair[0]] & seen[pair[1]]
        if not both.any():
            raise DataError(
                f"models {models[pair[0]]!r} and {models[pair[1]]!r} answered no anchor in common; "
                "run both on the same anchors (`tinyeval export` lists them)"
            )
        keys = [(model, both.tobytes()) for model in pair]
        for key in keys:
            if key not in position:
                position[key] = len(kept)
                kept.append(np.where(both, answers[key[0]], np.nan))
        pairs.append([position[key] for key in keys])
    names = tuple(models[model] for model, _ in position)
    return _Shared(answers=np.array(kept), models=names, pairs=np.array(pairs))


def _bounds(
    pairs: PairCalibration,
    *,
    difference: Array,
    scale: Array,
    n_shared: NDArray[np.int64],
    beyond: NDArray[np.bool_],
    level: float,
) -> Array:
    """Return difference, lower, upper and probability of every pair, (pairs, targets, 4)."""
    found = np.empty((*difference.shape, 4))
    kinds, which = np.unique(np.column_stack([n_shared, beyond]), axis=0, return_inverse=True)
    for k, (n, doubtful) in enumerate(kinds.tolist()):
        rows = which.ravel() == k
        centre = difference[rows]
        half = pairs.half_width(scale[rows], n, level, bool(doubtful))
        found[rows] = np.stack(
            [
                centre,
                np.maximum(centre - half, -1.0),
                np.minimum(centre + half, 1.0),
                pairs.probability(centre, scale[rows], n, bool(doubtful)),
            ],
            axis=-1,
        )
    return found


def _one(
    predictor: Predictor,
    names: tuple[str, str],
    bounds: Array,
    level: float,
    n_shared: int,
    n_different: int,
    beyond: NDArray[np.bool_],
) -> Comparison:
    differences = {
        name: Difference(*row) for name, row in zip(predictor.targets, bounds.tolist(), strict=True)
    }
    overall = differences.pop(OVERALL)
    warnings = []
    if n_shared < len(predictor.anchors):
        warnings.append(
            f"{n_shared} of {len(predictor.anchors)} anchors were answered by both models, and "
            "these alone are compared: run the others too"
        )
    if beyond.any():
        who = "both are" if beyond.all() else f"the {'second' if beyond[1] else 'first'} is"
        warnings.append(
            f"{who} unlike the models the bank was built from, or answered in a way that does not "
            "fit; the interval is wider and the probability nearer to 0.5: see the warnings of "
            "their predictions"
        )
    return Comparison(
        a=names[0],
        b=names[1],
        **overall._asdict(),
        level=level,
        benchmarks=differences,
        n_shared=n_shared,
        n_different=n_different,
        warnings=tuple(warnings),
    )


def rank_ranges(
    models: Sequence[str], comparisons: Iterable[Comparison]
) -> dict[str, tuple[int, int]]:
    """Return the best and the worst rank that each model may truly have.

    A model counts as behind another if the other is ahead with a probability of at least
    (1 + level) / 2: 95 % at the usual level.

    Args:
        models: ids of the models.
        comparisons: comparison of every pair of these models.
    """
    ahead, behind = dict.fromkeys(models, 0), dict.fromkeys(models, 0)
    for one in comparisons:
        sure = (1 + one.level) / 2
        if one.probability >= sure:
            ahead[one.a] += 1
            behind[one.b] += 1
        elif one.probability <= 1 - sure:
            ahead[one.b] += 1
            behind[one.a] += 1
    return {model: (1 + behind[model], len(models) - ahead[model]) for model in models}
