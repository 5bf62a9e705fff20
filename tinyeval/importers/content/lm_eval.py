"""Content of items out of the samples files of lm-evaluation-harness.

Of each task a few runs are looked at.  Prompts that hold a chat template differ from model to
model: the conversation behind them is kept, which each model's own template takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.content.asked import Asked, logged_messages
from tinyeval.importers.content.choices import of_choices
from tinyeval.importers.content.conversation import Template
from tinyeval.importers.content.found import RUNS, Answer, Contents, first_fitting, spread
from tinyeval.importers.content.notes import Mode, Notes
from tinyeval.importers.content.written import of_one, of_written
from tinyeval.importers.lm_eval import SamplesJob
from tinyeval.importers.lm_eval_files import (
    SamplesFile,
    describe_files,
    find_samples,
    some_samples,
)
from tinyeval.importers.lm_eval_rows import read_rows
from tinyeval.importers.textfiles import read_json

MOST_FILES = 100
"""Runs of a task that are opened for items that the first ones do not settle."""


@dataclass(frozen=True)
class Seen:
    """How one run asked one item.

    Attributes:
        run: the model.
        asked: what it logged.
        mode: whether its prompt is plain, a conversation, or has a template that stays.
        context: what replaces the logged contexts: fields ``prompt``, ``prompts`` ...
    """

    run: str
    asked: Asked
    mode: Mode
    context: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What is equal for runs that asked alike: some templates trim what they are given."""
        plain = self.context
        if self.mode == Mode.CHAT:
            plain = json.loads(json.dumps(plain), object_hook=_trimmed)
        return json.dumps(plain, sort_keys=True)

    @property
    def length(self) -> int:
        """Characters of the context."""
        return len(json.dumps(self.context))


def lm_eval_content(paths: Sequence[Path], wanted: Mapping[str, str], options: Options) -> Contents:
    """Return the content of items.

    Args:
        paths: of the results.
        wanted: item -> hash of its document; empty where it is not known.
        options: by which the results were read.
    """
    notes, content = Notes(), dict[str, dict[str, Any]]()
    tasks = list(_by_task(paths, wanted, options))
    first = {path for files, _ in tasks for path in _some(files)}
    reader = _Reader(wanted, options.rules)
    described: dict[Path, SamplesFile] = {one.path: one for one in describe_files(sorted(first))}
    for files, items in tasks:
        some = [described[one] for one in _some(files)]
        others = (one for one in files[:MOST_FILES] if one not in first)
        found: dict[str, list[Seen]] = {one: [] for one in items}
        left: Collection[str] = items
        for batch in chain([some], (describe_files([one]) for one in others)):
            for file in batch:
                for item, seen in reader.read(file, left):
                    found[item].append(seen)
            settled = {one: _settled(one, found[one], notes) for one in left if found[one]}
            content |= {one: fields for one, fields in settled.items() if fields is not None}
            left = [one for one in left if one not in content]
            if not left:
                break
        notes.missing += [one for one in items if not content.get(one)]
    return Contents({one: content[one] for one in wanted if content.get(one)}, notes.findings())


def _some(files: Sequence[Path]) -> list[Path]:
    return [files[k] for k in spread(len(files), RUNS)]


def _trimmed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a context, or one of its messages, without white space around its texts."""

    def plain(one: Any) -> Any:
        if isinstance(one, list):
            return [plain(part) for part in one]
        return one.strip() if isinstance(one, str) else one

    return {name: plain(one) for name, one in fields.items()}


def _by_task(
    paths: Sequence[Path], wanted: Mapping[str, str], options: Options
) -> Iterator[tuple[list[Path], list[str]]]:
    """Yield the files of each task, and the items that they may hold."""
    tasks: dict[str, list[str]] = {}
    if options.item_key is None:
        for one in wanted:
            tasks.setdefault(one.rpartition("/")[0], []).append(one)
    files = some_samples(paths, tasks or None)
    if not files:  # of 2023: only the results files say what they are
        for file in find_samples(paths).files:
            files.setdefault(file.task, []).append(file.path)
    for task, of_task in files.items():
        if options.item_key is not None:
            yield of_task, list(wanted)
        elif task in tasks:
            yield of_task, tasks[task]


class _Reader:
    """Reads how runs asked items."""

    def __init__(self, wanted: Mapping[str, str], rules: Rules) -> None:
        self.wanted, self.rules = wanted, rules
        self.results: dict[Path, Mapping[str, Any]] = {}

    def read(self, file: SamplesFile, items: Collection[str]) -> Iterator[tuple[str, Seen]]:
        """Yield how a run asked items that are wanted."""
        job = SamplesJob.of(file, self.rules)
        rows = read_rows(file.path, file.task, self.rules.item_key, job.filters, set(items))
        if not rows:
            return
        filter_ = job.pick_filter(list(rows))
        metric = job.pick_metric(rows[filter_])
        settings = self._settings(file)
        config, template = _config(settings, file.task), _template(settings, file)
        chat = bool(settings.get("chat_template") or settings.get("chat_template_sha"))
        for row in rows[filter_]:
            known = self.wanted[row.item]
            changed = known and row.doc_hash and known != row.doc_hash
            if changed or not isinstance(row.logged.get("arguments"), (dict, list)):
                continue
            asked = Asked(row.logged, metric, filter_, job.mark(row, metric), config, chat)
            mode, context = _context(asked, template)
            yield row.item, Seen(file.run.model, asked, mode, context)

    def _settings(self, file: SamplesFile) -> Mapping[str, Any]:
        """Return the results file of a run; those of a few runs are kept for the next task."""
        path = file.results.path
        if path is None:
            return {}
        if path not in self.results:
            content = read_json(path)
            while len(self.results) >= RUNS:
                self.results.pop(next(iter(self.results)))
            self.results[path] = content if isinstance(content, dict) else {}
        return self.results[path]


def _config(settings: Mapping[str, Any], task: str) -> dict[str, Any]:
    configs = settings.get("configs")
    found = configs.get(task) if isinstance(configs, dict) else None
    return found if isinstance(found, dict) else {}


def _template(settings: Mapping[str, Any], file: SamplesFile) -> Template | None:
    """Return the chat template of a run, with what it is given."""
    text = settings.get("chat_template")
    if not isinstance(text, str) or not text:
        return None
    tokens = {
        f"{name}_token": str(found[0])
        for name in ("bos", "eos", "pad")
        if isinstance(found := settings.get(f"tokenizer_{name}_token"), list) and found[:1]
    }
    thinking = file.run.settings.get("thinking", "")
    given = {"enable_thinking": thinking == "True"} if thinking else {}
    shots, date = settings.get("n-shot"), settings.get("date")
    n = shots.get(file.task) if isinstance(shots, dict) else 0
    date = date if isinstance(date, float) and 0 < date < 1e11 else 0.0
    described = _config(settings, file.task).get("description")
    system = bool(settings.get("system_instruction") or described)
    return Template(text, tokens, given, n if type(n) is int else 0, system, date)


def _context(asked: Asked, template: Template | None) -> tuple[Mode, dict[str, Any]]:
    """Return the contexts of an item as they are kept."""
    contexts = [one[0] for one in asked.requests]
    different = list({json.dumps(one): one for one in contexts}.values())
    sent = [logged_messages(one) for one in different]
    if not asked.chat and all(one is None for one in sent):
        return Mode.PLAIN, _as_fields(contexts)
    if all(one is None for one in sent) and template is not None:
        sent = [template.conversation(one) for one in different if isinstance(one, str)]
    talks = [one for one in sent if one is not None]
    if len(talks) < len(different) or not talks:
        return Mode.RAW, {**_as_fields(contexts), "raw": True}
    alone = all([one["role"] for one in talk] == ["user"] for talk in talks)
    if len(talks) == 1:
        (talk,) = talks
        own = {"prompt": talk[0]["content"]} if alone else {"messages": talk}
        return Mode.CHAT, {**own, "chat": True}
    if not alone or len(different) < len(contexts):
        return Mode.RAW, {**_as_fields(contexts), "raw": True}
    return Mode.CHAT, {"prompts": [talk[0]["content"] for talk in talks], "chat": True}


def _as_fields(contexts: Sequence[Any]) -> dict[str, Any]:
    alike = all(one == contexts[0] for one in contexts)
    return {"prompt": contexts[0]} if alike and contexts else {"prompts": list(contexts)}


def _settled(item: str, seen: Sequence[Seen], notes: Notes) -> dict[str, Any] | None:
    """Return an item's content as most runs asked it; None where more runs may say more."""
    better = [one for one in seen if one.mode != Mode.RAW] or seen
    kept = _most(_most(better, lambda one: one.mode, Mode.PLAIN), lambda one: one.key, None)
    kept = sorted(kept, key=lambda one: -one.length)  # what nothing was trimmed of
    order = [kept[0], *(one for one in seen if one is not kept[0])]
    candidates, answers = _candidates([one.asked for one in order])
    if not candidates:
        return None if answers else {}
    metric = kept[0].asked.metric
    own = f"{metric} as {item.rpartition('/')[0] or 'its task'} defines it"
    try:
        fields = first_fitting([_with(one, kept[0]) for one in candidates], answers, own)
    except DataError:  # spoilt: it counts as missing
        return {}
    notes.add(item, kept[0].run, kept[0].mode, [one.mode for one in seen], len(kept), fields)
    return fields


def _candidates(runs: Sequence[Asked]) -> tuple[list[dict[str, Any]], list[Answer]]:
    if runs[0].writes:
        return of_written(runs)
    return of_choices(runs) if len(runs[0].requests) > 1 else of_one(runs[0])


def _most(seen: Sequence[Seen], key: Callable[[Seen], Any], preferred: Any) -> list[Seen]:
    """Return those that have what most have; of equally many, the preferred or the first."""
    groups: dict[Any, list[Seen]] = {}
    for one in seen:
        groups.setdefault(key(one), []).append(one)
    return max(groups.items(), key=lambda pair: (len(pair[1]), pair[0] == preferred))[1]


def _with(fields: Mapping[str, Any], seen: Seen) -> dict[str, Any]:
    """Return content with the contexts as they are kept, in place of those logged."""
    rest = {name: one for name, one in fields.items() if name not in ("prompt", "prompts")}
    return {**seen.context, **rest}
