"""Results of tau-bench: a list of ``{task_id, reward, trial, info, traj}``.

Tasks are numbered in every domain anew, so an item is ``tau_bench_<domain>/<number>``; the domain
is told by the names of the file and its folders, or by what the tasks ask for.  Trials that ended
with an exception are lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import FileJob, lost, lost_mark, read_jobs, run_block
from tinyeval.importers.heads import beginning
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records

DOMAINS = ("airline", "retail", "telecom", "banking")
ACTIONS = {"airline": ("reservation", "flight"), "retail": ("order", "product")}
"""Parts of the names of actions by which the two domains are told."""

NAMED = re.compile(
    r"(?P<agent>tool-calling|react|act|few-shot)-(?P<model>.+)-(?P<temperature>\d+(\.\d+)?)"
    r"_range_(?P<first>-?\d+)-(?P<last>-?\d+)_user-(?P<user>.+?)(-(?P<kind>[a-z_]+))?"
    r"_(?P<date>\d{10})"
)
"""How tau-bench calls its files."""


class TauBenchImporter:
    """Reads files of trials, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept a list of objects with task_id, reward, info and traj."""
        return sniff_below(path, r".+\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the reward of each trial."""
        missing = "found no list of trials with task_id, reward and traj here"
        files = files_of(paths, r".+\.json", _why, missing)
        return read_jobs([TrialsJob(one, options.rules) for one in files], options)


def _why(path: Path) -> str:
    found = beginning(path)
    known = found.has("task_id", "reward", "info")
    if found.kind == "[" and known and ("traj" in found.members or found.is_cut()):
        return f"trials with task_id, reward and traj ({path.name})"
    return ""


class TrialsJob(FileJob):
    """How a file of trials is read."""

    def read(self) -> Block:
        """Read the reward of each trial."""
        marks: dict[str, list[float]] = {}
        seen: set[tuple[str, str]] = set()
        failed: list[str] = []
        domain = _named_domain(self.path)
        for line, row in json_records(self.path):
            where = f"{self.path}:{line}"
            task, trial = str(row.get("task_id")), str(row.get("trial"))
            if "task_id" not in row or (task, trial) in seen:
                raise DataError(
                    f"{where}: expected a trial with a task_id, each once, found task {task!r}, "
                    f"trial {trial!r}{' again' if 'task_id' in row else ''}"
                )
            seen.add((task, trial))
            domain = domain or _asked_domain(row)
            info = row.get("info")
            error = isinstance(info, dict) and "error" in info
            if error:
                failed.append(f"task {task}")
            marks.setdefault(task, []).append(
                lost_mark(self.rules) if error else self._reward(row, where)
            )
        if not domain:
            raise DataError(
                f"{self.path}: nothing tells of which domain these tasks are, and they are "
                "numbered in each anew; put airline or retail into the name of the file"
            )
        benchmark = f"tau_bench_{domain}"
        run, findings = _run(self.path, domain)
        return run_block(
            self.path,
            run,
            {f"{benchmark}/{one}": trials for one, trials in marks.items()},
            self.rules,
            benchmark=benchmark,
            findings=(*findings, *lost(self.rules, "trials ended with an exception", failed)),
        )

    def _reward(self, row: Mapping[str, Any], where: str) -> float:
        try:
            return parse_score(row.get("reward"))
        except ValueError as error:
            raise DataError(f"{where}: the reward is no number but {error}") from error


def _named_domain(path: Path) -> str:
    """Return the domain that the file is called by, or else the nearest folder."""
    for name in (path.stem, *reversed(path.resolve().parts[:-1])):
        found = [one for one in DOMAINS if one in re.split(r"[^a-z]+", name.lower())]
        if len(found) == 1:
            return found[0]
    return ""


def _asked_domain(row: Mapping[str, Any]) -> str:
    """Return the domain whose actions a task asks for."""
    names = " ".join(_actions(row.get("info")))
    found = [one for one, parts in ACTIONS.items() if any(part in names for part in parts)]
    return found[0] if len(found) == 1 else ""


def _actions(info: object) -> Iterator[str]:
    task = info.get("task") if isinstance(info, dict) else None
    actions = task.get("actions") if isinstance(task, dict) else None
    for one in actions if isinstance(actions, list) else ():
        if isinstance(one, dict):
            yield str(one.get("name"))


def _run(path: Path, domain: str) -> tuple[Run, list[Finding]]:
    named = NAMED.fullmatch(path.stem)
    if named is None:
        name = re.sub(rf"[-_. ]?{domain}$", "", path.stem) or path.stem
        return Run(name), [named_by(name)]
    whole = named["first"] == "0" and named["last"] == "-1"
    what = "files have a range of the tasks only, as their names say"
    cut = [] if whole else [Finding("missing", what, 1, (path.name,))]
    settings = {"temperature": named["temperature"] if float(named["temperature"]) else ""}
    settings["user"] = named["user"]
    run = Run(named["model"], {"agent": named["agent"]}, settings, named["date"])
    return run, [named_by(named["model"]), *cut]
