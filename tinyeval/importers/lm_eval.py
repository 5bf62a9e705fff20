"""Folders of lm-evaluation-harness, written with ``--log_samples`` (Gao et al. 2024).

A samples file has one JSON object per document and filter: ``doc_id``, ``doc_hash``, ``filter``
and one key per metric.  An item is ``task/doc_id``, its benchmark and subject the task.  As
``doc_id`` is only a position, the hash of the document is kept and compared between models; with
an :class:`~tinyeval.importers.base.ItemKey` the document itself names the item.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import ItemKey, Options
from tinyeval.importers.choices import Choice
from tinyeval.importers.lm_eval_files import RESULTS, SamplesFile, find_samples
from tinyeval.importers.merge import Block, merge
from tinyeval.importers.parts import read_blocks
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records
from tinyeval.responses import ResponseMatrix

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

    def sniff(self, path: Path) -> bool:
        """Accept a folder with samples or results files, or one such file."""
        if path.is_dir():
            names = (one.name for one in path.rglob("*_*.json*"))
            return any(_is_samples(name) or _is_results(name) for name in names)
        if _is_samples(path.name) or _is_results(path.name):
            return True
        return path.suffix == ".jsonl" and _has_samples(path)

    def read(self, paths: Sequence[Path], options: Options) -> ResponseMatrix:
        """Read one metric and filter per task; the models' column ``partial`` names cut tasks."""
        files = [file for path in paths for file in find_samples(path)]
        _warn_of_differences(files)
        partial: dict[str, list[str]] = {}
        with closing(_blocks(files, options, partial)) as blocks:
            responses = merge(blocks)
        if not partial:
            return responses
        noted = np.array(["; ".join(partial.get(one, [])) for one in responses.models.ids], object)
        return replace(responses, models=responses.models.with_columns(partial=noted))


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
    model: str
    key: ItemKey | None
    metrics: Choice
    filters: Choice

    def read(self) -> Block:
        """Read one metric of one filter."""
        rows = _read_rows(self)
        filter_ = self.filters.pick(self.task, list(rows), str(self.path))
        metric = _pick_metric(self, rows[filter_])
        return _block(self, rows[filter_], {"metric": metric, "filter": filter_})


def _blocks(
    files: Sequence[SamplesFile], options: Options, partial: dict[str, list[str]]
) -> Generator[Block]:
    """Yield one block per file, with one metric and filter per task for all models."""
    metrics = Choice.parse("metric", options.metric)
    filters = Choice.parse("filter", options.filter)
    settled: dict[str, tuple[Mapping[str, str], Path]] = {}
    jobs = [
        SamplesJob(file.path, file.task, file.model, options.item_key, metrics, filters)
        for file in files
    ]
    for file, block in zip(files, read_blocks(jobs, options), strict=True):
        now = block.chosen
        before, earlier = settled.setdefault(file.task, (now, file.path))
        if before != now:
            raise DataError(
                f"{file.path}: task {file.task!r} has metric {now['metric']!r} and filter "
                f"{now['filter']!r} here, but {before['metric']!r} and {before['filter']!r} in "
                f"{earlier}; choose a metric and a filter that all models have"
            )
        size = file.run.sizes.get(file.task, 0)
        if len(block.items) < size:
            cut = f"{file.task} ({len(block.items)} of {size})"
            partial.setdefault(file.model, []).append(cut)
        yield block
    metrics.check_used({chosen["metric"] for chosen, _ in settled.values()})
    filters.check_used({chosen["filter"] for chosen, _ in settled.values()})


def _read_rows(file: SamplesJob) -> dict[str, list[Row]]:
    """Return the rows of each filter, without documents, prompts and answers."""
    rows: dict[str, list[Row]] = {}
    for line, row in json_records(file.path):
        doc_id = row.get("doc_id")
        if isinstance(doc_id, bool) or not isinstance(doc_id, (int, str)):
            raise DataError(f"{file.path}:{line}: expected an integer doc_id, found {doc_id!r}")
        if file.key is None:
            item = f"{file.task}/{doc_id}"
        else:
            item = _keyed(row, file.key, f"{file.path}:{line}")
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
    return file.metrics.pick(file.task, single, str(file.path), note)


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
    return Block(file.path, [file.model], items, scores, notes, chosen=chosen)


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


def _warn_of_differences(files: Sequence[SamplesFile]) -> None:
    """Warn where models were not run in the same way."""
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for file in files:
        for (task, setting), value in file.run.settings.items():
            if task == file.task:
                seen.setdefault((task, setting), {}).setdefault(value, file.model)
    differing = [
        f"{setting} of {task}: " + ", ".join(f"{value} ({model})" for value, model in found.items())
        for (task, setting), found in seen.items()
        if len(found) > 1
    ]
    if differing:
        warnings.warn(
            f"models were not run in the same way: {examples(differing)}; their scores may not be "
            "comparable",
            stacklevel=2,
        )
