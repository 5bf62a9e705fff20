"""What the readers of harnesses share: files -> jobs -> one matrix.

A reader finds its files (:func:`~tinyeval.importers.walk.files_below`), makes a job of each, a
frozen dataclass with ``path``, whatever else decides how it is read, and ``read() -> Block``, and
returns :func:`read_jobs` of them::

    @dataclass(frozen=True)
    class StatsJob:
        path: Path
        run: Run            # of run_spec.json beside it
        rules: Rules        # options.rules

        def read(self) -> Block:
            ...
            return run_block(self.path, self.run, marks, self.rules, benchmark=..., chosen=...)
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.assemble import MOST_TRIALS
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Notes, Run
from tinyeval.importers.choices import Choice
from tinyeval.importers.direction import orient
from tinyeval.importers.merge import merge
from tinyeval.importers.parts import Job, read_blocks


def read_jobs(jobs: Sequence[Job], options: Options) -> Merged:
    """Read files and join what they hold.

    Args:
        jobs: how to read them, one or more.
        options: of the import; a metric or filter that no file has is refused.

    Raises:
        DataError: no jobs; files that cannot be read or contradict each other.
        ConfigError: a filter where the results have none.
    """
    if not jobs:
        raise DataError("there are no results to read: no file was found")
    rules, picked = options.rules, Picked()
    with closing(picked.watch(read_blocks(jobs, options))) as blocks:
        merged = merge(blocks, options)
    for choice in (rules.metric, rules.filter):
        picked.check(choice)
    return merged


class Picked:
    """Names that were chosen, by kind of choice."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {}

    def watch(self, blocks: Iterable[Block]) -> Generator[Block]:
        """Yield blocks, and note what was chosen in each."""
        for block in blocks:
            for kind, name in block.chosen.items():
                self.names.setdefault(kind, set()).add(name)
            yield block

    def check(self, choice: Choice) -> None:
        """Raise where a name was asked for that no file has."""
        names = self.names.get(choice.what, set())
        if choice.bare and not names:
            raise ConfigError(
                f"these results have no {choice.what}s to choose from, but "
                f"{choice.what}={choice.bare[0]!r} was given"
            )
        choice.check_used(names)


def run_block(
    path: Path,
    run: Run,
    marks: Mapping[str, Sequence[float]],
    rules: Rules,
    *,
    benchmark: str | Mapping[str, str],
    chosen: Mapping[str, str] | None = None,
    higher: bool | None = None,
    notes: Notes | None = None,
    size: int = 0,
    findings: Sequence[Finding] = (),
) -> Block:
    """Return the block of one run from the marks of its items.

    Args:
        path: the file.
        run: of which the marks are.
        marks: item -> the marks of its trials (of one or several), NaN for one that failed.
            Marks are of one metric; they need not lie in [0, 1] where ``rules`` has a scale.
        rules: of the import.
        benchmark: of all items, or of each.
        chosen: ``{"metric": ..., "filter": ...}``, whatever there was to choose, also where
            there was one only.
        higher: whether the file says that higher marks are better; None: it does not say.
        notes: more of items: ``{"subject": {item: ...}, "hash": {item: ...}}``.
        size: number of items of the whole benchmark, where one is read and its size known.
        findings: what else was found.

    Raises:
        DataError: no marks; a mark outside [0, 1]; a metric that makes no score.
    """
    if not marks:
        raise DataError(f"{path}: holds no marks of single items")
    items = list(marks)
    counts = np.array([len(one) for one in marks.values()])
    flat = np.fromiter((one for trials in marks.values() for one in trials), np.float64)
    metric = (chosen or {}).get("metric", "score")
    flat, turned = orient(flat, metric, str(path), rules, higher)
    item_of, known = np.repeat(np.arange(len(items)), counts), ~np.isnan(flat)
    trials = np.bincount(item_of[known], minlength=len(items))
    if trials.max() > MOST_TRIALS:
        raise DataError(f"{path}: has more than {MOST_TRIALS:,} trials of one item")
    total = np.bincount(item_of[known], weights=flat[known], minlength=len(items))
    scores = np.full(len(items), np.nan, dtype=np.float32)
    np.divide(total, trials, out=scores, where=trials > 0, casting="same_kind")
    of = dict.fromkeys(items, benchmark) if isinstance(benchmark, str) else benchmark
    return Block(
        path,
        [run.model],
        items,
        scores[None],
        {"benchmark": of, **(notes or {})},
        chosen=chosen or {},
        trials=None if (trials <= 1).all() else trials.astype(np.uint16)[None],
        run=run,
        sizes={benchmark: size} if isinstance(benchmark, str) and size else {},
        findings=(*findings, *turned),
    )
