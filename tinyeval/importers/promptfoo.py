"""Results of promptfoo: ``promptfoo eval --output results.json``, or ``.jsonl``.

Each result is of one provider, one prompt and one test.  A provider with a prompt is a model; an
item is a test, called by its number and told by its variables and assertions; results of one test
that was repeated are trials.  Read are ``success``, ``score``, and the named scores.  A result
whose provider failed (``failureReason`` 2) is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Merged
from tinyeval.importers.find import files_of, sniff_below
from tinyeval.importers.harness import FileJob, lost, lost_mark, models_block, read_jobs
from tinyeval.importers.heads import beginning, has_keys, head
from tinyeval.importers.objects import as_mapping, mapping
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records, read_json

FILES = r".+\.jsonl?"
BENCHMARK = "promptfoo"
ERROR = 2
"""``failureReason`` of a result that no assertion has seen."""

Marks = dict[str, dict[str, list[float]]]
"""Model -> test -> marks."""


class PromptfooImporter:
    """Reads files of results, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept results with provider, prompt, vars and success."""
        return sniff_below(path, FILES, _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one mark of each result."""
        missing = "found no results with provider, prompt, vars and success here"
        files = files_of(paths, FILES, _why, missing)
        return read_jobs([ResultsJob(one, options.rules) for one in files], options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind != "{":
        return ""
    whole = (found.has("evalId") or found.has("version")) and found.has("results")
    text = head(path)
    if whole and has_keys(text, "provider") and ('"prompts"' in text or '"testCase"' in text):
        return f"results of prompts and providers ({path.name})"
    if has_keys(text[: text.find("\n")], "promptIdx", "testIdx", "provider"):
        return f"lines with promptIdx, testIdx and provider ({path.name})"
    return ""


@dataclass
class Results:
    """What a file has.

    Attributes:
        marks: metric -> model -> test -> marks.
        hashes: test -> digest of what it asks.
        failed: tests whose provider failed.
    """

    marks: dict[str, Marks] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


class ResultsJob(FileJob):
    """How a file of results is read."""

    def read(self) -> Block:
        """Read one metric."""
        found = self._results()
        names = list(found.marks)
        if found.marks.get("score") == found.marks.get("success"):
            names = [one for one in names if one != "score"]
        metric = self.rules.metric.pick(BENCHMARK, names, str(self.path))
        items = {test: f"{BENCHMARK}/{test}" for test in found.hashes}
        return models_block(
            self.path,
            {
                model: {items[test]: marks for test, marks in tests.items()}
                for model, tests in found.marks[metric].items()
            },
            self.rules,
            benchmark=BENCHMARK,
            chosen={"metric": metric},
            notes={"hash": {items[test]: digest for test, digest in found.hashes.items()}},
            findings=lost(self.rules, "results have an error of their provider", found.failed),
        )

    def _results(self) -> Results:
        found = Results()
        rows = list(self._rows())
        if not rows:
            raise DataError(f"{self.path}: holds no results of single tests")
        prompts = {_prompt(row) for _, row in rows}
        numbers: dict[str, str] = {}
        for where, row in rows:
            digest = _digest(row)
            test = numbers.setdefault(digest, str(row.get("testIdx", len(numbers))))
            found.hashes[test] = digest
            model = _model(row, where, named=len(prompts) > 1)
            error = _is_lost(row)
            if error:
                found.failed.append(test)
            for name, mark in self._marks(row, where):
                tests = found.marks.setdefault(name, {}).setdefault(model, {})
                tests.setdefault(test, []).append(lost_mark(self.rules) if error else mark)
        return found

    def _rows(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        if self.path.suffix == ".jsonl":
            for line, row in json_records(self.path):
                yield f"{self.path}:{line}", row
            return
        content = as_mapping(read_json(self.path))
        listed = content.get("results")
        if isinstance(listed, dict):
            listed = listed.get("results")
        if not isinstance(listed, list):
            raise DataError(f"{self.path}: expected a list of results, found {listed!r:.60}")
        for k, row in enumerate(listed):
            yield f"{self.path}: result {k + 1}", as_mapping(row)

    def _marks(self, row: Mapping[str, Any], where: str) -> Iterator[tuple[str, float]]:
        named = mapping(row, "namedScores")
        pairs = [("success", row.get("success")), ("score", row.get("score")), *named.items()]
        for name, value in pairs:
            if value is None and name != "success":
                continue
            try:
                yield name, parse_score(value)
            except ValueError as error:
                raise DataError(f"{where}: {name!r} is no number but {error}") from error


def _model(row: Mapping[str, Any], where: str, named: bool) -> str:
    """Return provider and, where a file has several, prompt."""
    provider = row.get("provider")
    about = as_mapping(provider)
    name = provider if isinstance(provider, str) else about.get("label") or about.get("id")
    if not isinstance(name, str) or not name:
        raise DataError(f"{where}: expected a result with a provider, found {provider!r:.60}")
    return f"{name} [prompt={_prompt(row)}]" if named else name


def _is_lost(row: Mapping[str, Any]) -> bool:
    """Say whether the provider failed; files of old versions have its error in the response."""
    reason = row.get("failureReason")
    return reason == ERROR or (reason is None and bool(mapping(row, "response").get("error")))


def _prompt(row: Mapping[str, Any]) -> str:
    """Return what tells a result's prompt from others: its label where that is short, or number."""
    prompt = row.get("prompt")
    label = as_mapping(prompt).get("label") or as_mapping(prompt).get("display")
    short = isinstance(label, str) and len(label) <= 40 and "\n" not in label
    return str(label) if short else str(row.get("promptIdx", ""))


def _digest(row: Mapping[str, Any]) -> str:
    """Return a digest of a test: its variables, what it asserts, and what else is said of it."""
    case = mapping(row, "testCase")
    said = [row.get("vars") or case.get("vars")]
    said += [case.get(name) for name in ("description", "assert", "metadata")]
    text = json.dumps(said, sort_keys=True, default=str)
    return sha256(text.encode(errors="replace")).hexdigest()
