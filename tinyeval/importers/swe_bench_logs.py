"""Logs of SWE-bench's evaluation: ``logs/run_evaluation/<run>/<model>/<instance>/report.json``.

They are read where no report of a whole run is there.  An instance whose folder has no
``report.json`` ended with an error, most often a patch that does not apply: it counts as not
resolved, as in the report that the harness makes of the same logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Block, Finding, Run
from tinyeval.importers.find import named_by
from tinyeval.importers.harness import run_block
from tinyeval.importers.heads import beginning
from tinyeval.importers.textfiles import read_json
from tinyeval.importers.walk import files_below

NAME = r"report\.json"
LOG = "run_instance.log"
BENCHMARK = "swe_bench"
KNOWN = ("resolved", "patch_exists")


def why_log(path: Path) -> str:
    """Say why a file is the report of one instance; "" if it is not."""
    members = beginning(path).members if path.name == "report.json" else {}
    only = next(iter(members.values()), None) if len(members) == 1 else None
    known = isinstance(only, dict) and set(KNOWN) <= only.keys()
    return (
        f"resolved and patch_exists of an instance ({path.parent.name}/{path.name})"
        if known
        else ""
    )


def log_jobs(paths: Sequence[Path], rules: Rules) -> list[LogsJob]:
    """Return a job for each folder of instances' logs at or below paths."""
    runs: dict[Path, dict[Path, None]] = {}
    for path in paths:
        for one in files_below(path, NAME):
            if why_log(one):
                runs.setdefault(one.resolve().parent.parent, {})[one] = None
    return [_job(folder, tuple(found), rules) for folder, found in runs.items()]


def _job(folder: Path, reports: tuple[Path, ...], rules: Rules) -> LogsJob:
    known = dict(outcome for path in reports for outcome in _outcomes(path))
    failed = tuple(one for one in _unreported(folder) if one not in known)
    system = folder.parent if folder.name == "logs" else folder
    return LogsJob(reports[0], system.name.replace("__", "/", 1), known, failed, rules)


@dataclass(frozen=True)
class LogsJob:
    """How the logs of a run are read.

    Attributes:
        path: the first report.
        model: as the folder of the run is called.
        known: instance -> 1 where it was resolved, else 0.
        failed: instances that have a log and no report.
        rules: of the import.
    """

    path: Path
    model: str
    known: Mapping[str, float]
    failed: tuple[str, ...]
    rules: Rules

    def read(self) -> Block:
        """Read whether each instance was resolved."""
        marks = {name: [mark] for name, mark in self.known.items()}
        marks |= {name: [0.0] for name in self.failed}
        findings = [named_by(self.model)]
        if self.failed:
            what = "instances have a log and no report, and count as not resolved"
            findings.append(Finding("guessed", what, len(self.failed), self.failed[:3]))
        return run_block(
            self.path, Run(self.model), marks, self.rules, benchmark=BENCHMARK, findings=findings
        )


def _outcomes(path: Path) -> Iterator[tuple[str, float]]:
    content = read_json(path)
    for name, one in content.items() if isinstance(content, dict) else ():
        resolved = one.get("resolved") if isinstance(one, dict) else None
        if type(resolved) is not bool:
            raise DataError(f"{path}: expected resolved true or false, found {resolved!r:.60}")
        yield name, float(resolved)


def _unreported(folder: Path) -> Iterator[str]:
    for one in sorted(folder.iterdir()):
        if (one / LOG).is_file() and not (one / "report.json").is_file():
            yield one.name
