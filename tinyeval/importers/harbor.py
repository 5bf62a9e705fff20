"""Results of Harbor, Terminal-Bench's second harness: ``jobs/<job>/<trial>/result.json``.

A trial is one try of one task by one agent; its verifier gives rewards by name, mostly one called
``reward``.  An item is ``<dataset>/<task>``.  A trial is lost where no verifier gave a reward, or
where Harbor itself says that the reward does not count (``reward_valid``).  Older files do not
say: there the exception tells, for an agent that ran out of time was tested, and one whose
provider or sandbox failed was not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, sniff_below
from tinyeval.importers.harness import lost, lost_mark, read_jobs, run_block
from tinyeval.importers.heads import beginning, has_keys, head
from tinyeval.importers.objects import as_mapping, mapping
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import read_json

FILES = r"result\.json"
TRIAL = ("task_name", "trial_name", "agent_info")
JOB = ("n_total_trials", "stats")
ADHOC = "harbor"
"""The benchmark of tasks that are of no data set."""

NOT_TESTED = frozenset(
    {
        *("AgentAuthenticationError", "AgentSetupTimeoutError", "APIConnectionError", "APIError"),
        *("ApiConnectionClosedError", "ApiConnectionError", "ApiError", "ApiInternalServerError"),
        *("ApiOverloadedError", "ApiProviderResourceNotFoundError", "ApiRateLimitError"),
        *("ApiResponseStalledError", "ApiUsageLimitError", "AuthenticationError"),
        *("BudgetExceededError", "CancelledError", "EnvironmentStartTimeoutError"),
        *("HealthcheckError", "InternalServerError", "MemoryLimitExceededError"),
        *("ModelNotFoundError", "NetworkConnectionError", "PermissionDeniedError"),
        *("RateLimitError", "RewardFileEmptyError", "RewardFileNotFoundError"),
        *("SandboxBuildFailedError", "SandboxLikelyOutOfMemoryError", "ServiceUnavailableError"),
        *("Timeout", "UnknownApiError", "VerifierOutputParseError", "VerifierTimeoutError"),
    }
)
"""Exceptions after which a reward says nothing of the agent, where a file does not say so."""

SECRET = ("key", "token", "secret", "url", "base", "header")
"""Parts of the names of arguments that are no facts of a model."""


class HarborImporter:
    """Reads results of trials, and folders of jobs."""

    def sniff(self, path: Path) -> str:
        """Accept result.json with task_name, trial_name and agent_info, or of a job."""
        return sniff_below(path, FILES, _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one reward of each trial."""
        missing = "found no result.json of a trial with task_name and agent_info here"
        return read_jobs(_jobs(files_of(paths, FILES, _why, missing), options.rules), options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind != "{":
        return ""
    text = head(path)
    if has_keys(text, "trial_results") and has_keys(text, *JOB):
        return f"trial_results of a job ({path.name})"
    if found.has(*JOB):
        return f"n_total_trials and stats of a job ({path.name})"
    if found.has(*TRIAL[:2]) and has_keys(text, *TRIAL):
        return f"a trial with task_name and agent_info ({path.parent.name}/{path.name})"
    return ""


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        where: the file, for messages.
        item: what was to be done.
        benchmark: whose task it is.
        run: of which it is.
        rewards: by name, raw; empty where no verifier gave any.
        failure: why the reward does not count; empty where it does.
    """

    where: str
    item: str
    benchmark: str
    run: Run
    rewards: Mapping[str, object]
    failure: str


def _jobs(files: Sequence[Path], rules: Rules) -> list[RunJob]:
    """Return one job for each agent and benchmark of a folder of trials."""
    trials: dict[tuple[object, ...], dict[Path, list[Trial]]] = {}
    summaries: dict[Path, dict[str, Any]] = {}
    of_trials: set[Path] = set()
    for path in files:
        content = as_mapping(read_json(path))
        if content.keys() >= set(JOB):
            summaries[path] = content
            continue
        folder = path.resolve().parent.parent
        of_trials.add(folder)
        _add(trials, folder, path, _trial(str(path), content))
    for path, content in summaries.items():
        if (folder := path.resolve().parent) in of_trials:
            continue
        listed = content.get("trial_results")
        for k, one in enumerate(listed if isinstance(listed, list) else ()):
            _add(trials, folder, path, _trial(f"{path}: trial {k + 1}", as_mapping(one)))
    if not trials:
        raise DataError(
            f"{next(iter(summaries))}: is the summary of a job and has no trials; give the folder "
            "of the job, which has a folder with a result.json for every trial"
        )
    return [
        RunJob(next(iter(of_file)), tuple(one for each in of_file.values() for one in each), rules)
        for of_file in trials.values()
    ]


def _add(
    trials: dict[tuple[object, ...], dict[Path, list[Trial]]], folder: Path, path: Path, one: Trial
) -> None:
    facts = (tuple(one.run.identity.items()), tuple(one.run.settings.items()))
    key = (folder, one.run.model, one.benchmark, *facts)
    trials.setdefault(key, {}).setdefault(path, []).append(one)


def _trial(where: str, content: Mapping[str, Any]) -> Trial:
    task, agent = content.get("task_name"), mapping(content, "agent_info")
    name = agent.get("name")
    if not (isinstance(task, str) and task and isinstance(name, str) and name):
        raise DataError(
            f"{where}: expected a trial with task_name and the name of its agent, found "
            f"{task!r:.60} and {name!r:.60}"
        )
    source = content.get("source")
    benchmark = source if isinstance(source, str) and source else task.rpartition("/")[0] or ADHOC
    item = task if "/" in task or benchmark == ADHOC else f"{benchmark}/{task}"
    verified = mapping(content, "verifier_result")
    rewards = dict(mapping(verified, "rewards"))
    return Trial(where, item, benchmark, _run(content, agent), rewards, _failure(content, rewards))


def _run(content: Mapping[str, Any], agent: Mapping[str, Any]) -> Run:
    model = mapping(agent, "model_info")
    parts = [str(one) for one in (model.get("provider"), model.get("name")) if one]
    asked = as_mapping(as_mapping(mapping(content, "config").get("agent")).get("kwargs"))
    settings = {
        f"args.{key}": str(value)
        for key, value in sorted(asked.items())
        if isinstance(value, str | int | float) and not any(one in key.lower() for one in SECRET)
    }
    settings["args.version"] = str(agent.get("version") or "")
    name = "/".join(parts) if model.get("name") else str(agent["name"])
    date = str(content.get("started_at") or "")[:10]
    return Run(name, {"agent": str(agent["name"]) if parts else ""}, settings, date)


def _failure(content: Mapping[str, Any], rewards: Mapping[str, object]) -> str:
    """Return why the reward of a trial does not count; empty where it does."""
    steps = content.get("step_results")
    failed = [content, *(map(as_mapping, steps) if isinstance(steps, list) else ())]
    raised = [mapping(one, "exception_info").get("exception_type") for one in failed]
    kinds = [one for one in raised if isinstance(one, str) and one]
    if not rewards:
        return kinds[0] if kinds else "no reward"
    valid = content.get("reward_valid")
    if isinstance(valid, bool):
        return "" if valid else (kinds[0] if kinds else "the reward is not valid")
    return next((one for one in kinds if one in NOT_TESTED), "")


@dataclass(frozen=True)
class RunJob:
    """How the trials of one agent are read.

    Attributes:
        path: the file of the first.
        trials: all of them, of one run and benchmark.
        rules: of the import.
    """

    path: Path
    trials: tuple[Trial, ...]
    rules: Rules

    def read(self) -> Block:
        """Read one reward of every trial."""
        benchmark = self.trials[0].benchmark
        names = {name: None for one in self.trials for name in one.rewards}
        chosen = {}
        if names:
            chosen["metric"] = self.rules.metric.pick(benchmark, list(names), str(self.path))
        marks: dict[str, list[float]] = {}
        failed: list[str] = []
        without: list[str] = []
        for one in self.trials:
            mark = lost_mark(self.rules)
            if one.failure:
                failed.append(f"{one.failure}: {one.item}")
            elif chosen["metric"] not in one.rewards:
                without.append(one.item)
                mark = math.nan
            else:
                mark = _reward(one, chosen["metric"])
            marks.setdefault(one.item, []).append(mark)
        findings = [*lost(self.rules, "trials were not tested", failed), *_lacking(without)]
        run = self.trials[0].run
        date = min(one.run.date for one in self.trials)
        return run_block(
            self.path,
            Run(run.model, run.identity, run.settings, date),
            marks,
            self.rules,
            benchmark=benchmark,
            chosen=chosen,
            findings=findings,
        )


def _lacking(items: Sequence[str]) -> Iterator[Finding]:
    if items:
        what = "trials have no reward of that name, and are missing"
        yield Finding("missing", what, len(items), tuple(items[:3]))


def _reward(trial: Trial, name: str) -> float:
    try:
        return parse_score(trial.rewards[name])
    except ValueError as error:
        raise DataError(f"{trial.where}: the reward {name!r} is no number but {error}") from error
