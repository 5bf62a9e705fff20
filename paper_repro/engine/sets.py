"""The result sets, read from the folder of the data, and split into source and test models."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_repro.engine.hidden import hide_answers
from tinyeval import ResponseMatrix, Settings, read_results
from tinyeval.backtesting.splits import Pair, make_splits
from tinyeval.backtesting.trial import DRAWS, Memory
from tinyeval.build_plan import BuildPlan
from tinyeval.errors import DataError
from tinyeval.estimators.tiny_benchmarks import by_published_rule
from tinyeval.learning import make_history
from tinyeval.source_models import usable
from tinyeval.tables import Table
from tinyeval.targets import make_targets

LARGEST = 1000
"""Models drawn at random from a larger set, so that every method can be run on it in minutes."""

KNOWN = 0.95
"""Share of the benchmark that a test model must have answered; its truth is the mean over that."""

LEAST = 4
"""Test models below which a split says nothing."""

NESTED_PART = 0.85
"""Share of the source models from which a nested split is made."""

FAR = 0.4
"""Share of them that a far split learns from."""

LEAST_SOURCE = 8
"""Source models below which it is no history."""

SEED = 0

VARIANTS, VARIANT_ITEMS = 60, 700
"""Size of the sets that are made."""

PUBLISHED_DIMENSIONS = (2, 5, 10, 15)
"""Numbers of dimensions from which tinyBenchmarks chooses."""


@dataclass(frozen=True)
class ResultSet:
    """A set of results and how it is used.

    Attributes:
        name: in tables and commands.
        title: for readers.
        folder: in the folder of the data; ``name`` where empty.
        largest: number of models kept, drawn at random.
        benchmark: the only one kept, of a set of several; all where empty.
        target: a column of the models table to be predicted instead of the mean over items.
        pattern: a set whose pattern of missing answers the source models get.
        pattern_by: a column of both sets; models alike in it share a pattern.
        only: columns of the models table and the value of each that models must have.
        spread: makes the set instead of reading it: variants of one model whose abilities have
            this standard deviation, in logits; ``draw`` is the seed.
        draw: number of the draw of a made set.
    """

    name: str
    title: str
    folder: str = ""
    largest: int = LARGEST
    benchmark: str = ""
    target: str | None = None
    pattern: str = ""
    pattern_by: str = ""
    only: tuple[tuple[str, str], ...] = ()
    spread: float | None = None
    draw: int = 0

    def describe(self) -> dict[str, object]:
        """Return everything that results depend on."""
        found = {key: value for key, value in asdict(self).items() if value and key != "title"}
        return found if self.spread is None else found | {"spread": self.spread}

    def read(self, data: Path) -> ResponseMatrix:
        """Read the set: models without answers and exact duplicates dropped, sorted by id."""
        if self.spread is not None:
            return make_variants(self.spread, self.draw)
        return _read(data / (self.folder or self.name), self.benchmark, self.largest, self.only)


def make_variants(spread: float, draw: int) -> ResponseMatrix:
    """Return VARIANTS models of VARIANT_ITEMS items: difficulties normal, discriminations equal.

    Args:
        spread: standard deviation of the abilities, in logits; 0: they differ by chance alone.
        draw: seed.
    """
    rng = np.random.default_rng([SEED, draw, 2])
    difficulty = rng.normal(0.4, 1.5, VARIANT_ITEMS)
    ability = rng.normal(0.0, spread, (VARIANTS, 1))
    right = rng.random((VARIANTS, VARIANT_ITEMS)) < 1.0 / (1.0 + np.exp(-(difficulty + ability)))
    models, items = (
        Table(tuple(f"{name}-{k:03d}" for k in range(n)))
        for name, n in (("variant", VARIANTS), ("item", VARIANT_ITEMS))
    )
    return ResponseMatrix(right.astype(np.float32), models, items)


@lru_cache(maxsize=2)
def _read(
    folder: Path, benchmark: str, largest: int, only: tuple[tuple[str, str], ...]
) -> ResponseMatrix:
    responses = read_results(folder / "responses.parquet")
    for column, value in only:
        responses = responses.take(responses.models.column(column).astype(str) == value)
    if benchmark:
        responses = responses.take(None, responses.items.column("benchmark") == benchmark)
    responses, _ = usable(responses)
    if responses.n_models > largest:
        order = np.random.default_rng(SEED).permutation(responses.n_models)
        responses = responses.take(np.sort(order[:largest]))
    return responses


@dataclass(frozen=True)
class Split:
    """Source and test models of one repeat of one split, and what is known of them.

    Attributes:
        source: what methods learn from.
        test: what they predict.
        truth: full-benchmark scores of ``test``, shape (models,).
        seed: of what is random in the methods; every repeat has draws of its own.
        target: column that holds the truth, if it is not the mean over items.
        memory: of what was learned from ``source`` already.
    """

    source: ResponseMatrix
    test: ResponseMatrix
    truth: NDArray[np.float64]
    seed: int = SEED
    target: str | None = None
    memory: Memory = field(default_factory=Memory)

    @cached_property
    def published_dimensions(self) -> int:
        """Number of IRT dimensions by the rule of tinyBenchmarks."""
        quick = Settings().replace(
            irt={"dimensions": [2]}, device="cpu", target={"column": self.target}
        )
        history = make_history(self.source, BuildPlan.of(quick, self.source))
        return by_published_rule(history, PUBLISHED_DIMENSIONS, SEED).fit.model.dimensions


def make_split(which: ResultSet, kind: str, repeat: int, data: Path) -> Split:
    """Return one repeat of a split.

    Args:
        which: the set.
        kind: of :func:`tinyeval.backtesting.splits.make_splits`; or ``nested:`` and one of those:
            the split, of the same kind, of a random part of its source models; or ``far:top``,
            ``far:bottom``: the same with test models further out.  None of the outer split's test
            models is seen, so that what is chosen on these splits is chosen on source models
            alone.
        repeat: number of the draw.
        data: folder of the sets.

    Raises:
        DataError: too few models for it, or too few test models whose true scores are known.
    """
    prefix, _, inner = kind.partition(":")
    if prefix in ("nested", "far"):
        pairs = list(make_splits(which.read(data), inner, repeat + 1, SEED))
        outer = _thinned(pairs[repeat % len(pairs)][0], repeat)
        pair = _far(outer, inner) if prefix == "far" else next(make_splits(outer, inner, 1, SEED))
        return _split(which, *pair, repeat)
    source, test = list(make_splits(which.read(data), kind, repeat + 1, SEED))[repeat]
    if which.pattern:
        donors = read_results(data / which.pattern / "responses.parquet")
        rng = np.random.default_rng([SEED, repeat])
        source = hide_answers(source, donors, which.pattern_by, rng)
    return _split(which, source, test, repeat)


def _far(responses: ResponseMatrix, kind: str) -> Pair:
    """Split models sorted by id into the weakest 40 % and the strongest 15 %, or the mirror."""
    score = np.nanmean(responses.scores, axis=1) * (1 if kind == "top" else -1)
    rank = np.argsort(np.argsort(score, kind="stable")) / len(score)
    if (rank < FAR).sum() < LEAST_SOURCE:
        raise DataError(f"too few models for a far split, found {len(rank)}")
    return responses.take(rank < FAR), responses.take(rank >= 0.85)


def _thinned(responses: ResponseMatrix, repeat: int) -> ResponseMatrix:
    """Drop a random part of models sorted by id, another in every repeat."""
    order = np.random.default_rng([SEED, repeat, 1]).permutation(responses.n_models)
    return responses.take(np.sort(order[: round(NESTED_PART * responses.n_models)]))


def _split(which: ResultSet, source: ResponseMatrix, test: ResponseMatrix, repeat: int) -> Split:
    """Return a split with the true scores of its test models."""
    asked = source.observed.any(axis=0)
    source, test = source.take(None, asked), test.take(None, asked)
    weights = make_targets(test).weights[0]
    answered = test.observed @ weights
    if which.target is not None:
        truth = test.models.column(which.target).astype(np.float64)
        known = np.isfinite(truth)
    else:
        truth = np.nan_to_num(test.scores).astype(np.float64) @ weights / np.maximum(answered, 1e-9)
        known = answered >= KNOWN
    if known.sum() < LEAST:
        raise DataError(f"the full scores of {known.sum()} test models are known, not of {LEAST}")
    return Split(source, test.take(known), truth[known], SEED + DRAWS * repeat, which.target)


def drawn_items(items: tuple[str, ...], n: int, seed: int) -> NDArray[np.intp]:
    """Positions of ``n`` items drawn at random, the same that the random selection draws."""
    by_id = sorted(range(len(items)), key=items.__getitem__)
    return np.random.default_rng(seed).permutation(np.array(by_id, dtype=np.intp))[:n]
