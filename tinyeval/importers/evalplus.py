"""Results of EvalPlus: ``*_eval_results.json``, HumanEval+ and MBPP+.

``eval`` has a list of samples for each task, with a status of the base tests and of the plus
tests.  The metric ``plus`` is that both pass, as EvalPlus counts.  Samples are trials.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import FileJob, read_jobs, run_block
from tinyeval.importers.heads import beginning, has_keys, head
from tinyeval.importers.textfiles import read_json

NAMED = re.compile(r"(?P<model>.+?)_(?P<backend>[a-z_]+)_temp_(?P<temperature>\d+(\.\d+)?)")
STATUSES = {"pass": 1.0, "fail": 0.0, "timeout": 0.0}


class EvalPlusImporter:
    """Reads results of EvalPlus, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept an object with eval, and base_status or nfiles in it."""
        return sniff_below(path, r"(.+[_.])?eval_results\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the base or the plus tests of each sample."""
        missing = "found no *_eval_results.json of EvalPlus here"
        files = files_of(paths, r"(.+[_.])?eval_results\.json", _why, missing)
        return read_jobs([EvalJob(one, options.rules) for one in files], options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind != "{" or not found.has("eval"):
        return ""
    text = head(path)
    status = has_keys(text, "task_id", "base_status") or has_keys(text, "nfiles", "base")
    return f"eval with base_status by task ({path.name})" if status else ""


class EvalJob(FileJob):
    """How the results of a model are read."""

    def read(self) -> Block:
        """Read the marks of all samples."""
        content = read_json(self.path)
        about = content if isinstance(content, dict) else {}
        tasks = about.get("eval")
        if not isinstance(tasks, dict) or not tasks:
            raise DataError(f"{self.path}: expected an object 'eval' with samples by task")
        benchmark = {one: one.split("/")[0].lower() for one in tasks}
        samples = {one: list(_samples(self.path, one, value)) for one, value in tasks.items()}
        plus = all(status is not None for each in samples.values() for _, status in each)
        names = ["base", "plus"] if plus else ["base"]
        group = "+".join(sorted(set(benchmark.values())))
        metric = self.rules.metric.pick(group, names, str(self.path))
        marks = {
            one: [self._mark(one, *each, metric) for each in found]
            for one, found in samples.items()
        }
        run, name = _run(self.path, str(about.get("date") or ""))
        return run_block(
            self.path,
            run,
            marks,
            self.rules,
            benchmark=benchmark,
            chosen={"metric": metric},
            findings=(named_by(name),),
        )

    def _mark(self, task: str, base: object, plus: object, metric: str) -> float:
        statuses = [base] if metric == "base" else [base, plus]
        for one in statuses:
            if not isinstance(one, str) or one.lower() not in STATUSES:
                raise DataError(
                    f"{self.path}: expected a status of {task!r} among "
                    f"{examples(STATUSES)}, found {one!r:.60}"
                )
        return math.prod(STATUSES[str(one).lower()] for one in statuses)


def _samples(path: Path, task: str, value: object) -> Iterator[tuple[object, object]]:
    """Yield the status of the base tests and of the plus tests of each sample."""
    if isinstance(value, dict):  # EvalPlus before 0.3: lists of [status, details]
        base, plus = (value.get(one) or [] for one in ("base", "plus"))
        for k, one in enumerate(base):
            yield _first(one), _first(plus[k]) if k < len(plus) else None
        return
    rows = value if isinstance(value, list) else [None]
    for row in rows:
        if not isinstance(row, dict):
            raise DataError(f"{path}: expected samples of {task!r}, found {row!r:.60}")
        yield row.get("base_status"), row.get("plus_status")


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _run(path: Path, date: str) -> tuple[Run, str]:
    """Return the run that a file, or its folder, is called by."""
    stem = re.sub(r"[_.]?eval_results$", "", path.stem) or path.resolve().parent.name
    named = NAMED.match(stem)
    if named is None:
        return Run(stem or path.stem, date=date), stem or path.stem
    temperature = named["temperature"]
    settings: Mapping[str, Any] = {"temperature": temperature if float(temperature) else ""}
    return Run(named["model"], {}, settings, date), named["model"]
