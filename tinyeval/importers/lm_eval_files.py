"""Where lm-evaluation-harness puts its files, and which of them belong together.

``--output_path out --log_samples`` writes, for every run,

    out/<model name, made safe for a file system>/results_<date>.json
    out/<model name, made safe for a file system>/samples_<task>_<date>.jsonl

and never removes older runs.  The true model name stands only in the results file of that date.
Versions of 2023 wrote ``out/results.json`` and ``out/<model arguments, made safe>_<task>.jsonl``.
Files may be packed (``.jsonl.gz``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from tinyeval.errors import DataError
from tinyeval.importers.block import Finding, Run
from tinyeval.importers.lm_eval_results import Results, read_run
from tinyeval.importers.walk import files_below

_DATE = r"(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)"
_LINES = r"\.jsonl(?:\.gz)?"
SAMPLES = re.compile(rf"samples_(?P<task>.+)_{_DATE}(?:\.[^.]+)?{_LINES}")
RESULTS = re.compile(rf".+_{_DATE}\.json")
LINES = re.compile(rf".+{_LINES}")
EITHER = re.compile(rf".+(?:{_LINES}|\.json)")


@dataclass(frozen=True)
class SamplesFile:
    """One task of one model in one run.

    Attributes:
        path: the file.
        task: whose documents it has.
        run: of which it is.
        results: what the results file of that run says.
        group: the group of tasks that is the benchmark; empty: the task is.
    """

    path: Path
    task: str
    run: Run
    results: Results
    group: str = ""


class Found(NamedTuple):
    """Samples files, and what was left out."""

    files: list[SamplesFile]
    findings: list[Finding]


def find_samples(paths: Iterable[Path]) -> Found:
    """Return the samples files of paths, each with what is known of its run.

    Args:
        paths: samples files, folders of one model, or folders of such folders; links are
            followed, and a file is met once.

    Raises:
        DataError: a path has none.
    """
    found: dict[Path, SamplesFile] = {}
    without: dict[Path | None, Results] = {}
    for path in paths:
        files = _one_file(path) if path.is_file() else _below(path)
        for file in files.files:
            found.setdefault(file.path.resolve(), file)
        without |= {one.path: one for one in files.without}
    files_ = _with_groups(_with_commits(list(found.values())))
    return Found(files_, _left_out(files_, without.values()))


def some_samples(paths: Iterable[Path], tasks: Collection[str] | None) -> dict[str, list[Path]]:
    """Return the samples files of tasks, by task, from their names alone.

    Args:
        paths: as :func:`find_samples` takes them.
        tasks: that are wanted; None: all.

    Returns:
        Paths in order; nothing where files are not named as the harness names them now.
    """
    found: dict[str, dict[Path, None]] = {}
    for path in paths:
        for file in [path] if path.is_file() else files_below(path, LINES):
            match = SAMPLES.fullmatch(file.name)
            if match and (tasks is None or match["task"] in tasks):
                found.setdefault(match["task"], {})[file] = None
    return {task: sorted(files) for task, files in found.items()}


def describe_files(paths: Iterable[Path]) -> list[SamplesFile]:
    """Return what is known of the runs of samples files, in the order of their folders."""
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path.resolve().parent, []).append(path)
    found: list[SamplesFile] = []
    for folder, files in by_folder.items():
        dates = {match["date"] for one in files if (match := SAMPLES.fullmatch(one.name))}
        beside = [
            one
            for one in sorted(folder.glob("*.json"))
            if (match := RESULTS.fullmatch(one.name)) is None or match["date"] in dates
        ]
        found += _describe(folder, files, beside).files
    return _with_groups(found)


class _Described(NamedTuple):
    """Samples files, and results files of tasks without samples."""

    files: list[SamplesFile]
    without: list[Results]


def _one_file(path: Path) -> _Described:
    if not LINES.fullmatch(path.name):
        raise DataError(
            f"{path}: expected a samples_*.jsonl file or a folder with some; a results file "
            "has no scores of single items"
        )
    folder = path.resolve().parent
    found = _describe(folder, [path], sorted(folder.glob("*.json")))
    return _Described(found.files, [])  # the others of that folder are not asked for


def _below(path: Path) -> _Described:
    samples: dict[Path, list[Path]] = {}
    results: dict[Path, list[Path]] = {}
    for file in files_below(path, EITHER):
        kind = samples if LINES.fullmatch(file.name) else results
        kind.setdefault(file.parent, []).append(file)
    found = _Described([], [])
    for folder in sorted(samples.keys() | results.keys()):
        dated = [one for one in samples.get(folder, ()) if one.name.startswith("samples_")]
        others = [one for one in samples.get(folder, ()) if not one.name.startswith("samples_")]
        beside = results.get(folder, [])
        if not dated and not others and not any(RESULTS.fullmatch(one.name) for one in beside):
            continue
        described = _describe(folder, dated, beside, others)
        found.files.extend(described.files)
        found.without.extend(described.without)
    if not found.files:
        raise DataError(
            f"{path}: found no samples_*.jsonl in this folder; run lm-evaluation-harness with "
            "--log_samples"
        )
    return found


def _describe(
    folder: Path, files: Sequence[Path], beside: Sequence[Path], others: Sequence[Path] = ()
) -> _Described:
    """Describe samples files of one folder with the help of the results files beside them.

    Args:
        folder: which names a model that nothing else names.
        files: samples files.
        beside: json files.
        others: files of lines that are samples if a results file of 2023 says so.
    """
    runs = {m["date"]: read_run(one) for one in beside if (m := RESULTS.fullmatch(one.name))}
    old = [] if runs else _undated(beside, bool(others) or bool(files))
    names = {run.model for run in (*runs.values(), *old) if run.model}
    fallback = names.pop() if len(names) == 1 else folder.resolve().name
    described, taken = [], set()
    for path in files:
        match = SAMPLES.fullmatch(path.name)
        stem = _stem(path)
        task = match["task"] if match else stem.removeprefix("samples_")
        date = match["date"] if match else ""
        results, task_of_old = runs.get(date, Results()), _task_of(_stem(path), old)
        if not match and task_of_old is not None:
            results, task = task_of_old
        taken.add((results.path, task))
        described.append(_file(path, task, results, fallback or stem, date))
    for path in others:
        known = _task_of(_stem(path), old)
        if known is not None:
            taken.add((known[0].path, known[1]))
            described.append(_file(path, known[1], known[0], fallback, ""))
    without = []
    for run in (*runs.values(), *old):
        tasks = tuple(task for task in run.tasks if (run.path, task) not in taken)
        if tasks:
            without.append(replace(run, tasks=tasks, model=run.model or fallback))
    return _Described(described, without)


def _undated(beside: Sequence[Path], samples: bool) -> list[Results]:
    """Read the results files of 2023, which any name may have."""
    if not samples:
        return []
    found = []
    for path in beside:
        if path.name == "results.json":
            found.append(read_run(path))
            continue
        try:
            run = read_run(path)
        except DataError:  # some other file
            continue
        if run.tasks and run.arguments:
            found.append(run)
    return found


def _task_of(stem: str, runs: Sequence[Results]) -> tuple[Results, str] | None:
    """Return the run and task of ``pretrained__org__model_<task>.jsonl``."""
    for run in runs:
        start = re.sub(r"/|=", "__", run.arguments)
        for task in sorted(run.tasks, key=len, reverse=True):
            ends = [f"{start}_{task}"] if len(runs) > 1 else [f"_{task}"]
            if any(stem.endswith(end) for end in ends):
                return run, task
    return None


def _stem(path: Path) -> str:
    return re.sub(rf"{_LINES}$", "", path.name)


def _file(path: Path, task: str, results: Results, fallback: str, date: str) -> SamplesFile:
    run = Run(
        results.model or fallback,
        results.identity,
        results.settings.get(task, {}),
        date or results.date,
    )
    return SamplesFile(path, task, run, results)


def _with_commits(files: list[SamplesFile]) -> list[SamplesFile]:
    """Tell runs of one branch apart by its commits, where there are several."""
    commits: dict[str, set[str]] = {}
    for file in files:
        if file.results.commit and "revision" not in file.run.identity:
            commits.setdefault(file.run.model, set()).add(file.results.commit)
    told = []
    for file in files:
        run = file.run
        if "revision" not in run.identity and len(commits.get(run.model, ())) > 1:
            run = replace(run, identity={**run.identity, "commit": file.results.commit})
        told.append(replace(file, run=run))
    return told


def _with_groups(files: list[SamplesFile]) -> list[SamplesFile]:
    """Note the group of each task that any run reports one for, unless runs disagree."""
    groups: dict[str, set[str]] = {}
    for file in files:
        group = file.results.groups.get(file.task)
        if group:
            groups.setdefault(file.task, set()).add(group)
    only = {task: next(iter(found)) for task, found in groups.items() if len(found) == 1}
    return [replace(file, group=only.get(file.task, "")) for file in files]


def _left_out(files: Sequence[SamplesFile], without: Iterable[Results]) -> list[Finding]:
    read = {(file.results.path, file.task) for file in files}
    lost = [
        f"{run.model}: {task}"
        for run in without
        for task in run.tasks
        if (run.path, task) not in read
    ]
    what = "tasks that were run without --log_samples were left out"
    return [Finding("dropped", what, len(lost), tuple(lost))] if lost else []
