"""Logs of Inspect AI (UK AI Security Institute): ``.eval`` and ``.json``, and folders of them.

An item is ``task/sample id``, its benchmark the task: the names by which ``tinyeval export --to
inspect`` has the anchors run.  Epochs are trials.  Samples that ended with an error, and those
that the scorer passed over, are missing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyeval.errors import DataError, examples
from tinyeval.importers.assemble import MOST_TRIALS
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, gather
from tinyeval.importers.harness import read_jobs, run_block
from tinyeval.importers.inspect_log import Log, is_log, read_header, read_log
from tinyeval.importers.inspect_run import find_run
from tinyeval.importers.inspect_scores import Marks, reduced
from tinyeval.importers.objects import mapping
from tinyeval.importers.walk import files_below

FEW = 50
"""Files called .json below a folder whose beginnings a sniffer looks at."""


class InspectImporter:
    """Reads logs, and folders of logs."""

    def sniff(self, path: Path) -> str:
        """Accept a log, or a folder with one."""
        if not path.is_dir():
            return f"a log with status and eval ({path.name})" if is_log(path) else ""
        looked = 0
        for file in files_below(path, r".+\.(eval|json)"):
            looked += file.suffix == ".json"
            if looked <= FEW and is_log(file):
                return file.name
        return ""

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one scorer of each task."""
        kept, findings = _without_retried(logs_in(paths))
        jobs = [LogJob(one, options.rules, len(kept) == 1) for one in kept]
        merged = read_jobs(jobs, options)
        return merged._replace(findings=gather((*findings, *merged.findings)))


def logs_in(paths: Sequence[Path]) -> list[Path]:
    """Return logs, and those below folders, each once.

    Raises:
        DataError: a folder without logs.
    """
    files: dict[Path, None] = {}
    for path in paths:
        found = [path] if path.is_file() else list(_logs_below(path))
        if not found:
            raise DataError(f"{path}: found no logs of Inspect (.eval, .json) in this folder")
        files |= dict.fromkeys(found)
    return list(files)


def _logs_below(path: Path) -> Iterable[Path]:
    return (one for one in files_below(path, r".+\.(eval|json)") if is_log(one))


def _without_retried(files: Iterable[Path]) -> tuple[list[Path], list[Finding]]:
    """Leave out logs of runs that were retried: the later one has their samples, too."""
    by_task: dict[str, list[Log]] = {}
    for path in files:
        log = read_header(path)
        by_task.setdefault(str(log.spec.get("task_id") or path), []).append(log)
    kept, findings = [], []
    for logs in by_task.values():
        last = max(logs, key=lambda log: (log.status == "success", str(log.spec.get("created"))))
        kept.append(last.path)
        for log in logs:
            if log is last:
                continue
            copy = log.spec.get("created") == last.spec.get("created")
            kind, what = (
                ("joined", "copies of a log were read once")
                if copy
                else ("dropped", "logs of runs that were retried later were left out")
            )
            findings.append(Finding(kind, what, 1, (log.path.name,)))
    return kept, findings


@dataclass(frozen=True)
class LogJob:
    """How a log is read.

    Attributes:
        path: the file.
        rules: of the import.
        alone: whether no other log is read, so that one without scores is an error.
    """

    path: Path
    rules: Rules
    alone: bool

    def read(self) -> Block:
        """Read the marks of one scorer."""
        log = read_log(self.path)
        marks = Marks(log)
        if marks.any:
            return self._of_samples(log, marks)
        means = reduced(log)
        if means:
            return self._of_means(log, means)
        reason = _why_empty(log, marks)
        if self.alone:
            raise DataError(f"{self.path}: has no scores of samples: {reason}")
        short = "not scored" if log.status == "success" else log.status
        finding = Finding("missing", "logs have no scores", 1, (f"{short}: {self.path.name}",))
        return Block(self.path, [], [], np.empty((0, 0), np.float32), findings=(finding,))

    def _of_samples(self, log: Log, marks: Marks) -> Block:
        note = ""
        if marks.lists:
            note = f" (not to be read, as their values are lists: {examples(marks.lists)})"
        metric = self._pick(log, list(marks.by_metric), note)
        failed = 0.0 if self.rules.failures == "wrong" else math.nan
        found = marks.marks(metric, failed)
        findings = [*_of_run(log), *self._missing(marks, metric)]
        return self._block(log, metric, found, findings, marks.hashes)

    def _of_means(self, log: Log, means: dict[str, dict[str, float]]) -> Block:
        metric = self._pick(log, list(means), "")
        epochs = mapping(log.spec, "config").get("epochs")
        n = epochs if type(epochs) is int and 1 < epochs <= MOST_TRIALS else 1
        what = "logs do not hold their samples; scores were read from the means over epochs"
        finding = Finding("guessed", what, 1, (self.path.name,))
        found = {sample: [mean] * n for sample, mean in means[metric].items()}
        return self._block(log, metric, found, [*_of_run(log), finding], {})

    def _pick(self, log: Log, names: list[str], note: str) -> str:
        return self.rules.metric.pick(str(log.spec["task"]), names, str(self.path), note)

    def _block(
        self,
        log: Log,
        metric: str,
        marks: dict[str, list[float]],
        findings: Sequence[Finding],
        hashes: dict[str, str],
    ) -> Block:
        task, size = str(log.spec["task"]), mapping(log.spec, "dataset").get("samples")
        return run_block(
            self.path,
            find_run(log),
            {f"{task}/{one}": epochs for one, epochs in marks.items()},
            self.rules,
            benchmark=task,
            chosen={"metric": metric},
            notes={"hash": {f"{task}/{one}": found for one, found in hashes.items()}},
            sizes={task: size} if type(size) is int and size > 0 else {},
            findings=findings,
        )

    def _missing(self, marks: Marks, metric: str) -> list[Finding]:
        known = marks.by_metric[metric]
        failed: list[str] = []
        unscored: list[str] = []
        for one, epochs in marks.samples.items():
            for epoch in epochs:
                key = (one, epoch)
                if math.isnan(known.get(key, math.nan)):
                    (failed if key in marks.errors else unscored).append(one)
        found = []
        if marks.again:
            what = "samples were run again; their last attempts were read"
            found.append(Finding("dropped", what, len(marks.again), tuple(marks.again[:3])))
        if failed and self.rules.failures == "wrong":
            what = "samples ended with an error and count as wrong"
            found.append(Finding("guessed", what, len(failed), tuple(failed[:3])))
        elif failed:
            what = "samples ended with an error, and are missing (--failures wrong counts them)"
            found.append(Finding("missing", what, len(failed), tuple(failed[:3])))
        if unscored:
            what = "samples were not scored, and are missing"
            found.append(Finding("missing", what, len(unscored), tuple(unscored[:3])))
        return found


def _of_run(log: Log) -> list[Finding]:
    """Say what is wrong with the run as a whole."""
    found = []
    if log.status != "success":
        what = "logs are of runs that did not finish; what they scored was read"
        found.append(Finding("missing", what, 1, (f"{log.status}: {log.path.name}",)))
    if log.header.get("invalidated") is True:
        what = "logs have samples that were marked as invalid"
        found.append(Finding("doubt", what, 1, (log.path.name,)))
    return found


def _why_empty(log: Log, marks: Marks) -> str:
    if marks.by_metric:
        return f"{examples(marks.by_metric)} passed over all samples"
    if marks.lists:
        return f"the values of {examples(marks.lists)} are lists, of which no one number follows"
    error = mapping(log.header, "error").get("message")
    if log.status != "success":
        said = f" ({' '.join(str(error).split())[:120]})" if error else ""
        return f"its run ended with status {log.status!r}{said}; run it again, or leave it out"
    if not log.samples:
        return "its samples were not kept; run it again with --log-samples"
    if len(marks.errors) == sum(map(len, marks.samples.values())):
        return f"all {len(marks.errors)} samples ended with an error"
    return f"it was run without scoring; score it with `inspect score {log.path.name}`"
