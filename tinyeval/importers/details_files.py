"""Where details lie, and which task and model they are of.

lighteval writes, with ``--save-details``,

    out/details/<model>/<date>/details_<task>_<date>.parquet
    out/results/<model>/results_<date>.json

and on the Hub, as the first Open LLM Leaderboard did,

    details_<org>__<model>/<date>/details_<task>_<date>.parquet
    details_<org>__<model>/results_<date>.json

where a task is ``harness|arc:challenge|25``, ``leaderboard|mmlu:anatomy|5`` or ``gsm8k|0``: suite,
name, and number of examples.  The Hub's own copies lie in ``harness_arc_challenge_25/latest/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.block import Run
from tinyeval.importers.details_table import count_rows
from tinyeval.importers.heads import has_keys, head
from tinyeval.importers.objects import mapping
from tinyeval.importers.textfiles import read_json
from tinyeval.importers.walk import files_below

_DATE = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?"
DETAILS = re.compile(rf"details_(?P<task>.+?)(?:_(?P<date>{_DATE}))?\.parquet")
RESULTS = re.compile(rf"results_(?P<date>{_DATE})\.json")
CONFIG = re.compile(r"(?:.*__)?harness_(?P<task>.+)_(?P<shots>\d+)(?:\.parquet)?")
REPOSITORY = re.compile(r"(?:.*--)?details_(?P<model>.+?)(?:_private)?")
SHARD = re.compile(r"(?:.+-)?\d{4,5}(?:-of-\d{5})?\.parquet")
SPLIT = re.compile(rf"{_DATE}|\d{{4}}_\d\d_\d\dT\d\d_.+|latest|train|partial-.+|.+-latest")


@dataclass(frozen=True)
class Task:
    """A task as files are called by it.

    Attributes:
        suite: where it was defined; empty: unknown.
        name: of it, with the part after a colon.
        shots: number of examples, as text; empty: unknown.
    """

    suite: str
    name: str
    shots: str

    @classmethod
    def parse(cls, text: str) -> Task:
        """Return the task of text such as ``harness|arc:challenge|25``.

        >>> Task.parse("leaderboard|mmlu:anatomy|5")
        Task(suite='leaderboard', name='mmlu:anatomy', shots='5')
        """
        pieces = text.split("|")
        numbers = [one for one in pieces[1:] if one.isdigit()]
        names = [one for one in pieces if one not in numbers] or pieces[:1]
        return cls(names[0] if len(names) > 1 else "", names[-1], numbers[0] if numbers else "")


@dataclass(frozen=True)
class DetailsFile:
    """The details of one task of one run.

    Attributes:
        path: the file.
        task: whose rows it has.
        run: of which it is.
        size: number of documents of the task, 0 where it is unknown.
        higher: metric -> whether higher is better, where the run says so.
        guessed: whether the model is called like a folder.
        start: number of the task's documents in the files before it, of which it is the sequel.
        limit: number of documents at which the run stopped (``--max-samples``); 0: at none.
    """

    path: Path
    task: Task
    run: Run
    size: int = 0
    higher: Mapping[str, bool] = field(default_factory=dict)
    guessed: bool = False
    start: int = 0
    limit: int = 0


def task_of(path: Path) -> Task | None:
    """Return the task that a file's name, or its folder's, tells; None: nothing does."""
    for name in (path.name, *reversed(path.resolve().parts[-3:-1])):
        config = CONFIG.fullmatch(name)
        if config:
            return Task("harness", config["task"], config["shots"])
    details = DETAILS.fullmatch(path.name)
    return Task.parse(details["task"]) if details else None


def details_below(path: Path, harness: bool) -> Iterator[Path]:
    """Yield the files of details at or below a path: of the suite ``harness``, or of others."""
    files = [one for one in files_below(path, r".+\.parquet") if _is_of(one, harness)]
    newest = {one.parent.parent for one in files if one.parent.name == "latest"}
    for one in files:
        # the Hub's copies of all runs lie beside that of the newest, which is among them
        if one.parent.name == "latest" or one.parent.parent not in newest:
            yield one


def _is_of(path: Path, harness: bool) -> bool:
    task = task_of(path)
    return task is not None and (task.suite == "harness") == harness


def is_results(path: Path) -> bool:
    """Say whether a file has lighteval's summary of a run."""
    return RESULTS.fullmatch(path.name) is not None and has_keys(head(path), "config_general")


def describe(paths: Iterable[Path]) -> list[DetailsFile]:
    """Return files with what is known of their runs.

    Raises:
        DataError: a damaged file with the results of a run.
    """
    results: dict[Path, Mapping[str, Any]] = {}
    rows: dict[Path, int] = {}
    found = []
    for path in paths:
        start = rows.get(path.parent, 0)
        if SHARD.fullmatch(path.name):
            rows[path.parent] = start + count_rows(path)
        found.append(replace(_describe(path, results), start=start))
    return found


def _describe(path: Path, results: dict[Path, Mapping[str, Any]]) -> DetailsFile:
    task, match = task_of(path), DETAILS.fullmatch(path.name)
    task = task or Task("", path.stem, "")
    date = (match and match["date"]) or ""
    model, known = _model_of_folders(path)
    said = _results_of(path, model, date, results) if date else {}
    general = mapping(said, "config_general")
    config = _config(said, task)
    named = str(general.get("model_name") or "").strip()
    identity = {"revision": _revision(general)}
    settings = {"n-shot": task.shots, "version": str(config.get("version") or "")}
    settings |= _sampling(mapping(general, "model_config"))
    return DetailsFile(
        path,
        task,
        Run(named or model, identity, settings, date),
        _count(config.get("original_num_docs")),
        _directions(config),
        not named and not known,
        limit=_count(general.get("max_samples")),
    )


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0


def _sampling(config: Mapping[str, Any]) -> dict[str, str]:
    """Return settings of a model's own that change its answers, where they are not the usual."""
    generation = mapping(config, "generation_parameters")
    found = {f"args.{name}": generation.get(name) for name in ("temperature", "top_p", "top_k")}
    found["args.system_prompt"] = config.get("system_prompt")
    return {name: str(value) for name, value in found.items() if value}


def _model_of_folders(path: Path) -> tuple[str, bool]:
    """Return the model that folders are called by, and whether that is certain."""
    parts = [one for one in path.resolve().parts[1:-1] if not SPLIT.fullmatch(one)]
    parts = [one for one in parts if not CONFIG.fullmatch(one)]
    for part in reversed(parts):
        repository = REPOSITORY.fullmatch(part)
        if repository:
            return repository["model"].replace("__", "/", 1), True
    if "details" in parts[:-1]:
        place = len(parts) - 1 - parts[::-1].index("details")
        return "/".join(parts[place + 1 :]), True
    last = parts[-1] if parts else path.stem
    return last.replace("__", "/", 1), False


def _results_of(
    path: Path, model: str, date: str, known: dict[Path, Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Return what the file with the results of a run says; nothing where it is not there."""
    folders = [path.parent, *path.resolve().parents[1:6]]
    names = [f"results_{date}.json", f"results/{model}/results_{date}.json"]
    for place in (folder / name for folder in folders for name in names):
        if place not in known and place.is_file():
            content = read_json(place)
            if not isinstance(content, dict):
                raise DataError(f"{place}: expected a JSON object, found {type(content).__name__}")
            known[place] = content
        if place in known:
            return known[place]
    return {}


def _config(said: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
    for key, config in mapping(said, "config_tasks").items():
        if Task.parse(key).name == task.name and isinstance(config, dict):
            return config
    return {}


def _directions(config: Mapping[str, Any]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    metrics = config.get("metrics", config.get("metric"))
    for one in metrics if isinstance(metrics, list) else ():
        if not isinstance(one, dict):
            continue
        name, higher = one.get("metric_name"), one.get("higher_is_better")
        if isinstance(name, str) and isinstance(higher, bool):
            found[name] = higher
        elif isinstance(higher, dict):
            found |= {str(k): v for k, v in higher.items() if isinstance(v, bool)}
    return found


def _revision(general: Mapping[str, Any]) -> str:
    config = mapping(general, "model_config")
    revision = str(config.get("revision") or "")
    return str(general.get("model_sha") or ("" if revision == "main" else revision))
