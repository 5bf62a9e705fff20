"""Results of tau2-bench: a run's ``info``, ``tasks`` and ``simulations`` in one file.

Runs of voices have ``results.json`` instead, and one file for each simulation in ``simulations/``
beside it.  Several simulations of one task are its trials.  An item is ``tau2_<domain>/<task>``.
A simulation that ended in an infrastructure error, or has no reward, is lost: tau2-bench leaves it
out of its own average, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Merged, Run
from tinyeval.importers.find import files_of, sniff_below
from tinyeval.importers.harness import FileJob, lost, lost_mark, read_jobs, run_block
from tinyeval.importers.heads import beginning, has_keys, head
from tinyeval.importers.objects import as_mapping, mapping
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import read_json
from tinyeval.importers.walk import files_below

FILES = r".+\.json"
INFO = ("user_info", "agent_info", "environment_info")
USUAL_AGENT, USUAL_USER = "llm_agent", "user_simulator"
ARGUMENTS = ("temperature", "reasoning_effort", "thinking", "top_p", "max_tokens")
"""Arguments of an agent's model that make it answer otherwise."""

NOT_RUN = "infrastructure_error"


class Tau2BenchImporter:
    """Reads results of runs, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept JSON whose info has agent_info, user_info and environment_info."""
        return sniff_below(path, FILES, _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the reward of each simulation."""
        missing = "found no results of a run with info, tasks and simulations here"
        files = files_of(paths, FILES, _why, missing)
        jobs = [SimulationsJob(one, options.rules, tuple(_beside(one))) for one in files]
        return read_jobs(jobs, options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind == "{" and found.has("info") and has_keys(head(path), *INFO):
        return f"info of an agent, a user and an environment ({path.name})"
    return ""


def _beside(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, size and time of the files of simulations beside a file of results."""
    for one in files_below(path.parent / "simulations", FILES):
        about = one.stat()
        yield one.name, about.st_size, about.st_mtime_ns


@dataclass(frozen=True)
class SimulationsJob(FileJob):
    """How the results of a run are read.

    Attributes:
        beside: name, size and time of files of simulations, which tell what was read of them.
    """

    beside: tuple[tuple[str, int, int], ...] = ()

    def read(self) -> Block:
        """Read the reward of each simulation."""
        content = as_mapping(read_json(self.path))
        info = mapping(content, "info")
        domain = mapping(info, "environment_info").get("domain_name")
        if not isinstance(domain, str) or not domain:
            raise DataError(f"{self.path}: expected a domain_name in info, found {domain!r:.60}")
        benchmark = f"tau2_{domain}"
        marks: dict[str, list[float]] = {}
        seen: set[object] = set()
        failed: list[str] = []
        for where, one in self._simulations(content):
            task, number = one.get("task_id"), one.get("id")
            if not isinstance(task, str | int) or (number is not None and number in seen):
                raise DataError(
                    f"{where}: expected a simulation with a task_id, each once, found task "
                    f"{task!r:.60}, id {number!r:.60}{' again' if number in seen else ''}"
                )
            seen.add(number)
            mark = self._reward(one, where)
            if mark is None:
                failed.append(f"{one.get('termination_reason') or 'no reward'}: {task}")
                mark = lost_mark(self.rules)
            marks.setdefault(f"{benchmark}/{task}", []).append(mark)
        tasks = content.get("tasks")
        size = len(tasks) if isinstance(tasks, list) else 0
        return run_block(
            self.path,
            _run(content, info),
            marks,
            self.rules,
            benchmark=benchmark,
            sizes={benchmark: size} if size else {},
            findings=lost(self.rules, "simulations did not run to a reward", failed),
        )

    def _simulations(self, content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield where a simulation is, and what it is."""
        listed = content.get("simulations")
        for k, one in enumerate(listed if isinstance(listed, list) else ()):
            yield f"{self.path}: simulation {k + 1}", as_mapping(one)
        if listed:
            return
        beside = list(files_below(self.path.parent / "simulations", FILES))
        if not beside and not isinstance(listed, list):
            raise DataError(
                f"{self.path}: has no simulations, and no folder 'simulations' lies beside it; "
                "copy that, too"
            )
        for path in beside:
            yield str(path), as_mapping(read_json(path))

    def _reward(self, one: Mapping[str, Any], where: str) -> float | None:
        reward = mapping(one, "reward_info").get("reward")
        if reward is None or one.get("termination_reason") == NOT_RUN:
            return None
        try:
            return parse_score(reward)
        except ValueError as error:
            raise DataError(f"{where}: the reward is no number but {error}") from error


def _run(content: Mapping[str, Any], info: Mapping[str, Any]) -> Run:
    """Return the run: its model, and what of agent, user and policy is not as usual."""
    agent, user = mapping(info, "agent_info"), mapping(info, "user_info")
    spoken = mapping(info, "audio_native_config")
    kind = str(agent.get("implementation") or "")
    model = str(agent.get("llm") or spoken.get("model") or kind or "tau2_bench")
    asked = mapping(agent, "llm_args")
    settings = {f"args.{key}": _text(asked[key]) for key in ARGUMENTS if asked.get(key)}
    settings["user"] = _text(user.get("llm"))
    usual = user.get("implementation") in (None, USUAL_USER)
    settings["simulator"] = "" if usual else _text(user["implementation"])
    settings["speech"] = _text(info.get("speech_complexity"))
    settings["retrieval"] = _text(info.get("retrieval_config"))
    policy = mapping(info, "environment_info").get("policy")
    if isinstance(policy, str):
        settings["policy"] = hashlib.sha256(policy.encode()).hexdigest()[:8]
    identity = {"agent": "" if kind in (USUAL_AGENT, model) else kind}
    return Run(model, identity, settings, str(content.get("timestamp") or "")[:19])


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value) if value is not None else ""
