"""What a results file of lm-evaluation-harness says of its run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.objects import mapping
from tinyeval.importers.textfiles import read_json

MODEL_ARGUMENTS = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Arguments that name a model, in the harness's own order."""

IDENTITY_ARGUMENTS = frozenset(
    {"revision", "subfolder", "load_in_4bit", "load_in_8bit", "quantization", "autogptq"}
    | {"gptqmodel", "gguf_file", "lora_local_path", "steer_path", *MODEL_ARGUMENTS}
)
"""Arguments that make another model."""

HOW_IT_RUNS = frozenset(
    {"batch_size", "max_batch_size", "device", "device_map", "device_map_option", "parallelize"}
    | {"tensor_parallel_size", "data_parallel_size", "pipeline_parallel_size", "max_memory"}
    | {"max_memory_per_gpu", "max_cpu_memory", "offload_folder", "gpu_memory_utilization"}
    | {"swap_space", "low_cpu_mem_usage", "trust_remote_code", "use_fast_tokenizer", "cache_dir"}
    | {"download_dir", "base_url", "api_key", "token", "num_concurrent", "max_retries", "timeout"}
    | {"tokenizer_backend", "tokenized_requests", "eos_string", "verify_certificate", "seed"}
    | {"attn_implementation", "enforce_eager", "logits_cache", "max_num_seqs", "disable_log_stats"}
)
"""Arguments that change where and how fast a model runs, not what it answers."""

DEFAULT_REVISIONS = frozenset({"", "main", "None"})


@dataclass(frozen=True)
class Results:
    """A results file; what it does not say is empty.

    Attributes:
        path: the file; None: there is none.
        model: the model's name.
        arguments: of the model, as one text, where they are text.
        identity: facts that make another model: revision, adapter, quantisation ...
        commit: of the model's repository; tells runs of a branch apart.
        settings: task -> settings that make scores comparable.
        sizes: task -> number of documents of the whole task.
        limited: whether the run was told to take only some documents.
        higher: task -> metric -> whether higher is better.
        filters: task -> names of its filters, in order.
        groups: task -> the group whose score the harness reports, where it has one.
        tasks: those with results.
        date: of the run, where the file says it.
    """

    path: Path | None = None
    model: str = ""
    arguments: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    limited: bool = False
    higher: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    date: str = ""


def read_run(path: Path) -> Results:
    """Read a results file, or raise :class:`DataError`; what has another shape is unknown."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(content).__name__}")
    config = mapping(content, "config")
    arguments = _arguments(config.get("model_args"))
    named = (arguments.get(one) for one in MODEL_ARGUMENTS)
    given, groups = config.get("model_args"), mapping(content, "group_subtasks")
    scores = mapping(content, "results")
    places = ("versions", "n-shot", "configs", "n-samples")
    tasks = dict.fromkeys(task for place in places for task in mapping(content, place))
    return Results(
        path,
        str(content.get("model_name") or next(filter(None, named), "")).strip(),
        given if isinstance(given, str) else "",
        _identity(arguments, config),
        str(config.get("model_sha") or "")[:8],
        {task: _settings(task, content, arguments) for task in tasks},
        _sizes(content),
        bool(config.get("limit")),
        {task: _known_bools(one) for task, one in mapping(content, "higher_is_better").items()},
        {task: _filters(one) for task, one in scores.items() if isinstance(one, dict)},
        _groups(content),
        tuple(one for one in mapping(content, "configs") if one not in groups),
        _date(content.get("date")),
    )


def _arguments(given: object) -> dict[str, str]:
    """Read ``pretrained=org/model,revision=main`` or a mapping of the same."""
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items() if value is not None}
    pairs = (part.partition("=") for part in given.split(",")) if isinstance(given, str) else ()
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _identity(arguments: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, str]:
    revision = arguments.get("revision") or str(config.get("model_revision") or "")
    base = arguments.get("pretrained", "") if arguments.keys() & {"peft", "delta"} else ""
    few_bits = [
        name
        for name, on in (("4bit", "load_in_4bit"), ("8bit", "load_in_8bit"))
        if arguments.get(on, "").lower() in ("true", "1")
    ]
    kinds = ("quantization", "autogptq", "gptqmodel", "gguf_file")
    few_bits += [arguments[one] for one in kinds if arguments.get(one, "False") != "False"]
    return {
        "revision": "" if revision in DEFAULT_REVISIONS else revision,
        "subfolder": arguments.get("subfolder", ""),
        "base": base,
        "adapter": arguments.get("peft") or arguments.get("lora_local_path", ""),
        "delta": arguments.get("delta", ""),
        "steering": arguments.get("steer_path", ""),
        "quantisation": "+".join(few_bits),
    }


def _settings(
    task: str, content: Mapping[str, Any], arguments: Mapping[str, str]
) -> dict[str, str]:
    config = mapping(content, "config")
    template = content.get("chat_template_sha") or ""
    shots = mapping(content, "n-shot").get(task)
    generation = config.get("gen_kwargs") or ""
    if isinstance(generation, dict):
        generation = " ".join(f"{name}={value}" for name, value in sorted(generation.items()))
    named = IDENTITY_ARGUMENTS | HOW_IT_RUNS | {"dtype", "enable_thinking"}
    found = {
        "n-shot": "" if shots is None else str(shots),
        "version": str(mapping(content, "versions").get(task) or ""),
        "chat template": "yes" if template else "",
        "template": str(template)[:8],
        "system prompt": str(content.get("system_instruction_sha") or "")[:8],
        "multiturn": "yes" if content.get("fewshot_as_multiturn") else "",
        "generation": str(generation),
        "thinking": arguments.get("enable_thinking", ""),
        "dtype": arguments.get("dtype", ""),
        **{f"args.{name}": arguments[name] for name in sorted(arguments.keys() - named)},
    }
    return {name: value for name, value in found.items() if value}


def _sizes(content: Mapping[str, Any]) -> dict[str, int]:
    return {
        task: size["original"]
        for task, size in mapping(content, "n-samples").items()
        if isinstance(size, dict) and isinstance(size.get("original"), int)
    }


def _known_bools(values: object) -> dict[str, bool]:
    known = values.items() if isinstance(values, dict) else ()
    return {str(name): value for name, value in known if isinstance(value, bool)}


def _filters(scores: Mapping[str, object]) -> tuple[str, ...]:
    """Return the filters of results such as ``exact_match,strict-match``, in order."""
    keys = (key.partition(",") for key in scores if "_stderr" not in key)
    return tuple(dict.fromkeys(name for _, comma, name in keys if comma))


def _groups(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the outermost group with a score of its own, of each task that is in one."""
    scored = {
        group
        for group, scores in mapping(content, "groups").items()
        if isinstance(scores, dict)
        and any("," in key and isinstance(value, (int, float)) for key, value in scores.items())
    }
    parents: dict[str, list[str]] = {}
    for group, children in mapping(content, "group_subtasks").items():
        for child in children if isinstance(children, list) else ():
            parents.setdefault(str(child), []).append(group)
    found = {}
    for task in (one for one in parents if one not in mapping(content, "group_subtasks")):
        above = [group for group in _ancestors(task, parents) if group in scored]
        tops = [one for one in above if not set(_ancestors(one, parents)) & set(above)]
        if len(tops) == 1:
            found[task] = tops[0]
    return found


def _ancestors(one: str, parents: Mapping[str, list[str]]) -> list[str]:
    found: dict[str, None] = {}
    waiting = list(parents.get(one, ()))
    while waiting:
        above = waiting.pop()
        if above not in found:
            found[above] = None
            waiting += parents.get(above, ())
    return list(found)


def _date(value: object) -> str:
    """Return a date as the names of files have it."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1e11:
        return ""
    return re.sub(":", "-", datetime.fromtimestamp(value, UTC).isoformat()[:26])
