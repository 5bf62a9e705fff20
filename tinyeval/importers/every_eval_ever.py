"""Samples of Every Eval Ever (EvalEval coalition): ``<uuid>_samples.jsonl``.

``data/<collection>/<developer>/<model>/<uuid>.json`` has the scores of a run, and beside it
``<uuid>_samples.jsonl`` one line for each sample and metric.  An item is ``evaluation_name/
sample_id``, its benchmark the evaluation.  Several lines of one sample and metric are trials.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.harness import read_jobs, run_block, scaled
from tinyeval.importers.heads import has_keys, head
from tinyeval.importers.objects import mapping
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records, read_json
from tinyeval.importers.walk import files_below

SAMPLES = r".+_samples\.jsonl(\.gz)?"
KEYS = ("evaluation_id", "model_id", "evaluation_name", "sample_id", "evaluation")

ONE = "score"
"""What the only metric of lines is called that do not name theirs."""


class EveryEvalEverImporter:
    """Reads files of samples, and folders of a datastore."""

    def sniff(self, path: Path) -> str:
        """Accept lines with evaluation_id, sample_id and evaluation."""
        files = [path] if path.is_file() else files_below(path, SAMPLES)
        found = next((one for one in files if _has_samples(one)), None)
        return "" if found is None else f"evaluation_id and sample_id in {found.name}"

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric of each evaluation."""
        files: dict[Path, None] = {}
        for path in paths:
            found = [path] if path.is_file() else list(files_below(path, SAMPLES))
            if not found:
                raise DataError(
                    f"{path}: found no *_samples.jsonl, which hold the scores of single items"
                )
            files |= dict.fromkeys(found)
        jobs = [
            SamplesJob(one, name, options.rules, about)
            for one in files
            for about in [_aggregate(one)]
            for name in _evaluations(one)
        ]
        return read_jobs(jobs, options)


def _has_samples(path: Path) -> bool:
    if path.suffix == ".gz":
        try:
            return set(KEYS) <= next(json_records(path), (0, {}))[1].keys()
        except DataError:
            return False
    text = head(path) if path.suffix == ".jsonl" else ""
    return has_keys(text[: text.find("\n")] if "\n" in text else text, *KEYS[:4])


def _evaluations(path: Path) -> list[str]:
    """Return the evaluations that a file has samples of."""
    names = {str(row.get("evaluation_name") or ""): None for _, row in json_records(path)}
    if not names:
        raise DataError(f"{path}: the file is empty")
    return list(names)


@dataclass
class Samples:
    """Samples of one evaluation.

    Attributes:
        model: that answered.
        marks: metric -> sample -> the marks of its lines.
        hashes: sample -> digest of its document.
        failed: samples of lines that have an error.
    """

    model: str = ""
    marks: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SamplesJob:
    """How the samples of one evaluation are read.

    Attributes:
        path: the file.
        evaluation: its name.
        rules: of the import.
        about: what the file beside it says of the run; nothing where there is none.
    """

    path: Path
    evaluation: str
    rules: Rules
    about: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> Block:
        """Read one metric."""
        about = self.about
        results = _results(about, self.evaluation)
        samples = self._samples()
        named = {_label(one, results): one for one in samples.marks}
        if len(named) < len(samples.marks):
            named = {one: one for one in samples.marks}
        metric = self.rules.metric.pick(self.evaluation, list(named), str(self.path))
        result = named[metric]
        told = [results[result]] if result in results else list(results.values())
        lower = {mapping(one, "metric_config").get("lower_is_better") for one in told}
        date = str(about.get("evaluation_timestamp") or about.get("retrieved_timestamp") or "")
        items = {one: f"{self.evaluation}/{one}" for one in samples.marks[result]}
        return run_block(
            self.path,
            Run(samples.model, {}, {}, date),
            {items[one]: marks for one, marks in samples.marks[result].items()},
            _scaled(self.rules, told),
            benchmark=self.evaluation,
            chosen={"metric": metric},
            higher=not lower.pop() if lower in ({True}, {False}) else None,
            notes={"hash": {items[one]: samples.hashes[one] for one in items}},
            sizes=_sizes(self.evaluation, told),
            findings=list(self._findings(samples)),
        )

    def _samples(self) -> Samples:
        found = Samples()
        for line, row in json_records(self.path):
            where = f"{self.path}:{line}"
            missing = [key for key in KEYS if not row.get(key)]
            if missing:
                raise DataError(f"{where}: expected a sample with {examples(missing, 5)}")
            if row["evaluation_name"] != self.evaluation:
                continue
            model, sample = str(row["model_id"]), str(row["sample_id"])
            if found.model not in ("", model):
                raise DataError(
                    f"{where}: expected samples of one model, found {found.model!r} and {model!r}; "
                    "write a file for each model"
                )
            found.model = model
            mark = self._mark(row, where)
            if row.get("error"):
                found.failed.append(sample)
            result = str(row.get("evaluation_result_id") or "")
            found.marks.setdefault(result, {}).setdefault(sample, []).append(mark)
            found.hashes.setdefault(sample, str(row.get("sample_hash") or ""))
        return found

    def _mark(self, row: Mapping[str, Any], where: str) -> float:
        if row.get("error"):
            return 0.0 if self.rules.failures == "wrong" else math.nan
        evaluation = mapping(row, "evaluation")
        score = evaluation.get("score", evaluation.get("is_correct"))
        try:
            return parse_score(score)
        except ValueError as error:
            raise DataError(f"{where}: the score is no number but {error}") from error

    def _findings(self, samples: Samples) -> Iterator[Finding]:
        if not samples.failed:
            return
        wrong = self.rules.failures == "wrong"
        what = "count as wrong" if wrong else "are missing (--failures wrong counts them)"
        yield Finding(
            "guessed" if wrong else "missing",
            f"samples ended with an error, and {what}",
            len(samples.failed),
            tuple(samples.failed[:3]),
        )


def _aggregate(samples: Path) -> Mapping[str, Any]:
    """Return what the file with the scores of the run says; nothing where it is not there."""
    stem = samples.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix("_samples")
    path = samples.parent / f"{stem}.json"
    content = read_json(path) if path.is_file() else {}
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def _results(about: Mapping[str, Any], evaluation: str) -> dict[str, Mapping[str, Any]]:
    """Return result id -> result, of one evaluation; that of an only result is empty, too."""
    listed = about.get("evaluation_results")
    found: dict[str, Mapping[str, Any]] = {
        str(one.get("evaluation_result_id") or ""): one
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and one.get("evaluation_name") == evaluation
    }
    if len(found) == 1:
        found[""] = next(iter(found.values()))
    return found


def _label(result: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what a metric is called: as the run calls it, else by the id of its result."""
    config = mapping(results.get(result, {}), "metric_config")
    named = config.get("metric_id") or config.get("metric_name")
    described = config.get(
        "evaluation_description"
    )  # the converter of lm-eval's results names it so
    if not named and isinstance(described, str) and re.fullmatch(r"\w{1,40}", described):
        named = described
    return str(named or result or ONE)


def _scaled(rules: Rules, results: Sequence[Mapping[str, Any]]) -> Rules:
    """Return rules by which the range of all these results becomes 0 to 1, where they have one."""
    configs = [mapping(one, "metric_config") for one in results]
    ranges = {(_number(one.get("min_score")), _number(one.get("max_score"))) for one in configs}
    low, high = ranges.pop() if len(ranges) == 1 else (math.nan, math.nan)
    whole = math.isfinite(low) and math.isfinite(high) and low < high
    return scaled(rules, low, high) if whole and (low, high) != (0.0, 1.0) else rules


def _sizes(evaluation: str, results: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return of how many samples these results are, where they say so, and agree."""
    sizes = set()
    for one in results:
        uncertainty = mapping(mapping(one, "score_details"), "uncertainty")
        source = mapping(one, "source_data")
        sizes.add(uncertainty.get("num_samples") or source.get("samples_number"))
    size = sizes.pop() if len(sizes) == 1 else None
    return {evaluation: size} if type(size) is int and size > 0 else {}


def _number(value: object) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else math.nan  # type: ignore[arg-type]
