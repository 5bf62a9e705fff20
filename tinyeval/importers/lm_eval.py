"""Folders of lm-evaluation-harness, written with ``--log_samples`` (Gao et al. 2024).

A samples file has one JSON object per document and filter: ``doc_id``, ``doc_hash``, ``filter``
and one key per metric.  An item is ``task/doc_id``, its subject the task, its benchmark the group
of tasks whose score the harness reports, or the task.  As ``doc_id`` is only a position, the hash
of the document is kept and compared between models; with an
:class:`~tinyeval.importers.base.ItemKey` the document itself names the item.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Run, gather
from tinyeval.importers.harness import read_jobs, run_block
from tinyeval.importers.lm_eval_files import (
    LINES,
    RESULTS,
    SAMPLES,
    SamplesFile,
    find_samples,
)
from tinyeval.importers.lm_eval_rows import Row, has_samples, read_rows
from tinyeval.importers.logged_soft import soft_of
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.walk import files_below


class LmEvalImporter:
    """Reads samples files, folders of one model, and folders of such folders."""

    def sniff(self, path: Path) -> str:
        """Accept a folder with samples or results files, or one such file."""
        if not path.is_dir():
            if SAMPLES.fullmatch(path.name) or _is_results(path.name):
                return path.name
            lines = LINES.fullmatch(path.name) is not None and has_samples(path)
            return "lines with doc_id and resps" if lines else ""
        for file in files_below(path, r".+\.jsonl?(\.gz)?"):
            if file.name.startswith("samples_") and LINES.fullmatch(file.name):
                return file.name
            if _is_results(file.name):
                return file.name
            if file.name == "results.json" and any(map(has_samples, file.parent.glob("*.jsonl"))):
                return "results.json beside lines with doc_id and resps"
        return ""

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric and filter per task; runs are named by what tells them apart."""
        files, findings = find_samples(paths)
        for file in files:
            if file.results.limited and not file.results.sizes and not options.partial:
                raise DataError(
                    f"{file.results.path}: was run with --limit, and does not say how many "
                    f"documents {file.task!r} has; pass --partial to take it as it is"
                )
        merged = read_jobs([SamplesJob.of(file, options.rules) for file in files], options)
        return merged._replace(findings=gather((*findings, *merged.findings)))


def _is_results(name: str) -> bool:
    return name.startswith("results_") and RESULTS.fullmatch(name) is not None


@dataclass(frozen=True)
class SamplesJob:
    """How a samples file is read.

    Attributes:
        path: the file.
        task: whose documents it has.
        run: of which it is.
        rules: of the import.
        group: that is the benchmark; empty: the task is.
        size: number of documents of the task, 0 where it is unknown.
        higher: metric -> whether higher is better, where the run says so.
        filters: names of the task's filters, in order, where the run says so.
    """

    path: Path
    task: str
    run: Run
    rules: Rules
    group: str = ""
    size: int = 0
    higher: Mapping[str, bool] = field(default_factory=dict)
    filters: tuple[str, ...] = ()

    @classmethod
    def of(cls, file: SamplesFile, rules: Rules) -> SamplesJob:
        """Return how a samples file is read."""
        found, task = file.results, file.task
        size, higher = found.sizes.get(task, 0), found.higher.get(task, {})
        filters = found.filters.get(task, ())
        return cls(file.path, task, file.run, rules, file.group, size, higher, filters)

    def read(self) -> Block:
        """Read one metric of one filter."""
        rows = read_rows(self.path, self.task, self.rules.item_key, self.filters)
        filter_ = self.pick_filter(list(rows))
        some = rows[filter_]
        metric = self.pick_metric(some)
        self._refuse_repeats(some)
        items = [row.item for row in some]
        soft, doubtful = soft_of([row.soft for row in some], [_accuracy(row) for row in some])
        what = "tasks have soft scores that do not agree with their marks: these were left out"
        return run_block(
            self.path,
            self.run,
            {row.item: [self.mark(row, metric)] for row in some},
            self.rules,
            benchmark=self.group or self.task,
            chosen={"metric": metric, "filter": filter_},
            higher=self.higher.get(metric),
            notes={
                "subject": dict.fromkeys(items, self.task),
                "hash": {row.item: row.doc_hash for row in some},
            },
            sizes={self.task: self.size} if self.size else {},
            lines=[row.line for row in some],
            findings=[Finding("missing", what, 1, (self.task,))] if doubtful else (),
            soft=soft,
        )

    def pick_filter(self, names: Sequence[str]) -> str:
        """Return which of the file's filters to read."""
        return self.rules.filter.pick(self.task, names, str(self.path), group=self.group)

    def pick_metric(self, rows: Sequence[Row]) -> str:
        """Return which of the metrics of some rows to read."""
        names = dict.fromkeys(name for row in rows for name in row.values)
        kinds = {name: {type(row.values.get(name)) for row in rows} for name in names}
        single = [name for name, found in kinds.items() if found <= {bool, int, float, type(None)}]
        several = [name for name, found in kinds.items() if found & {list, dict}]
        note = ""
        if several:
            note = (
                f" (not to be read, as they hold several numbers per item: {examples(several, 20)})"
            )
        return self.rules.metric.pick(self.task, single, str(self.path), note, self.group)

    def _refuse_repeats(self, rows: Sequence[Row]) -> None:
        line_of: dict[str, int] = {}
        for row in rows:
            if line_of.setdefault(row.item, row.line) != row.line:
                raise DataError(
                    f"{self.path}:{row.line}: task {self.task!r} has doc_id {row.doc_id} already, "
                    f"on line {line_of[row.item]}; either two runs were joined in one file, or the "
                    "--samples list held an index twice or was not sorted: sort it, and run again"
                )

    def mark(self, row: Row, metric: str) -> float:
        """Return a row's mark by a metric."""
        where = f"{self.path}:{row.line}"
        if metric not in row.values:
            found = examples(row.values, 8)
            raise DataError(f"{where}: expected a metric {metric!r}, found {found}")
        try:
            return parse_score(row.values[metric])
        except ValueError as error:
            raise DataError(f"{where}: metric {metric!r} is not a number but {error}") from error


def _accuracy(row: Row) -> float:
    """Return 0 or 1 as the metric ``acc`` says, NaN where it says neither."""
    value = row.values.get("acc")
    return float(value) if value in (0, 1) else math.nan
