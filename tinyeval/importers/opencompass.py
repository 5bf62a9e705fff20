"""Results of OpenCompass: ``outputs/default/<time>/results/<model>/<dataset>.json``.

The answers are in ``details``: objects by number with ``correct``, or, in newer versions, a list
with ``example_abbr`` and lists over repeated runs (``n``), which are trials.  A data set is a
benchmark, an item ``dataset/number``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Block, Merged, Run
from tinyeval.importers.harness import read_jobs, run_block
from tinyeval.importers.heads import has_keys, head
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import read_json
from tinyeval.importers.walk import files_below

TIME = re.compile(r"\d{8}_\d{6}")
ROWS = ("origin_prediction", "predictions", "references", "example_abbr", "pred", "answer")
NO_METRICS = frozenset(
    {*ROWS, "answers", "gold", "label", "prediction", "prompt", "reference"}
    | {"idx", "index", "id", "subdivision", "length"}
)
"""What details say of an answer that is no mark, though it may be a number."""

DERIVED = re.compile(r"m?G-Pass@.+")
"""Marks that OpenCompass computes from how many of the repeated runs are correct."""


class OpenCompassImporter:
    """Reads files of results, folders of results, and whole outputs."""

    def sniff(self, path: Path) -> str:
        """Accept a file with details, or a folder that has results/MODEL/DATASET.json."""
        if path.is_file():
            return f"details of answers ({path.name})" if _has_details(path) else ""
        found = next((one for one in files_below(path, r".+\.json") if _is_placed(one)), None)
        return "" if found is None else f"results/{found.parent.name}/{found.name}"

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one mark of each answer, ``correct`` where there is no other."""
        files: dict[Path, None] = {}
        for path in paths:
            found = [path] if path.is_file() else _results_below(path)
            if not found:
                raise DataError(
                    f"{path}: found no results/MODEL/DATASET.json; what is in predictions/ has no "
                    "scores: evaluate it with --mode eval"
                )
            files |= dict.fromkeys(found)
        return read_jobs([_job(one, options.rules) for one in files], options)


def _is_placed(path: Path) -> bool:
    """Say whether a file lies as results do, beside folders that OpenCompass makes."""
    folder = path.parent.parent
    if folder.name != "results":
        return False
    beside = ("predictions", "configs", "summary", "logs")
    return _has_details(path) or any((folder.parent / one).is_dir() for one in beside)


def _results_below(path: Path) -> list[Path]:
    files = list(files_below(path, r".+\.json"))
    placed = [one for one in files if _is_placed(one)]
    return placed or [one for one in files if _has_details(one)]


def _has_details(path: Path) -> bool:
    text = head(path) if path.suffix == ".json" else ""
    start = re.search(r'"details"\s*:\s*[\[{]', text)
    rows = text[start.end() :] if start else ""
    return any(has_keys(rows, one) for one in ROWS)


def _job(path: Path, rules: Rules) -> ResultsJob:
    folder = path.resolve().parent
    time = next((one for one in reversed(folder.parts) if TIME.fullmatch(one)), "")
    return ResultsJob(path, path.stem, Run(folder.name or path.stem, date=time), rules)


@dataclass(frozen=True)
class ResultsJob:
    """How a file of results is read.

    Attributes:
        path: the file.
        dataset: whose answers it has.
        run: of which it is.
        rules: of the import.
    """

    path: Path
    dataset: str
    run: Run
    rules: Rules

    def read(self) -> Block:
        """Read the marks of all answers."""
        rows = dict(_rows(self.path, self._details()))
        kinds = {name: None for row in rows.values() for name in row if name not in NO_METRICS}
        names = [name for name in kinds if any(_is_marks(row.get(name)) for row in rows.values())]
        if not names:
            raise DataError(self._without_marks(list(kinds)))
        own = [name for name in names if not DERIVED.fullmatch(name)]
        asked = {*self.rules.metric.bare, *self.rules.metric.by_task.values()} & set(names)
        names = own if own and not asked else names
        metric = self.rules.metric.pick(self.dataset, names, str(self.path))
        marks = {
            f"{self.dataset}/{one}": self._marks(one, row, metric) for one, row in rows.items()
        }
        return run_block(
            self.path,
            self.run,
            marks,
            self.rules,
            benchmark=self.dataset,
            chosen={"metric": metric},
        )

    def _details(self) -> object:
        content = read_json(self.path)
        if not isinstance(content, dict):
            raise DataError(f"{self.path}: expected an object with details of answers")
        if "details" not in content:
            keys = examples(content, 6)
            raise DataError(
                f"{self.path}: has scores of the whole data set only ({keys}), no details of "
                "single answers; run opencompass with --dump-eval-details"
            )
        return content["details"]

    def _without_marks(self, names: Sequence[str]) -> str:
        return (
            f"{self.path}: its details have no mark such as 'correct', only {examples(names, 8)}: "
            "the evaluator of this data set marks all answers at once, so nothing tells which are "
            "right; use an evaluator that gives details, or make a table of your own marks"
        )

    def _marks(self, one: str, row: Mapping[str, Any], metric: str) -> list[float]:
        value = row.get(metric)
        values = value if isinstance(value, list) else [value]
        try:
            marks = [parse_score(mark) for mark in values] or [math.nan]
        except ValueError as error:
            raise DataError(
                f"{self.path}: {metric!r} of answer {one!r} is no number but {error}"
            ) from error
        # without example_abbr, several marks are of the parts of one answer, not of repeated runs
        return marks if "example_abbr" in row else [sum(marks) / len(marks)]


def _rows(path: Path, details: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name of each answer and what is said of it."""
    if isinstance(details, dict):  # beside answers there is "type": "GEN" or "PPL"
        pairs = [(str(k), v) for k, v in details.items() if isinstance(v, dict)]
    elif isinstance(details, list):
        pairs = [
            (str(one.get("example_abbr", k)) if isinstance(one, dict) else str(k), one)
            for k, one in enumerate(details)
        ]
    else:
        pairs = []
    if not pairs or not all(isinstance(one, dict) for _, one in pairs):
        raise DataError(f"{path}: expected details of answers, found {str(details)[:40]!r}")
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise DataError(f"{path}: its details have two answers of one name: {examples(names)}")
    yield from pairs


def _is_marks(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(one, (bool, int, float)) for one in values)
