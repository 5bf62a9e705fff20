"""What a bank knows of its own sight: its error, its intervals, and the leads that it decides.

Everything is computed from the bank alone.  Answers are simulated from its item-response model at
abilities along a line,

    theta(z) = m + z u,    u = S g / sqrt(g' S g),

with m and S the mean and covariance of the source models' abilities and g the gradient of the
score, so that z counts standard deviations of source models.  The bank then reads these answers as
it reads those of any model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.item_bank import ItemBank
from tinyeval.calibration.pair_scale import pair_scale
from tinyeval.compute.arrays import Array
from tinyeval.estimators.answered import Answered

FURTHEST, STEPS, DRAWS = 3.0, 25, 40
"""Largest |z|, number of abilities, and of models simulated at each."""

MEAN_OF_NORMAL = float(np.sqrt(2 / np.pi))
"""Mean absolute value of a standard normal number."""


class Sight(NamedTuple):
    """What the bank sees at some abilities.

    Attributes:
        z: abilities, in standard deviations of the source models, shape (steps,).
        score: overall score that the bank predicts there, shape (steps,).
        half_width: half-width of its interval, shape (steps,).
        lead: smallest difference of two predicted scores that is decided, shape (steps, targets).
        tenths: 11 scores, from the lowest to the highest that the bank predicted for held-out
            source models; between two of them lies a tenth of these.
        tenths_z: their abilities, shape (11,); inside [-FURTHEST, FURTHEST].
    """

    z: Array
    score: Array
    half_width: Array
    lead: Array
    tenths: Array
    tenths_z: Array


class Telling(NamedTuple):
    """What the bank tells apart, for typical source models; scores and errors in [0, 1].

    Attributes:
        error: expected error with all anchors.
        half_width: half-width of an interval.
        lead: smallest lead that is decided, by target.
        pairs: share of pairs of source models whose scores differ by more than the lead.
        random, ridge: expected error of the mean of as many random items, and of ridge regression
            on them; None where unknown.
        guess: error of saying the source models' mean.
        low, high: range of the source models' scores.
    """

    error: float
    half_width: float
    lead: dict[str, float]
    pairs: float
    random: float | None
    ridge: float | None
    guess: float
    low: float
    high: float


class Curve(NamedTuple):
    """Expected error by number of answered anchors, beside what needs no bank.

    Attributes:
        sizes: numbers of items.
        error: the bank's expected error, measured on held-out source models.
        random: error of the mean of random items; empty where it is not known.
        ridge: error of ridge regression on random items; empty where it is not known.
        floor: error that the scatter of the unasked items' answers leaves.
        guess: error of saying the source models' mean.
        measured: whether the baselines were measured when the bank was built; if not, ``random`` is
            by sampling theory, and ``guess`` by the scores predicted for held-out source models.
    """

    sizes: tuple[int, ...]
    error: Array
    random: Array
    ridge: Array
    floor: Array
    guess: float
    measured: bool


def sight(bank: ItemBank) -> Sight:
    """Simulate models along the line of abilities, and read them with the bank."""
    predictor, irt = bank.predictor, bank.irt
    direction = _direction(bank)
    z = np.linspace(-FURTHEST, FURTHEST, STEPS)
    theta = irt.ability_mean + z[:, None] * direction
    p = irt.take(bank.items.index(bank.anchors.items)).probability(theta)
    rng = np.random.default_rng(0)
    answers = _draw(np.repeat(p, DRAWS, axis=0), predictor.trials, rng)
    names = tuple(map(str, range(len(answers))))
    found = predictor.predict(answers, names, bank.level)
    half = np.array([(one.upper - one.lower) / 2 for one in found]).reshape(STEPS, DRAWS)
    mean = np.array([one.score for one in found]).reshape(STEPS, DRAWS).mean(axis=1)
    score = np.maximum.accumulate(mean)
    tenths = _tenths(bank)
    return Sight(
        z=z,
        score=score,
        half_width=np.median(half, axis=1),
        lead=_leads(bank, answers, names),
        tenths=tenths,
        tenths_z=np.interp(tenths, score, z),
    )


def _draw(p: Array, runs: int, rng: np.random.Generator) -> Answered:
    """Return answers of models with these probabilities, run as often as the history was."""
    if runs == 1:
        return Answered((rng.random(p.shape) < p).astype(float))
    trials = np.full(p.shape, runs, dtype=np.uint16)
    return Answered(rng.binomial(runs, p) / runs, trials=trials)


def telling(bank: ItemBank, seen: Sight | None = None) -> Telling:
    """Summarise what a bank tells apart; ``seen`` is :func:`sight` of it, if known."""
    seen = seen or sight(bank)
    line = curve(bank)
    lead = [np.interp(seen.tenths_z, seen.z, one) for one in seen.lead.T]
    scores = quantiles(seen.tenths)
    gaps = np.abs(scores[:, None] - scores)[np.triu_indices(len(scores), 1)]
    low, high = bank.predictor.calibration.score_range[:, 0]
    return Telling(
        error=float(line.error[-1]),
        half_width=float(np.median(np.interp(seen.tenths_z, seen.z, seen.half_width))),
        lead={
            name: float(np.median(one))
            for name, one in zip(bank.predictor.targets, lead, strict=True)
        },
        pairs=float((gaps > np.median(lead[0])).mean()),
        random=float(line.random[-1]) if line.random.size else None,
        ridge=float(line.ridge[-1]) if line.ridge.size else None,
        guess=line.guess,
        low=float(low),
        high=float(high),
    )


def curve(bank: ItemBank) -> Curve:
    """Return the bank's expected error by number of items, and what to compare it with."""
    errors, total = bank.expected_error, len(bank.items)
    sizes, n = np.array(list(errors), dtype=float), len(bank.anchors)
    scores = quantiles(_tenths(bank))
    known: Any = getattr(bank, "baselines", None)  # a bank may know none
    if known is None:
        random, ridge = _random_error(bank, sizes, scores), np.empty(0)
        guess = float(np.abs(scores - scores.mean()).mean())
    else:
        random, ridge = (_at(one, errors) for one in (known.random_mean, known.random_ridge))
        guess = known.history_mean
    noise = float(bank.predictor.calibration.noise[0])
    asked = len(bank.predictor.irt.items)  # of a head: more than its anchors
    floor = (
        MEAN_OF_NORMAL
        * noise
        * np.sqrt(np.maximum(total - sizes, 0) / max(total - max(asked, n), 1))
    )
    return Curve(
        sizes=tuple(errors),
        error=np.array(list(errors.values())),
        random=random,
        ridge=ridge,
        floor=floor if total > asked else np.zeros_like(sizes),
        guess=guess,
        measured=known is not None,
    )


def _at(errors: Mapping[int, float], sizes: Iterable[int]) -> Array:
    return np.array([errors[n] for n in sizes])


def _random_error(bank: ItemBank, sizes: Array, scores: Array) -> Array:
    """Return the error of the mean of random items by sampling theory, where it holds.

    The mean of n of N right or wrong answers, m of which are right on average, has the variance
    m (1 - m) / n * (N - n) / (N - 1).
    """
    if not is_plain_mean(bank):
        return np.empty(0)
    total = len(bank.items)
    left = np.sqrt(np.maximum(total - sizes, 0) / max(total - 1, 1) / sizes)
    return np.asarray(MEAN_OF_NORMAL * np.sqrt(scores * (1 - scores)).mean() * left)


def is_plain_mean(bank: ItemBank) -> bool:
    """Say whether the overall score is the mean over all items, each with the same weight."""
    target = bank.settings["target"]
    weights = bank.items.column("weight", 1.0)
    several = len(bank.predictor.targets) > 1
    return bool(
        np.ptp(weights) == 0
        and not target.get("column")
        and not target.get("columns")
        and target.get("average", "items") == "items"
        and not (several and target.get("benchmark_weights", "items") != "items")
    )


def quantiles(tenths: Array) -> Array:
    """Return 201 evenly spaced quantiles between tenths."""
    knots = np.linspace(0, 1, len(tenths))
    return np.asarray(np.clip(np.interp(np.linspace(0, 1, 201), knots, tenths), 0.0, 1.0))


def abilities_along(bank: ItemBank, abilities: NDArray) -> Array:
    """Return the z of abilities of shape (models, dimensions)."""
    gradient = _gradient(bank)
    away = (np.asarray(abilities) - bank.irt.ability_mean) @ gradient
    return np.asarray(away / _length(bank, gradient))


def _gradient(bank: ItemBank) -> Array:
    irt = bank.irt
    p = irt.probability(irt.ability_mean[None])[0]
    slope = (p - irt.guessing) * (1 - p) / (1 - irt.guessing)
    weights = bank.items.column("weight", 1.0)
    return np.asarray((weights / weights.sum() * slope) @ irt.discrimination)


def _length(bank: ItemBank, gradient: Array) -> float:
    return max(float(np.sqrt(gradient @ bank.irt.ability_cov @ gradient)), 1e-300)


def _direction(bank: ItemBank) -> Array:
    gradient = _gradient(bank)
    return np.asarray(bank.irt.ability_cov @ gradient / _length(bank, gradient))


def _tenths(bank: ItemBank) -> Array:
    """Return the scores predicted for held-out source models with all anchors, in tenths."""
    calibration = bank.predictor.calibration
    k = np.searchsorted(calibration.sizes, len(bank.anchors), side="right") - 1
    return np.asarray(np.clip(calibration.scale_at[max(int(k), 0), :, 0], 0.0, 1.0))


def _leads(bank: ItemBank, answers: Answered, names: tuple[str, ...]) -> Array:
    """Return the smallest decided lead between two models of each ability, (steps, targets).

    The scale is that of two simulated models.
    """
    predictor = bank.predictor
    reading = predictor.read(answers, names)
    in_range, misfit = predictor.doubts(reading)
    p = predictor.irt.probability(reading.ability.mean)
    one = np.arange(0, len(names), 2)
    two = one + 1
    scale = pair_scale(reading.estimate.spread, reading.answers, p, one, two)
    doubtful = ~(in_range & ~misfit)
    beyond = doubtful[one] | doubtful[two]
    n = len(bank.anchors)
    near, far = (predictor.pairs.lead(scale, n, bank.level, which) for which in (False, True))
    lead = np.where(beyond[:, None], far, near)
    return np.asarray(np.median(lead.reshape(STEPS, -1, scale.shape[1]), axis=1))
