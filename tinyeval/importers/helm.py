"""Run folders of HELM (Liang et al. 2023): per_instance_stats.json and run_spec.json.

``helm-run`` writes ``benchmark_output/runs/<suite>/<run>/``, where the run is called
``mmlu:subject=anatomy,method=multiple_choice_joint,model=openai_gpt-4o``.  Its records hold the
statistics of one instance and training trial, those of one instance often in several records, and
most of them are no scores (tokens, seconds), so that the metric is chosen by name.

An item is ``mmlu:subject=anatomy/<instance id>``, its benchmark the scenario, its subject the
scenario with its arguments; instances that a perturbation changed are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Run, gather
from tinyeval.importers.harness import read_jobs, run_block
from tinyeval.importers.heads import has_keys, head
from tinyeval.importers.helm_runs import RunFolder, find_runs
from tinyeval.importers.helm_stats import Stats, read_stats
from tinyeval.importers.walk import files_below

STATS, SHOWN, SPEC = "per_instance_stats.json", "display_predictions.json", "run_spec.json"


class HelmImporter:
    """Reads run folders, folders of them, and their per_instance_stats.json."""

    def sniff(self, path: Path) -> str:
        """Accept a folder with statistics or run specifications, or a file of statistics."""
        if path.is_dir():
            for name in (STATS, SHOWN, SPEC):
                found = next(files_below(path, re.escape(name)), None)
                if found is not None:
                    return f"{found.parent.name}/{name}"
            return ""
        if path.name in (STATS, SHOWN):
            return path.name
        keys = ("instance_id", "train_trial_index", "stats")
        known = path.suffix == ".json" and has_keys(head(path), *keys)
        return "records with instance_id, train_trial_index and stats" if known else ""

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric of each scenario; the split of its instances is the filter."""
        found = [run for path in paths for run in find_runs(path)]
        runs = {run.path: run for run in found if run.path is not None}
        empty = [run for run in found if run.path is None]
        if not runs:
            raise DataError(
                f"{paths[0]}: found {SPEC} but no {STATS}, which is the file with the scores; copy "
                "the whole run folders from benchmark_output/runs"
            )
        jobs = [StatsJob.of(run, options.rules) for run in runs.values()]
        merged = read_jobs(jobs, options)
        told = [
            Finding("missing", f"run folders have no {STATS} and were left out", 1, (run.name,))
            for run in empty
        ]
        return merged._replace(findings=gather((*told, *merged.findings)))


@dataclass(frozen=True)
class StatsJob:
    """How the statistics of a run are read.

    Attributes:
        path: the file.
        scenario: the benchmark.
        task: the scenario with its arguments.
        run: of which it is.
        guessed: whether the model's name was made from the folder's.
        rules: of the import.
    """

    path: Path
    scenario: str
    task: str
    run: Run
    guessed: bool
    rules: Rules

    @classmethod
    def of(cls, found: RunFolder, rules: Rules) -> StatsJob:
        """Return how a run is read."""
        assert found.path is not None
        return cls(found.path, found.scenario, found.task, found.run, found.guessed, rules)

    def read(self) -> Block:
        """Read one metric of the instances of one split."""
        stats = read_stats(self.path)
        where = str(self.path)
        filter_ = self.rules.filter.pick(self.scenario, stats.splits, where, group=self.task)
        names = stats.metrics(filter_, self._asked())
        if not names:
            raise DataError(
                f"{where}: holds no scores, only figures of the run such as numbers of tokens; the "
                f"scores are in {STATS} of a run whose run_spec.json has metrics"
            )
        metric = self.rules.metric.pick(self.scenario, names, where, group=self.task)
        marks = {
            f"{self.task}/{one}": trials for one, trials in stats.marks(filter_, metric).items()
        }
        return run_block(
            self.path,
            self.run,
            marks,
            self.rules,
            benchmark=self.scenario,
            chosen={"metric": metric, "filter": filter_},
            notes={"subject": dict.fromkeys(marks, self.task)},
            findings=[*self._findings(stats), *_unmarked(marks, metric)],
        )

    def _asked(self) -> set[str]:
        """Return metrics that the user named, which may be of those that are no scores."""
        choice = self.rules.metric
        named = (choice.by_task.get(one) for one in (self.task, self.scenario))
        return {*choice.bare, *(one for one in named if one)}

    def _findings(self, stats: Stats) -> list[Finding]:
        found = []
        if stats.perturbed:
            found.append(Finding("dropped", "perturbed instances were left out", stats.perturbed))
        if self.guessed:
            what = "names of models were made from the names of run folders"
            found.append(Finding("guessed", what, 1, (self.run.model,)))
        return found


def _unmarked(marks: Mapping[str, Sequence[float]], metric: str) -> list[Finding]:
    missing = [one for one, trials in marks.items() if all(mark != mark for mark in trials)]
    what = f"instances have no {metric!r}"
    return [Finding("missing", what, len(missing), tuple(missing[:3]))] if missing else []
