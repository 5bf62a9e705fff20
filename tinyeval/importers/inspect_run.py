"""Which model a log of Inspect AI is of, and what tells its run from others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tinyeval.importers.block import Run
from tinyeval.importers.inspect_log import Log
from tinyeval.importers.objects import mapping

MACHINE = frozenset(
    {"device", "batch_size", "max_connections", "api_key", "port", "timeout", "memoize"}
    | {"gpu_memory_utilization", "tensor_parallel_size", "data_parallel_size", "base_url"}
    | {"responses_api", "streaming", "background", "server_args", "max_retries", "custom_outputs"}
)
"""Arguments of a model that say where it runs, not what it is."""

GENERATION = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "reasoning_effort",
    "reasoning_tokens",
    "system_message",
)

LIMITS = ("message_limit", "token_limit", "turn_limit", "time_limit", "working_limit")

LONG = 40
"""Characters from which on a value is told by a digest."""


def find_run(log: Log) -> Run:
    """Return the run of a log: arguments of the model and the solver are its identity."""
    spec = log.spec
    return Run(str(spec["model"]), _identity(spec), _settings(log), str(spec.get("created") or ""))


def _identity(spec: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name: _text(value)
        for name, value in mapping(spec, "model_args").items()
        if name not in MACHINE
    }
    solver = str(spec.get("solver") or "")
    arguments = spec.get("solver_args_passed", spec.get("solver_args"))
    if solver and isinstance(arguments, dict) and arguments:
        solver += f"({', '.join(f'{k}={_text(v)}' for k, v in arguments.items())})"
    return {**found, "solver": solver}


def _settings(log: Log) -> dict[str, str]:
    spec = log.spec
    arguments = spec.get("task_args_passed", spec.get("task_args"))
    found = {
        name: _text(value)
        for name, value in (arguments.items() if isinstance(arguments, dict) else ())
    }
    generation = {
        **mapping(spec, "model_generate_config"),
        **mapping(mapping(log.header, "plan"), "config"),
    }
    found |= {name: _text(generation.get(name)) for name in GENERATION}
    found |= {name: _text(mapping(spec, "config").get(name)) for name in LIMITS}
    version = spec.get("task_version")
    return {**found, "version": "" if version in (0, "0", None) else str(version)}


def _text(value: object) -> str:
    """Return a value as text; empty where it is unknown or none."""
    if value is None or value == [] or value == {}:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    text = " ".join(text.split())
    if len(text) <= LONG:
        return text
    return f"{text[: LONG - 12]}...{sha256(text.encode(errors='replace')).hexdigest()[:8]}"
