"""What HELM's run folders are of: scenario, its arguments, the model and its settings.

A run's name has its scenario, the scenario's arguments, and how it was run, in one row of
``key=value``; ``run_spec.json`` has the name with the model as it is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.block import Run
from tinyeval.importers.textfiles import read_json
from tinyeval.importers.walk import files_below

HOW = frozenset(
    {"model", "model_deployment", "tokenizer", "method", "data_augmentation", "groups", "prompt"}
    | {"max_train_instances", "max_eval_instances", "num_train_trials", "num_trials", "stop"}
    | {"num_outputs", "temperature", "max_tokens", "instructions", "global_prefix", "chatml"}
    | {"global_suffix", "eval_split", "num_prompt_tokens", "num_output_tokens", "output_format"}
    | {"output_format_instructions", "follow_format_instructions", "increase_temperature"}
    | {"increase_max_tokens", "process_output", "anthropic", "google", "openai", "num_threads"}
)
"""Arguments in a run's name that say how it was run, not what was asked."""

SETTINGS = {
    "method": "method",
    "max_train_instances": "n-shot",
    "temperature": "temperature",
    "num_outputs": "outputs",
    "model_deployment": "deployment",
}
"""Fields of ``adapter_spec`` that make scores incomparable, and what they are called here."""


@dataclass(frozen=True)
class RunFolder:
    """A run.

    Attributes:
        path: its file with the scores; None: there is none.
        name: of the run.
        scenario: what is asked, without arguments.
        task: the scenario with its arguments.
        run: the model and its settings.
        guessed: whether the model's name was made from the folder's.
    """

    path: Path | None
    name: str
    scenario: str
    task: str
    run: Run
    guessed: bool


def find_runs(path: Path) -> Iterator[RunFolder]:
    """Yield the runs at or below a path.

    Raises:
        DataError: a run whose model nothing tells, a damaged ``run_spec.json``.
    """
    if path.is_file():
        yield _describe(path.resolve().parent, path)
        return
    folders: dict[Path, set[str]] = {}
    for file in files_below(
        path, r"per_instance_stats\.json|display_predictions\.json|run_spec\.json"
    ):
        folders.setdefault(file.parent, set()).add(file.name)
    for folder, names in folders.items():
        for name in ("per_instance_stats.json", "display_predictions.json"):
            if name in names:
                yield _describe(folder, folder / name)
                break
        else:
            yield _describe(folder, None)


def parse_name(name: str) -> tuple[str, dict[str, str]]:
    """Return the scenario of a run's name, and its arguments.

    >>> parse_name("mmlu:subject=anatomy,model=openai_gpt-4o")
    ('mmlu', {'subject': 'anatomy', 'model': 'openai_gpt-4o'})
    """
    scenario, _, rest = name.partition(":")
    arguments: dict[str, str] = {}
    last = ""
    for piece in rest.split(",") if rest else ():
        key, equals, value = piece.partition("=")
        if equals:
            arguments[key] = value
            last = key
        elif last:  # a comma in a value
            arguments[last] += f",{piece}"
    return scenario, arguments


def _describe(folder: Path, path: Path | None) -> RunFolder:
    spec = _read_spec(folder / "run_spec.json")
    name = str(spec.get("name") or folder.resolve().name)
    scenario, arguments = parse_name(name)
    task_arguments = ",".join(f"{k}={v}" for k, v in arguments.items() if k not in HOW)
    adapter = spec.get("adapter_spec")
    adapter = adapter if isinstance(adapter, dict) else {}
    model, guessed = str(adapter.get("model") or ""), False
    if not model and arguments.get("model"):
        # HELM writes the slash of org/model as an underscore in names of folders.
        model, guessed = arguments["model"].replace("_", "/", 1), True
    if not model:
        raise DataError(
            f"{path or folder}: nothing tells the model: expected run_spec.json beside it, or a "
            "folder called like the run, which has model=NAME in it; copy the whole run folder"
        )
    task = f"{scenario}:{task_arguments}" if task_arguments else scenario
    run = Run(model, {}, _settings(adapter, model, arguments))
    return RunFolder(path, name, scenario, task, run, guessed)


def _read_spec(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    spec = read_json(path)
    if not isinstance(spec, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(spec).__name__}")
    return spec


def _settings(
    adapter: Mapping[str, Any], model: str, arguments: Mapping[str, str]
) -> dict[str, str]:
    known = {**arguments, **adapter}
    found = {}
    for key, name in SETTINGS.items():
        value = known.get(key)
        usual = value == model or (key == "num_outputs" and value == 1)
        if value is not None and not usual:
            found[name] = f"{value:g}" if isinstance(value, float) else str(value)
    return found
