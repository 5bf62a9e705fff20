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
from numpy.typing import NDArray

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
    sizes: Mapping[str, int] | None = None,
    lines: Sequence[int] = (),
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
        sizes: {benchmark, or task that the block is all of: number of items of the whole}.
        lines: of the file, of every mark in order, for messages.
        findings: what else was found.

    Raises:
        DataError: no marks; a mark outside [0, 1]; a metric that makes no score.
    """
    if not marks:
        raise DataError(f"{path}: holds no marks of single items")
    items = list(marks)
    flat = np.fromiter((one for trials in marks.values() for one in trials), np.float64)
    metric = (chosen or {}).get("metric", "score")
    flat, turned = orient(flat, metric, str(path), rules, higher, lines)
    item_of = np.repeat(np.arange(len(items)), [len(trials) for trials in marks.values()])
    scores, trials = cell_means(item_of, flat, len(items), path)
    of = dict.fromkeys(items, benchmark) if isinstance(benchmark, str) else benchmark
    return Block(
        path,
        [run.model],
        items,
        scores[None],
        {"benchmark": of, **(notes or {})},
        chosen=chosen or {},
        trials=None if (trials <= 1).all() else trials[None],
        run=run,
        sizes=sizes or {},
        findings=(*findings, *turned),
    )


def cell_means(
    cell: NDArray[np.intp], marks: NDArray[np.floating], n_cells: int, path: Path
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Return the mean mark of each cell, and how many it is of.

    Args:
        cell: of each mark.
        marks: as many; NaN does not count.
        n_cells: number of cells.
        path: the file, for messages.

    Returns:
        Means, NaN where there is no mark, and their numbers of marks, shapes (n_cells,).

    Raises:
        DataError: more marks of a cell than can be counted.
    """
    known = ~np.isnan(marks)
    trials = np.bincount(cell[known], minlength=n_cells)
    if trials.max(initial=0) > MOST_TRIALS:
        raise DataError(
            f"{path}: has {trials.max():,} trials of one item by one model; at most "
            f"{MOST_TRIALS:,} can be counted"
        )
    total = np.bincount(cell[known], weights=marks[known], minlength=n_cells)
    means = np.full(n_cells, np.nan, dtype=np.float32)
    np.divide(total, trials, out=means, where=trials > 0, casting="same_kind")
    return means, trials.astype(np.uint16)
