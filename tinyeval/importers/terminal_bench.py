"""Results of Terminal-Bench: ``results.json`` of a run, or of each of its trials.

``runs/<date>/results.json`` has all trials of a run, ``runs/<date>/<task>/<trial>/results.json``
one each.  ``run_metadata.json`` beside the first names agent and model.  An item is a task.
A trial whose tests gave no verdict, or whose agent was not installed, is lost; one that ran out of
time was tested like any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import lost, lost_mark, read_jobs, run_block
from tinyeval.importers.heads import beginning, has_keys, head
from tinyeval.importers.objects import as_mapping
from tinyeval.importers.textfiles import read_json

FILES = r"(.+\.)?results\.json"
BENCHMARK = "terminal-bench-core"
NOT_TESTED = frozenset({"agent_installation_failed"})
"""Failure modes in which the agent did nothing, whatever the tests say."""

DATE = re.compile(r"\d{4}-\d\d-\d\d__\d\d-\d\d-\d\d.*")
SYSTEM = re.compile(r"\d{8}_(.+)")
"""How the leaderboard calls folders: ``YYYYMMDD_agent_model``."""


class TerminalBenchImporter:
    """Reads results of runs, results of trials, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept JSON with task_id, is_resolved and failure_mode."""
        return sniff_below(path, FILES, _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read whether each trial was resolved."""
        missing = "found no results.json with is_resolved and failure_mode here"
        files = files_of(paths, FILES, _why, missing)
        return read_jobs(list(_jobs(files, options.rules)), options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind != "{":
        return ""
    if found.has("task_id", "is_resolved", "failure_mode"):
        return f"a trial with is_resolved and failure_mode ({path.name})"
    trials = found.has("results") and not found.has("details")
    if trials and has_keys(head(path), "trial_name", "is_resolved", "failure_mode"):
        return f"trials with is_resolved and failure_mode ({path.name})"
    return ""


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        task: what was to be done.
        resolved: whether it was; None: the tests gave no verdict.
        failure: how it went wrong.
        date: of its run; empty: unknown.
    """

    task: str
    resolved: bool | None
    failure: str
    date: str


def _jobs(files: Sequence[Path], rules: Rules) -> list[RunJob]:
    """Return one job for each run."""
    read = {path: read_json(path) for path in files}
    whole = {path.resolve().parent for path, one in read.items() if _is_run(one)}
    runs: dict[tuple[Path, str], dict[Path, list[Trial]]] = {}
    for path, content in read.items():
        folder = path.resolve().parent
        if _is_run(content):
            runs[folder, ""] = {path: _trials(path, content)}
            continue
        trial = _trial(path, content)
        placed = folder.parent.name == trial.task and len(folder.parents) > 2
        folder = folder.parents[1] if placed else folder
        if folder not in whole:
            runs.setdefault((folder, trial.date), {}).setdefault(path, []).append(trial)
    jobs = []
    for (folder, date), of_file in runs.items():
        trials = tuple(one for each in of_file.values() for one in each)
        date = date or next((one.date for one in trials if one.date), "")
        jobs.append(RunJob(next(iter(of_file)), *_about(folder, date), trials, rules))
    return jobs


def _is_run(content: object) -> bool:
    return isinstance(content, dict) and isinstance(content.get("results"), list)


def _trials(path: Path, content: object) -> list[Trial]:
    return [_trial(path, one) for one in as_mapping(content)["results"]]


def _trial(path: Path, content: object) -> Trial:
    one = as_mapping(content)
    task, resolved = one.get("task_id"), one.get("is_resolved")
    if not isinstance(task, str) or not task or not (resolved is None or type(resolved) is bool):
        raise DataError(
            f"{path}: expected a trial with task_id and is_resolved true, false or null, found "
            f"{task!r:.60} and {resolved!r:.60}"
        )
    first = str(one.get("recording_path") or "").split("/")[0]
    return Trial(task, resolved, str(one.get("failure_mode")), first if DATE.match(first) else "")


def _about(folder: Path, date: str) -> tuple[Run, str, int, bool]:
    """Return the run, its benchmark, how many tasks that has, and whether folders name the model.

    The number is 0 where nothing says so.
    """
    path = folder / "run_metadata.json"
    about = as_mapping(read_json(path)) if path.is_file() else {}
    date = str(about.get("start_time") or "") or (folder.name if DATE.match(folder.name) else date)
    benchmark, size = str(about.get("dataset_name") or BENCHMARK), about.get("dataset_size")
    size = size if type(size) is int else 0
    settings = {"version": str(about.get("dataset_version") or "")}
    agent = str(about.get("agent_name") or "")
    if about.get("model_name"):
        return (
            Run(str(about["model_name"]), {"agent": agent}, settings, date),
            benchmark,
            size,
            False,
        )
    dated = (SYSTEM.fullmatch(one) for one in reversed(folder.parts))
    system = next((one.group(1) for one in dated if one), "")
    own = folder if not DATE.match(folder.name) else folder.parent
    name = agent or system or own.name or "terminal_bench"
    return Run(name, {}, settings, date), benchmark, size, True


@dataclass(frozen=True)
class RunJob:
    """How a run is read.

    Attributes:
        path: its file, or that of its first trial.
        run: which it is.
        benchmark: whose tasks it did.
        size: number of tasks of the whole benchmark; 0: unknown.
        guessed: whether its model is called as a folder is.
        trials: all of them.
        rules: of the import.
    """

    path: Path
    run: Run
    benchmark: str
    size: int
    guessed: bool
    trials: tuple[Trial, ...]
    rules: Rules

    def read(self) -> Block:
        """Read the marks of all trials."""
        marks: dict[str, list[float]] = {}
        unknown: list[str] = []
        for one in self.trials:
            known = one.resolved is not None and (one.resolved or one.failure not in NOT_TESTED)
            mark = float(bool(one.resolved)) if known else lost_mark(self.rules)
            marks.setdefault(one.task, []).append(mark)
            if not known:
                unknown.append(f"{one.failure}: {one.task}")
        findings: list[Finding] = [named_by(self.run.model)] if self.guessed else []
        findings += lost(self.rules, "trials were not tested", unknown)
        return run_block(
            self.path,
            self.run,
            marks,
            self.rules,
            benchmark=self.benchmark,
            sizes={self.benchmark: self.size} if self.size else {},
            findings=findings,
        )
