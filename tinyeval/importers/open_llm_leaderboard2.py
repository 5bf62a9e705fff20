"""Details of the second Open LLM Leaderboard (Hugging Face, 2024 and 2025).

Each model has a repository ``<org>__<model>-details`` with the samples that lm-evaluation-harness
logged, as JSON (``samples_leaderboard_<task>_<date>.json``) or as the Hub's Parquet copy of it
(``<org>__<model>__leaderboard_<task>/latest/0000.parquet``).  An item is ``task/doc_id``; the
tasks of one group (``leaderboard_bbh_...``) are one benchmark.  Where a task has several metrics,
that is read of which the leaderboard was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.details_table import may_name, open_parquet, schema_of
from tinyeval.importers.harness import read_jobs, run_block
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records
from tinyeval.importers.usual import pick_usual
from tinyeval.importers.walk import files_below

METRICS = {
    "leaderboard_bbh": "acc_norm",
    "leaderboard_gpqa": "acc_norm",
    "leaderboard_musr": "acc_norm",
    "leaderboard_math": "exact_match",
    "leaderboard_ifeval": "prompt_level_strict_acc",
    "leaderboard_mmlu_pro": "acc",
}
"""Group of tasks -> the metric that the leaderboard took."""

_DATE = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
TASK = re.compile(
    rf"(?:samples_)?(?:(?P<model>.+__.+?)__)?(?P<task>leaderboard_\w+?)(?:_(?P<date>{_DATE}))?"
    r"(?:\.jsonl?|\.parquet)?"
)
REPOSITORY = re.compile(r"(?:datasets--.+?--)?(?P<model>[^-].*?__.+?)-details")
FILES = r".+\.parquet|samples_leaderboard_.+\.json"
SAMPLE = frozenset({"doc_id", "resps"})
NO_METRICS = frozenset({"doc_id", "doc_hash", "prompt_hash", "target_hash", "target", "filter"})


class Leaderboard2Importer:
    """Reads samples of leaderboard tasks, repositories of a model, and folders of these."""

    def sniff(self, path: Path) -> str:
        """Accept samples in Parquet or ``.json`` whose name or folder says ``leaderboard_...``."""
        found = next(_samples_below(path), None)
        if found is not None:
            return found.name if "leaderboard" in found.name else f"a copy of {_place(found)[1]}"
        there = all(may_name(path, [name]) for name in SAMPLE)
        known = SAMPLE.issubset(getattr(schema_of(path) if there else None, "names", ()))
        return "columns doc_id and resps" if known else ""

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric of each task."""
        files: dict[Path, None] = {}
        for path in paths:
            found = [path] if path.is_file() else list(_samples_below(path))
            if not found:
                raise DataError(
                    f"{path}: found no samples of tasks called leaderboard_..., neither .parquet "
                    "nor .json; download a model's repository ORG__MODEL-details"
                )
            files |= dict.fromkeys(found)
        return read_jobs([_job(one, options.rules) for one in files], options)


def _samples_below(path: Path) -> Iterator[Path]:
    files = [one for one in files_below(path, FILES) if _place(one)[1]]
    newest = {one.parent.parent for one in files if one.parent.name == "latest"}
    for one in files:
        if one.parent.name == "latest" or one.parent.parent not in newest:
            yield one


def _place(path: Path) -> tuple[str, str, str]:
    """Return model, task and date as the names of a file and its folders tell them."""
    model = task = date = ""
    for part in (path.name, *reversed(path.resolve().parts[:-1])):
        found, repository = TASK.fullmatch(part), REPOSITORY.fullmatch(part)
        if found and not task:
            task, date = found["task"], found["date"] or ""
            model = model or found["model"] or ""
        elif repository:
            model = model or repository["model"]
    return model.replace("__", "/", 1), task, date


def _job(path: Path, rules: Rules) -> SamplesJob:
    model, task, date = _place(path)
    named = model or path.resolve().parent.name.replace("__", "/", 1)
    return SamplesJob(path, task or path.stem, Run(named, date=date), rules, not model)


@dataclass(frozen=True)
class SamplesJob:
    """How a file of samples is read.

    Attributes:
        path: the file.
        task: whose documents it has.
        run: of which it is.
        rules: of the import.
        guessed: whether the model is called like a folder.
    """

    path: Path
    task: str
    run: Run
    rules: Rules
    guessed: bool

    def read(self) -> Block:
        """Read one metric of one filter."""
        group = next((one for one in METRICS if self.task.startswith(one)), self.task)
        rows = self._rows()
        where = str(self.path)
        filter_ = self.rules.filter.pick(self.task, list(rows), where, group=group)
        some = rows[filter_]
        names = list(dict.fromkeys(name for _, _, values in some for name in values))
        usual = METRICS.get(group, "")
        metric = pick_usual(self.rules.metric, self.task, names, usual, where, group=group)
        marks, hashes = self._marks(some, metric)
        what = "models are called like the folders that their files lie in"
        findings = [Finding("guessed", what, 1, (self.run.model,))] if self.guessed else []
        return run_block(
            self.path,
            self.run,
            marks,
            self.rules,
            benchmark=group,
            chosen={"metric": metric, "filter": filter_},
            notes={"subject": dict.fromkeys(marks, self.task), "hash": hashes},
            findings=findings,
        )

    def _rows(self) -> dict[str, list[tuple[str, str, dict[str, object]]]]:
        """Return, by filter, a row's item, hash and marks."""
        records = _parquet(self.path) if self.path.suffix == ".parquet" else _json(self.path)
        rows: dict[str, list[tuple[str, str, dict[str, object]]]] = {}
        for record in records:
            doc_id = record.get("doc_id")
            if isinstance(doc_id, bool) or not isinstance(doc_id, (int, str)):
                raise DataError(f"{self.path}: expected an integer doc_id, found {doc_id!r}")
            values = {k: v for k, v in record.items() if _is_mark(k, v)}
            kept = f"{self.task}/{doc_id}", str(record.get("doc_hash") or ""), values
            rows.setdefault(str(record.get("filter") or "none"), []).append(kept)
        if not rows:
            raise DataError(f"{self.path}: the file is empty")
        return rows

    def _marks(
        self, rows: Sequence[tuple[str, str, dict[str, object]]], metric: str
    ) -> tuple[dict[str, list[float]], dict[str, str]]:
        marks: dict[str, list[float]] = {}
        hashes: dict[str, str] = {}
        for item, found, values in rows:
            if item in marks:
                raise DataError(f"{self.path}: has item {item!r} twice; two runs were joined")
            if metric not in values:
                known = examples(values, 8)
                raise DataError(f"{self.path}: item {item!r} has no {metric!r}, but {known}")
            try:
                marks[item] = [parse_score(values[metric])]
            except ValueError as error:
                raise DataError(f"{self.path}: {metric!r} of item {item!r} is {error}") from error
            hashes[item] = found
        return marks, hashes


def _is_mark(name: str, value: object) -> bool:
    return name not in NO_METRICS and (value is None or isinstance(value, (bool, int, float)))


def _json(path: Path) -> Iterator[Mapping[str, object]]:
    return (record for _, record in json_records(path))


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield rows of a Parquet file, without documents, prompts and answers."""
    schema = schema_of(path)
    names = [] if schema is None else [one.name for one in schema if _is_small(one)]
    if "doc_id" not in names:
        raise DataError(f"{path}: expected a Parquet file with a column doc_id, found {names}")
    with open_parquet(path) as file:
        for batch in file.iter_batches(4096, columns=names):
            yield from batch.to_pylist()


def _is_small(column: Any) -> bool:
    kind = str(column.type)
    if column.name in ("doc_id", "doc_hash", "filter"):
        return True
    return kind in ("bool", "float", "double", "halffloat") or kind.startswith(("int", "uint"))
