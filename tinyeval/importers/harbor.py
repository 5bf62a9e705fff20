"""Results of Harbor, the harness of Terminal-Bench 2.0: ``jobs/<job>/<trial>/result.json``.

A trial has the rewards that its verifier gave; the one called ``reward``, or the only one, is the
mark.  An item is a task, without the name of its owner before a slash.  A trial without rewards
ended before it was verified, and is lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Merged, Run
from tinyeval.importers.find import files_of, sniff_below
from tinyeval.importers.harness import lost, lost_mark, read_jobs, run_block
from tinyeval.importers.heads import beginning
from tinyeval.importers.textfiles import read_json

FILES = r"(.+\.)?result\.json"
REWARD = "reward"


class HarborImporter:
    """Reads results of trials, and folders of jobs."""

    def sniff(self, path: Path) -> str:
        """Accept JSON with task_name, trial_name and task_checksum."""
        return sniff_below(path, FILES, _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the reward of each trial."""
        missing = "found no result.json of a trial here"
        files = files_of(paths, FILES, _why, missing)
        return read_jobs(_jobs(files, options.rules), options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind == "{" and found.has("task_name", "trial_name", "task_checksum"):
        return f"a trial with task_name and task_checksum ({path.name})"
    return ""


@dataclass(frozen=True)
class HarborJob:
    """How the trials of one agent with one model in one job are read.

    Attributes:
        path: the file of the first trial.
        run: which it is.
        benchmark: whose tasks it did.
        marks: of each task, NaN where a trial was not verified.
        failures: why trials were not verified, with their tasks.
        rules: of the import.
    """

    path: Path
    run: Run
    benchmark: str
    marks: Mapping[str, Sequence[float]]
    failures: tuple[str, ...]
    rules: Rules

    def read(self) -> Block:
        """Read the marks of all trials."""
        nothing = lost_mark(self.rules)
        marks = {
            task: [nothing if math.isnan(one) else one for one in trials]
            for task, trials in self.marks.items()
        }
        return run_block(
            self.path,
            self.run,
            marks,
            self.rules,
            benchmark=self.benchmark,
            findings=lost(self.rules, "trials were not verified", self.failures),
        )


def _jobs(files: Sequence[Path], rules: Rules) -> list[HarborJob]:
    """Return one job for each agent, model, data set and job folder."""
    runs: dict[tuple[str, str, str, str], dict[Path, Mapping[str, Any]]] = {}
    for path in files:
        trial = read_json(path)
        if not isinstance(trial, dict) or not isinstance(trial.get("task_name"), str):
            raise DataError(f"{path}: expected a trial with the text task_name")
        agent, model = _who(path, trial)
        job = path.resolve().parent.parent.name
        source = trial.get("source")
        benchmark = source if isinstance(source, str) and source else "harbor"
        runs.setdefault((job, agent, model, benchmark), {})[path] = trial
    return [_job(*key, trials, rules) for key, trials in runs.items()]


def _who(path: Path, trial: Mapping[str, Any]) -> tuple[str, str]:
    """Return agent and model; an agent without a model goes by its own name."""
    about = trial.get("agent_info")
    agent = about.get("name") if isinstance(about, dict) else None
    if not isinstance(about, dict) or not isinstance(agent, str) or not agent:
        raise DataError(f"{path}: expected agent_info with the name of the agent")
    known = about.get("model_info")
    name = known.get("name") if isinstance(known, dict) else None
    return (agent, name) if isinstance(name, str) and name else ("", agent)


def _job(
    job: str,
    agent: str,
    model: str,
    benchmark: str,
    trials: Mapping[Path, Mapping[str, Any]],
    rules: Rules,
) -> HarborJob:
    marks: dict[str, list[float]] = {}
    failures: list[str] = []
    for path, trial in trials.items():
        task = trial["task_name"].rpartition("/")[2]
        mark = _mark(path, trial)
        marks.setdefault(task, []).append(mark)
        if math.isnan(mark):
            failures.append(f"{_failure(trial)}: {task}")
    run = Run(model, {"agent": agent}, {}, job)
    return HarborJob(next(iter(trials)), run, benchmark, marks, tuple(failures), rules)


def _mark(path: Path, trial: Mapping[str, Any]) -> float:
    """Return the reward of a trial; NaN if it was not verified."""
    result = trial.get("verifier_result")
    rewards = result.get("rewards") if isinstance(result, dict) else None
    if rewards is None or rewards == {}:
        return math.nan
    if not isinstance(rewards, dict) or (REWARD not in rewards and len(rewards) > 1):
        found = examples(rewards) if isinstance(rewards, dict) else repr(rewards)
        raise DataError(f"{path}: expected a single reward or one called {REWARD!r}, found {found}")
    reward = rewards.get(REWARD, next(iter(rewards.values())))
    if isinstance(reward, bool) or not isinstance(reward, (int, float)):
        raise DataError(f"{path}: the reward is no number but {reward!r}")
    return float(reward)


def _failure(trial: Mapping[str, Any]) -> str:
    error = trial.get("exception_info")
    kind = error.get("exception_type") if isinstance(error, dict) else None
    return str(kind or "no rewards")
