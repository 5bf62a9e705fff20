"""Results of EvalPerf: ``*_evalperf_results.json``, with samples by task.

Metrics are ``pass@1``, ``dps`` and ``dps_norm``, all in percent.  A task of which too few samples
pass has no ``dps``: it is missing.  The leaderboard's ``COMBINED-RESULTS.json`` has means over all
tasks only, and is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, leave_out, named_by, sniff_below
from tinyeval.importers.harness import FileJob, read_jobs, run_block
from tinyeval.importers.heads import CUT, beginning, has_keys, head
from tinyeval.importers.textfiles import read_json

METRICS = ("pass@1", "dps", "dps_norm")
NAMED = re.compile(r"(?P<model>.+?)_(?P<backend>[a-z_]+)_temp_(?P<temperature>\d+(\.\d+)?)")


class EvalPerfImporter:
    """Reads results of EvalPerf, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept samples with matching_cluster_idx, or models with dps and task_win_rate."""
        return sniff_below(path, r".+\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric of each task."""
        missing = "found no *_evalperf_results.json here"
        files = files_of(paths, r".+\.json", _why, missing)
        files, told = leave_out(files, _why_means, "files with means over all tasks were left out")
        merged = read_jobs([EvalPerfJob(one, options.rules) for one in files], options)
        return merged._replace(findings=(*told, *merged.findings))


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind != "{":
        return ""
    if found.has("eval") and has_keys(head(path), "task_id", "matching_cluster_idx"):
        return f"samples with matching_cluster_idx ({path.name})"
    return _why_means(path)


def _why_means(path: Path) -> str:
    found = beginning(path)
    whole = [one for one in found.members.values() if one is not CUT]
    keys = {*METRICS, "task_win_rate"}
    if whole and all(isinstance(one, dict) and one.keys() >= keys for one in whole[:3]):
        return f"dps and task_win_rate by model ({path.name})"
    return ""


class EvalPerfJob(FileJob):
    """How the results of a model are read."""

    def read(self) -> Block:
        """Read one metric of all samples."""
        content = read_json(self.path)
        about = content if isinstance(content, dict) else {}
        tasks = about.get("eval")
        if not isinstance(tasks, dict) or not tasks:
            raise DataError(
                f"{self.path}: has scores of models over all tasks only "
                f"({examples(METRICS)} of {examples(about)}), none of single tasks; read the "
                "*_evalperf_results.json of each model"
            )
        metric = self.rules.metric.pick("evalperf", METRICS, str(self.path))
        marks = {one: self._marks(one, value, metric) for one, value in tasks.items()}
        passed_over = [one for one, found in marks.items() if all(map(math.isnan, found))]
        run, name = _run(self.path, str(about.get("date") or ""))
        findings = [named_by(name)]
        if passed_over:
            what = f"tasks have no {metric}, as too few of their samples pass, and are missing"
            findings.append(Finding("missing", what, len(passed_over), tuple(passed_over[:3])))
        return run_block(
            self.path,
            run,
            marks,
            self.rules,
            benchmark="evalperf",
            chosen={"metric": metric},
            findings=findings,
        )

    def _marks(self, task: str, value: object, metric: str) -> list[float]:
        about = value if isinstance(value, dict) else {}
        rows = about.get("results")
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise DataError(f"{self.path}: expected a list of results of {task!r}")
        if metric == "pass@1":
            return [float(one.get("pass") is True) for one in rows] or [math.nan]
        if about.get(metric) is None:
            return [math.nan]
        known = [one for one in rows if one.get(metric) is not None]
        return [_percent(self.path, task, one, metric) for one in known] or [math.nan]


def _percent(path: Path, task: str, row: Mapping[str, Any], metric: str) -> float:
    value = row[metric]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise DataError(f"{path}: expected {metric} of {task!r} from 0 to 100, found {value!r:.60}")
    return value / 100


def _run(path: Path, date: str) -> tuple[Run, str]:
    stem = re.sub(r"[_.]?evalperf_results$", "", path.stem) or path.resolve().parent.name
    named = NAMED.match(stem)
    model = named["model"] if named else stem or path.stem
    settings = (
        {"temperature": named["temperature"]} if named and float(named["temperature"]) != 1 else {}
    )
    return Run(model, {}, settings, date), model
