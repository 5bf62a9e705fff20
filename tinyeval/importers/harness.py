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

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class FileJob:
    """A job whose file and rules decide all of how it is read; a reader adds ``read``.

    Attributes:
        path: the file.
        rules: the rules of the import.
    """

    path: Path
    rules: Rules


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
    soft: NDArray[np.float64] | None = None,
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
        soft: soft score of every mark in order, NaN where it is not known.

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
        soft=None if soft is None else soft_means(item_of, soft, flat, len(items))[None],
    )


def models_block(
    path: Path,
    marks: Mapping[str, Mapping[str, Sequence[float]]],
    rules: Rules,
    *,
    benchmark: str | Mapping[str, str],
    chosen: Mapping[str, str] | None = None,
    notes: Notes | None = None,
    findings: Sequence[Finding] = (),
) -> Block:
    """Return the block of a file that names several models itself.

    Args:
        path: the file.
        marks: model -> item -> the marks of its trials, as for :func:`run_block`.
        rules, benchmark, chosen, notes, findings: as for :func:`run_block`.

    Raises:
        DataError: no marks; a mark outside [0, 1]; a metric that makes no score.
    """
    items = {one: None for answers in marks.values() for one in answers}
    if not items:
        raise DataError(f"{path}: holds no marks of single items")
    column = {one: k for k, one in enumerate(items)}
    answered = [
        (row * len(items) + column[one], trials)
        for row, answers in enumerate(marks.values())
        for one, trials in answers.items()
    ]
    cells = np.array([cell for cell, _ in answered], dtype=np.int64)
    flat = np.fromiter((one for _, trials in answered for one in trials), np.float64)
    metric = (chosen or {}).get("metric", "score")
    flat, turned = orient(flat, metric, str(path), rules)
    of_answer = np.repeat(np.arange(len(answered)), [len(trials) for _, trials in answered])
    scores, trials = cell_means(of_answer, flat, len(answered), path)
    of = dict.fromkeys(items, benchmark) if isinstance(benchmark, str) else benchmark
    return Block(
        path,
        list(marks),
        list(items),
        scores,
        {"benchmark": of, **(notes or {})},
        chosen=chosen or {},
        cells=cells,
        trials=None if (trials <= 1).all() else trials,
        findings=(*findings, *turned),
    )


def scaled(rules: Rules, low: float, high: float) -> Rules:
    """Return rules by which marks from ``low`` to ``high`` become 0 to 1, unless the user's do."""
    return rules if rules.scale is not None else replace(rules, scale=(low, high))


def lost_mark(rules: Rules) -> float:
    """Return the mark of an answer that the infrastructure lost: NaN, or 0 if it is to count."""
    return 0.0 if rules.failures == "wrong" else math.nan


def lost(rules: Rules, what: str, ids: Sequence[str]) -> tuple[Finding, ...]:
    """Say what became of answers that the infrastructure lost; ``what`` ends with a verb.

    >>> str(lost(Rules(), "trials ended with an error", ["t1"])[0])
    "missing: 1 trials ended with an error, and are missing (failures='wrong' counts them): 't1'"
    """
    if not ids:
        return ()
    wrong = rules.failures == "wrong"
    then = "count as wrong" if wrong else "are missing (--failures wrong counts them)"
    kind = "guessed" if wrong else "missing"
    return (Finding(kind, f"{what}, and {then}", len(ids), tuple(ids[:3])),)


def soft_means(
    cell: NDArray[np.intp], soft: NDArray[np.float64], marks: NDArray[np.float64], n_cells: int
) -> NDArray[np.float16]:
    """Return the mean soft score of each cell, NaN where none is known.

    Args:
        cell: of each mark.
        soft: as many, in [0, 1]; NaN does not count.
        marks: as many; a soft score without a mark does not count.
        n_cells: number of cells.
    """
    known = ~np.isnan(soft) & ~np.isnan(marks)
    count = np.bincount(cell[known], minlength=n_cells)
    total = np.bincount(cell[known], weights=soft[known], minlength=n_cells)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float16)


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
