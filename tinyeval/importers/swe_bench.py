"""Results of SWE-bench: reports of its harness, the experiments folder, and SWE-bench Pro.

A report (``<model>.<run_id>.json``) lists the instances of every outcome.  The experiments'
``<date>_<system>/results/results.json`` lists what was resolved only: whatever else was asked
counts as not resolved, so the instances must be known from elsewhere.  SWE-bench Pro's
``eval_results.json`` has true or false by instance.  An item is an instance.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import lost, lost_mark, read_jobs, run_block
from tinyeval.importers.heads import CUT, beginning
from tinyeval.importers.swe_bench_lists import Outcomes, Report, instances_of, outcomes, read_report
from tinyeval.importers.swe_bench_logs import NAME, log_jobs, why_log

COUNTS = ("total_instances", "submitted_instances", "resolved_instances")
RESULTS = r"(.+\.)?(eval_)?results\.json"
LISTS = frozenset({"no_generation", "no_logs"})
PLAIN = re.compile(r"(?P<model>.*?)\.?(results|report|final_report|eval_results)")
"""Names of files of which the first part only, if there is one, says something of the model."""

DATED = re.compile(r"(\d{4})(\d{2})(\d{2})_.+")


class SweBenchImporter:
    """Reads reports and lists of results, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept JSON with the counts of a report, with lists of instances, or true and false."""
        # trajectories and logs beside results may be many
        found = sniff_below(path, RESULTS, _why) or sniff_below(path, r".+\.json", _why)
        return found or sniff_below(path, NAME, why_log)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read whether each instance was resolved."""
        if not any(sniff_below(one, r".+\.json", _why) for one in paths):
            logs = log_jobs(paths, options.rules)
            if logs:
                return read_jobs(logs, options)
        missing = "found no reports of SWE-bench's harness and no results/results.json here"
        reports = [read_report(one) for one in files_of(paths, r".+\.json", _why, missing)]
        listed = instances_of(reports)
        jobs = [_job(one, listed.get(one.path, ()), options.rules) for one in reports]
        return read_jobs(jobs, options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind != "{":
        return ""
    members = found.members
    if all(type(members.get(one)) is int for one in COUNTS):
        return f"counts of resolved instances ({path.name})"
    if found.has("resolved") and LISTS & members.keys():
        lists = [one for one in members.values() if isinstance(one, list)]
        if all(isinstance(one, str) for each in lists for one in each):
            return f"lists of resolved instances ({path.name})"
    pro = members and all(key.startswith("instance_") for key in members)
    if pro and all(type(one) is bool for one in members.values() if one is not CUT):
        return f"true or false by instance ({path.name})"
    return ""


def _job(report: Report, listed: tuple[str, ...], rules: Rules) -> ReportJob:
    name = _system(report)
    dated = DATED.fullmatch(name)
    return ReportJob(
        report.path, Run(name, date="-".join(dated.groups()) if dated else ""), listed, rules
    )


def _system(report: Report) -> str:
    """Return what the model or system is called: by the folder, or by the file."""
    path = report.path.resolve()
    plain = PLAIN.fullmatch(path.stem)
    if plain is None:  # <model>.<run_id>.json of the harness, or a name somebody gave
        model, _, _ = path.stem.rpartition(".")
        return model if report.total and model else path.stem
    if plain["model"]:
        return plain["model"]
    folder = path.parent
    return (folder.parent if folder.name == "results" else folder).name or path.stem


@dataclass(frozen=True)
class ReportJob:
    """How a report is read.

    Attributes:
        path: the file.
        run: of which it is.
        listed: the instances that were asked, where the file does not list them.
        rules: of the import.
    """

    path: Path
    run: Run
    listed: tuple[str, ...]
    rules: Rules

    def read(self) -> Block:
        """Read the outcome of every instance."""
        report = read_report(self.path)
        found = outcomes(report, self.listed)
        nothing = lost_mark(self.rules)
        marks = {one: [nothing if math.isnan(mark) else mark] for one, mark in found.marks.items()}
        return run_block(
            self.path,
            self.run,
            marks,
            self.rules,
            benchmark=report.benchmark,
            sizes={report.benchmark: report.total} if report.total else {},
            findings=(named_by(self.run.model), *self._findings(found)),
        )

    def _findings(self, found: Outcomes) -> list[Finding]:
        told: list[Finding] = []
        for what, ids in found.lost.items():
            told += lost(self.rules, f"instances {what}", ids)
        if found.errors:
            what = (
                "instances ended with an error, most often a patch that does not apply, and count "
                "as not resolved, as on the leaderboard"
            )
            told.append(Finding("guessed", what, len(found.errors), tuple(found.errors[:3])))
        if self.listed:
            what = "runs list what they resolved only; what else was asked counts as not resolved"
            told.append(Finding("guessed", what, 1, (self.run.model,)))
        return told
