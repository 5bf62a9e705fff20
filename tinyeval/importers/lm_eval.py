"""Folders of lm-evaluation-harness, written with ``--log_samples`` (Gao et al. 2024).

A samples file has one JSON object per document and filter: ``doc_id``, ``doc_hash``, ``filter``
and one key per metric.  An item is ``task/doc_id``, its benchmark and subject the task.  As
``doc_id`` is only a position, the hash of the document is kept and compared between models; with
an :class:`~tinyeval.importers.base.ItemKey` the document itself names the item.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import ItemKey, Options, Rules
from tinyeval.importers.block import Block, Merged, Run
from tinyeval.importers.harness import read_jobs
from tinyeval.importers.lm_eval_files import RESULTS, SamplesFile, find_samples
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records
from tinyeval.importers.walk import files_below

NO_METRICS = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    | {"doc_hash", "prompt_hash", "target_hash"}
)


class Row(NamedTuple):
    """What is kept of a line."""

    line: int
    doc_id: str
    item: str
    doc_hash: str
    values: dict[str, object]


class LmEvalImporter:
    """Reads samples files, folders of one model, and folders of such folders."""

    def sniff(self, path: Path) -> str:
        """Accept a folder with samples or results files, or one such file."""
        if path.is_dir():
            names = (one.name for one in files_below(path, r".*_.*\.json.*"))
            return next((n for n in names if _is_samples(n) or _is_results(n)), "")
        if _is_samples(path.name) or _is_results(path.name):
            return path.name
        return "doc_id and resps" if path.suffix == ".jsonl" and _has_samples(path) else ""

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric and filter per task; the models' column ``partial`` names cut tasks."""
        files = [file for path in paths for file in find_samples(path)]
        return read_jobs([SamplesJob.of(file, options) for file in files], options)


def _is_samples(name: str) -> bool:
    return name.startswith("samples_") and name.endswith(".jsonl")


def _is_results(name: str) -> bool:
    return name.startswith("results_") and RESULTS.match(name) is not None


def _has_samples(path: Path) -> bool:
    try:
        _, row = next(json_records(path), (0, {}))
    except DataError:
        return False
    return {"doc_id", "resps"} <= row.keys()


@dataclass(frozen=True)
class SamplesJob:
    """How a samples file is read."""

    path: Path
    task: str
    run: Run
    size: int
    rules: Rules

    @classmethod
    def of(cls, file: SamplesFile, options: Options) -> SamplesJob:
        """Return how a samples file is read."""
        settings = {k: v for (task, k), v in file.run.settings.items() if task == file.task}
        run = Run(file.model, {}, settings, file.date)
        return cls(file.path, file.task, run, file.run.sizes.get(file.task, 0), options.rules)

    def read(self) -> Block:
        """Read one metric of one filter."""
        rows = _read_rows(self)
        filter_ = self.rules.filter.pick(self.task, list(rows), str(self.path))
        metric = _pick_metric(self, rows[filter_])
        return _block(self, rows[filter_], {"metric": metric, "filter": filter_})


def _read_rows(file: SamplesJob) -> dict[str, list[Row]]:
    """Return the rows of each filter, without documents, prompts and answers."""
    rows: dict[str, list[Row]] = {}
    for line, row in json_records(file.path):
        doc_id = row.get("doc_id")
        if isinstance(doc_id, bool) or not isinstance(doc_id, (int, str)):
            raise DataError(f"{file.path}:{line}: expected an integer doc_id, found {doc_id!r}")
        if file.rules.item_key is None:
            item = f"{file.task}/{doc_id}"
        else:
            item = _keyed(row, file.rules.item_key, f"{file.path}:{line}")
        kept = Row(line, str(doc_id), item, str(row.get("doc_hash") or ""), _metrics_of(row))
        rows.setdefault(str(row.get("filter") or "none"), []).append(kept)
    if not rows:
        raise DataError(f"{file.path}: the file is empty; run the task again, or leave it out")
    return rows


def _keyed(row: dict[str, object], key: ItemKey, where: str) -> str:
    """Return the item id that the logged document's own key makes."""
    document = row.get("doc")
    value = document.get(key.column) if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DataError(f"{where}: expected a key {key.column!r} in the document, found {value!r}")
    return f"{key.prefix}{value}"


def _metrics_of(row: dict[str, object]) -> dict[str, object]:
    named = row.get("metrics")  # older versions do not write it
    names = named if isinstance(named, list) else row.keys() - NO_METRICS
    return {name: row[name] for name in row if name in names}


def _pick_metric(file: SamplesJob, rows: Sequence[Row]) -> str:
    names = dict.fromkeys(name for row in rows for name in row.values)
    kinds = {name: {type(row.values.get(name)) for row in rows} for name in names}
    single = [name for name, found in kinds.items() if found <= {bool, int, float, type(None)}]
    several = [name for name, found in kinds.items() if found & {list, dict}]
    note = ""
    if several:
        note = f" (not to be read, as they hold several numbers per item: {examples(several, 20)})"
    return file.rules.metric.pick(file.task, single, str(file.path), note)


def _block(file: SamplesJob, rows: Sequence[Row], chosen: Mapping[str, str]) -> Block:
    line_of: dict[str, int] = {}
    scores = np.empty((1, len(rows)), dtype=np.float32)
    for k, row in enumerate(rows):
        where = f"{file.path}:{row.line}"
        if line_of.setdefault(row.doc_id, row.line) != row.line:
            raise DataError(
                f"{where}: task {file.task!r} has doc_id {row.doc_id} already, on line "
                f"{line_of[row.doc_id]}; either two runs were joined in one file, or the --samples "
                "list held an index twice or was not sorted: sort it, and run again"
            )
        scores[0, k] = _score(row, chosen["metric"], where)
    items = [row.item for row in rows]
    notes: dict[str, dict[str, object]] = {
        "benchmark": dict.fromkeys(items, file.task),
        "subject": dict.fromkeys(items, file.task),
        "hash": {one: row.doc_hash for one, row in zip(items, rows, strict=True)},
    }
    return Block(
        file.path,
        [file.run.model],
        items,
        scores,
        notes,
        chosen=chosen,
        run=file.run,
        sizes={file.task: file.size} if file.size else {},
    )


def _score(row: Row, metric: str, where: str) -> float:
    if metric not in row.values:
        raise DataError(f"{where}: expected a metric {metric!r}, found {examples(row.values, 8)}")
    try:
        score = parse_score(row.values[metric])
    except ValueError as error:
        raise DataError(f"{where}: metric {metric!r} is not a number but {error}") from error
    if math.isnan(score) or 0 <= score <= 1:
        return score
    raise DataError(
        f"{where}: metric {metric!r} is {score}, outside [0, 1]; choose a metric that marks "
        "answers between 0 and 1"
    )
