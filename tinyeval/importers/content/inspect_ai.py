"""Content of items out of logs of Inspect AI, which hold every conversation.

Kept is the conversation up to the answer, as it was sent, and the scorer as the metric.  Of
``choice`` the answer is a letter that the model writes; that is what is asked and compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.content.found import RUNS, Answer, Contents, first_fitting, spread
from tinyeval.importers.content.notes import Mode, Notes
from tinyeval.importers.inspect_ai import logs_in
from tinyeval.importers.inspect_log import Log, read_header, read_log, whole_samples
from tinyeval.importers.inspect_scores import Marks
from tinyeval.importers.objects import mapping

LETTER = {"function": "regex", "regex_pattern": r"(?i)ANSWER\s*:\s*\(?([A-Z])\b"}
"""What the solver ``multiple_choice`` has the model write."""

MOST_TOKENS = 2048
"""Inspect's own limit of an answer where none is set."""


def inspect_content(paths: Sequence[Path], wanted: Mapping[str, str], options: Options) -> Contents:
    """Return the content of items.

    Args:
        paths: of the logs.
        wanted: item -> hash of its input; empty where it is not known.
        options: by which the logs were read.
    """
    notes, content = Notes(templates=False), {}
    for task, files in _by_task(paths).items():
        items = [one for one in wanted if one.rpartition("/")[0] == task]
        if not items:
            continue
        seen: dict[str, list[tuple[str, dict[str, Any], Answer | None]]] = {}
        for path in [files[k] for k in spread(len(files), RUNS)]:
            for item, model, fields, answer in _read(path, task, items, wanted, options):
                seen.setdefault(item, []).append((model, fields, answer))
        for item, runs in seen.items():
            keys = [json.dumps(fields["messages"], sort_keys=True) for _, fields, _ in runs]
            k = keys.index(max(keys, key=keys.count))
            own = f"{runs[k][1]['metric']} as {task} defines it"
            answers = [one for _, _, one in runs if one is not None]
            try:
                content[item] = _short(first_fitting([runs[k][1]], answers, own))
            except DataError:  # spoilt: it counts as missing
                continue
            alike, modes = keys.count(keys[k]), [Mode.CHAT] * len(keys)
            notes.add(item, runs[k][0], Mode.CHAT, modes, alike, content[item])
    notes.missing += [one for one in wanted if one not in content]
    return Contents({one: content[one] for one in wanted if one in content}, notes.findings())


def _by_task(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Return the logs of each task: those of whole runs, or all where there are none."""
    found: dict[str, list[Log]] = {}
    for path in logs_in(paths):
        log = read_header(path)
        found.setdefault(str(log.spec.get("task")), []).append(log)
    whole = {task: [one for one in logs if one.status == "success"] for task, logs in found.items()}
    return {task: [one.path for one in whole[task] or logs] for task, logs in found.items()}


def _read(
    path: Path, task: str, items: Sequence[str], wanted: Mapping[str, str], options: Options
) -> Iterator[tuple[str, str, dict[str, Any], Answer | None]]:
    """Yield item, model, content and answer of a log's samples."""
    log = read_log(path)
    marks = Marks(log)
    if not marks.any:
        return
    metric = options.rules.metric.pick(task, list(marks.by_metric), str(path))
    ids = {one.removeprefix(f"{task}/") for one in items}
    for sample in whole_samples(log, ids):
        one, epoch = str(sample["id"]), sample.get("epoch", 1)
        item, hash_ = f"{task}/{one}", marks.hashes.get(one, "")
        messages = _asked(sample)
        if not messages or (wanted[item] and hash_ and wanted[item] != hash_):
            continue
        mark, text = marks.by_metric[metric].get((one, epoch)), _written(sample)
        known = mark is not None and mark == mark and text is not None
        answer = Answer(str(text), float(mark)) if known and mark is not None else None
        yield item, str(log.spec["model"]), _fields(log, sample, messages, metric), answer


def _asked(sample: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the conversation up to the answer; nothing where there is none of texts alone."""
    found: list[dict[str, str]] = []
    listed = sample.get("messages")
    for message in listed if isinstance(listed, list) else ():
        if not isinstance(message, dict) or message.get("role") not in ("system", "user"):
            generated = isinstance(message, dict) and message.get("source") == "generate"
            if generated or not isinstance(message, dict) or message.get("role") != "assistant":
                break
        text = _text(message.get("content"), sample)
        if text is None:
            return []
        found.append({"role": str(message["role"]), "content": text})
    return found if found and found[-1]["role"] == "user" else []


def _text(content: object, sample: Mapping[str, Any]) -> str | None:
    if isinstance(content, list):
        parts = [
            one["text"] if isinstance(one, dict) and isinstance(one.get("text"), str) else None
            for one in content
        ]
        if not parts or any(one is None for one in parts):
            return None  # an image, or a sound
        content = "\n".join(one for one in parts if one is not None)
    if not isinstance(content, str):
        return None
    for start in ("attachment://", "tc://"):
        if content.startswith(start):
            found = mapping(sample, "attachments").get(content.removeprefix(start))
            return found if isinstance(found, str) else None
    return content


def _written(sample: Mapping[str, Any]) -> str | None:
    """Return the answer; None where there is none, or several turns were taken."""
    listed = mapping(sample, "output").get("choices")
    choice = listed[0] if isinstance(listed, list) and listed else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return _text(message.get("content"), sample) if isinstance(message, dict) else None


def _fields(
    log: Log, sample: Mapping[str, Any], messages: list[dict[str, str]], metric: str
) -> dict[str, Any]:
    fields: dict[str, Any] = {"messages": messages, "chat": True, "gold": sample.get("target")}
    config = {**mapping(log.spec, "model_generate_config"), **_generation(log)}
    fields["stop"] = [one for one in config.get("stop_seqs") or () if isinstance(one, str) and one]
    most = config.get("max_tokens")
    fields["max_tokens"] = most if type(most) is int and most > 0 else MOST_TOKENS
    turns = [one for one in sample["messages"] if one.get("role") in ("assistant", "tool")]
    if len(turns) > 1 + sum(one["role"] == "assistant" for one in messages):
        return {**fields, "metric": f"{metric} of several turns"}
    if metric == "choice":
        if any(mapping(one, "params").get("shuffle") for one in _steps(log)):
            return {**fields, "metric": "choice among shuffled answers"}
        match = {"ignore_case": True}
        return {**fields, "metric": "exact_match", "filters": [LETTER], "match": match}
    return {**fields, "metric": metric, "match": _scorer(log, metric)}


def _steps(log: Log) -> list[Mapping[str, Any]]:
    found = mapping(log.header, "plan").get("steps")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _generation(log: Log) -> dict[str, Any]:
    found = dict(mapping(mapping(log.header, "plan"), "config"))
    for one in _steps(log):
        params = mapping(one, "params")
        found |= {name: params[name] for name in ("max_tokens", "stop_seqs") if name in params}
    return found


def _scorer(log: Log, metric: str) -> dict[str, Any]:
    """Return the options of a scorer."""
    listed = mapping(log.header, "results").get("scores")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("name") == metric:
            return dict(mapping(one, "params"))
    return {}


def _short(fields: dict[str, Any]) -> dict[str, Any]:
    """Return content with a conversation of one message as a prompt, and no empty options."""
    if [one["role"] for one in fields["messages"]] == ["user"]:
        fields = {"prompt": fields["messages"][0]["content"], **fields}
        del fields["messages"]
    return {name: one for name, one in fields.items() if name != "match" or one}
