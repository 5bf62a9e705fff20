"""Comparison of two models on the same anchors: the difference, and the probability of its sign.

    difference = score_a - score_b,        P(a ahead) = sigmoid(slope * difference / scale)

:mod:`tinyeval.calibration.pair_scale` defines the scale.  The half-width of the interval is a
quantile of |error| / scale over pairs of held-out source models, and the slope is fitted to which
model of each pair is truly ahead (:mod:`tinyeval.calibration.pairs`).  With a margin m, "better" is
score_a - score_b > m, "worse" is score_b - score_a > m, and "within" the rest:

    P(better) = sigmoid(slope * difference / scale - m / unit),   unit = half-width at 90 % / log 19
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.differences import Difference
from tinyeval.calibration.pair_scale import pair_scale
from tinyeval.calibration.run_levels import differences_by_runs
from tinyeval.compute.arrays import Array, Index
from tinyeval.display.html import html_facts
from tinyeval.display.records import Records, shortened
from tinyeval.errors import ConfigError, DataError
from tinyeval.errors.arguments import check_level, check_margin
from tinyeval.estimators.answered import Answered
from tinyeval.prediction import Predictor, Reading
from tinyeval.targets import OVERALL

PAIRS_AT_ONCE = 10_000
"""Number of pairs compared at a time; bounds memory."""

MARGIN = 0.02
"""Difference of two scores up to which they count as the same: 2 points."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """The difference of two models' full scores, predicted from the anchors both answered.

    Attributes:
        a, b: ids of the models.
        difference, lower, upper: overall score of ``a`` minus that of ``b``, and its interval, in
            [-1, 1].
        probability: probability that ``a`` has the higher overall score.
        better, worse: probability that ``a`` is better, or worse, by more than the margin.
        within: probability that the scores differ by the margin at most; the three sum to 1.
        resolution: smallest difference that would be decided between two models that answer like
            these; 1 if none would.
        level: probability with which the interval should contain the true difference.
        margin: difference of two scores up to which they count as the same.
        benchmarks: the same by benchmark, if the bank covers several.
        n_shared: number of anchors that both answered; the comparison uses only these.
        n_anchors: number of anchors of the bank.
        n_different: number of shared anchors on which the two answers differ.
        warnings: doubts about the comparison, and what to do about them.
        trials: number of runs that the answers are the mean of, the fewer of the two models', if
            the bank's history was repeated; the scores are then expected ones.

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
    better: float
    worse: float
    within: float
    resolution: float
    level: float
    margin: float
    benchmarks: Mapping[str, Difference]
    n_shared: int
    n_anchors: int
    n_different: int
    warnings: tuple[str, ...] = ()
    trials: float | None = None

    @property
    def verdict(self) -> str:
        """Who is ahead: "ahead" or "behind" (of ``a``), "tied" or "undecided".

        A lead is decided if its probability is at least (1 + level) / 2: 95 % at the usual level.
        Other models are tied if they are within the margin with a probability of at least the
        level.

        Example:
            >>> bank.compare(responses, ["model-39", "model-0"])[0].verdict
            'ahead'
        """
        sure = (1 + self.level) / 2
        if self.probability >= sure:
            return "ahead"
        if self.probability <= 1 - sure:
            return "behind"
        return "tied" if self.within >= self.level else "undecided"

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists, as ``--json`` prints them.

        Example:
            >>> one = bank.compare(responses, ["model-30", "model-10"])[0]
            >>> sorted(one.to_dict())[:4]
            ['a', 'b', 'benchmarks', 'better']
        """
        values = {**asdict(self), "verdict": self.verdict}
        values["benchmarks"] = {name: one._asdict() for name, one in self.benchmarks.items()}
        values["warnings"] = list(self.warnings)
        if self.trials is None:
            del values["trials"]
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
            "verdict": self.verdict,
        }

    def __repr__(self) -> str:
        a, b, difference, between, ahead, verdict = self.cells().values()
        return f"Comparison({a!r} - {b!r}: {difference}, {between}, P(a ahead) {ahead}, {verdict})"

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        rows = [*self.cells().items(), *(("warning", one) for one in self.warnings)]
        return html_facts("Comparison", rows)


class _Shared(NamedTuple):
    """Answers on shared anchors: a row per model and set of anchors, and pairs of rows."""

    answers: Answered  # of the rows
    models: tuple[str, ...]  # of the rows
    pairs: Index  # (pairs, 2)


def compare(
    predictor: Predictor,
    answers: Answered | NDArray,
    models: tuple[str, ...],
    level: float,
    margin: float = MARGIN,
) -> list[Comparison]:
    """Compare every pair of some models, on the anchors that both answered.

    Args:
        predictor: predictor of a bank.
        answers: on the anchors; or their scores alone, shape (models, anchors), in [0, 1], NaN
            where unanswered.
        models: ids of the models, two or more.
        level: level of the intervals, in (0, 1).
        margin: difference of two scores up to which they count as the same, in [0, 1).

    Returns:
        The comparisons (first, second), (first, third) ... in the order of ``models``.

    Raises:
        DataError: fewer than two models, or two that share no answered anchor.
        ConfigError: a level outside (0, 1), or a margin outside [0, 1).
    """
    check_level(level, ConfigError)
    check_margin(margin, ConfigError)
    if len(models) < 2:
        raise DataError(
            f"a comparison needs the answers of two models or more, found {len(models)}"
        )
    shared = _on_shared_anchors(Answered.of(answers), models)
    reading = predictor.read(shared.answers, shared.models)
    found: list[Comparison] = []
    for k in range(0, len(shared.pairs), PAIRS_AT_ONCE):
        pairs = shared.pairs[k : k + PAIRS_AT_ONCE]
        found += _block(predictor, reading, shared.models, pairs, level, margin)
    return found


def _block(
    predictor: Predictor,
    reading: Reading,
    names: tuple[str, ...],
    rows: Index,
    level: float,
    margin: float,
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
    doubtful, runs = (~in_range | misfit)[rows], reading.runs[rows].min(axis=1)
    bounds = differences_by_runs(
        predictor.levels,
        runs,
        difference=difference,
        scale=scale,
        n_shared=n_shared,
        beyond=np.asarray(doubtful.any(axis=1)),
        level=level,
        margin=margin,
    )
    return [
        _one(
            predictor,
            (names[one[k]], names[two[k]]),
            bounds[k],
            (level, margin),
            (int(n_shared[k]), int(n_different[k])),
            doubtful[k],
            round(float(runs[k]), 3) if predictor.trials > 1 else None,
        )
        for k in range(len(rows))
    ]


def _on_shared_anchors(answers: Answered, models: tuple[str, ...]) -> _Shared:
    """Cut each pair's answers to the anchors that both answered; equal rows are kept once."""
    seen = answers.given
    position: dict[tuple[int, bytes], int] = {}
    kept: list[NDArray[np.bool_]] = []
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
                kept.append(both)
        pairs.append([position[key] for key in keys])
    rows = np.array([model for model, _ in position])
    cut = answers.take(rows).only(np.array(kept))
    return _Shared(answers=cut, models=tuple(models[k] for k in rows), pairs=np.array(pairs))


def _one(
    predictor: Predictor,
    names: tuple[str, str],
    bounds: Array,
    asked: tuple[float, float],
    counts: tuple[int, int],
    beyond: NDArray[np.bool_],
    trials: float | None,
) -> Comparison:
    """Return one comparison; ``asked`` is level and margin, ``counts`` shared and different."""
    differences = {
        name: Difference(*row) for name, row in zip(predictor.targets, bounds.tolist(), strict=True)
    }
    overall = differences.pop(OVERALL)
    (level, margin), (n_shared, n_different) = asked, counts
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
        margin=margin,
        benchmarks=differences,
        n_shared=n_shared,
        n_anchors=len(predictor.anchors),
        n_different=n_different,
        warnings=tuple(warnings),
        trials=trials,
    )
