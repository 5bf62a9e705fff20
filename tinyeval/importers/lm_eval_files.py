"""Where lm-evaluation-harness puts its files, and which of them belong together.

``--output_path out --log_samples`` writes, for every run,

    out/<model name, made safe for a file system>/results_<date>.json
    out/<model name, made safe for a file system>/samples_<task>_<date>.jsonl

and never removes older runs.  The true model name stands only in the results file of that date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.textfiles import read_json

_DATE = r"(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)"
SAMPLES = re.compile(rf"^samples_(?P<task>.+)_{_DATE}(?:\.[^.]+)?\.jsonl$")
RESULTS = re.compile(rf"^.+_{_DATE}\.json$")


@dataclass(frozen=True)
class Run:
    """What a results file says of its run; all of it may be unknown.

    Attributes:
        model: the model's name.
        sizes: task -> number of documents of the whole task.
        settings: (task, setting) -> value, of the settings that make scores comparable.
    """

    model: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class SamplesFile:
    """One task of one model in one run."""

    path: Path
    task: str
    date: str
    model: str
    run: Run


def find_samples(path: Path) -> list[SamplesFile]:
    """Return the samples files at ``path``, the newest of each model and task in a folder.

    Args:
        path: a samples file, a model's folder, or a folder of such folders.

    Raises:
        DataError: none is there.
    """
    if path.is_file():
        if path.suffix != ".jsonl":
            raise DataError(
                f"{path}: expected a samples_*.jsonl file or a folder with some; a results file "
                "has no scores of single items"
            )
        return _describe([path])
    by_folder: dict[Path, list[Path]] = {}
    for file in sorted(path.rglob("samples_*.jsonl")):
        by_folder.setdefault(file.parent, []).append(file)
    if not by_folder:
        raise DataError(
            f"{path}: found no samples_*.jsonl in this folder; run lm-evaluation-harness with "
            "--log_samples"
        )
    newest: list[SamplesFile] = []
    for files in by_folder.values():
        described = sorted(_describe(files), key=lambda one: one.date)
        newest += {(one.model, one.task): one for one in described}.values()
    return sorted(newest, key=lambda one: one.path)


def _describe(files: list[Path]) -> list[SamplesFile]:
    """Describe samples files of one folder with the help of the results files beside them."""
    folder = files[0].parent
    runs = {
        match["date"]: _read_run(file)
        for file in sorted(folder.glob("*.json"))
        if (match := RESULTS.match(file.name))
    }
    names = {run.model for run in runs.values() if run.model}
    fallback = names.pop() if len(names) == 1 else folder.resolve().name or files[0].stem
    described = []
    for file in files:
        match = SAMPLES.match(file.name)
        task = match["task"] if match else file.stem.removeprefix("samples_")
        date = match["date"] if match else ""
        run = runs.get(date, Run())
        described.append(SamplesFile(file, task, date, run.model or fallback, run))
    return described


def _read_run(path: Path) -> Run:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(content).__name__}")
    settings = {
        (task, name): str(value)
        for key, name in (("versions", "version"), ("n-shot", "n-shot"))
        for task, value in _mapping(content, key).items()
    }
    template = str(content.get("chat_template_sha"))
    settings |= {(task, "chat template"): template for task in _mapping(content, "versions")}
    sizes = {
        task: size["original"]
        for task, size in _mapping(content, "n-samples").items()
        if isinstance(size, dict) and isinstance(size.get("original"), int)
    }
    return Run(str(content.get("model_name") or ""), sizes, settings)


def _mapping(content: Mapping[str, object], key: str) -> dict[str, object]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}
