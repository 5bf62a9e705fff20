"""Results of ZeroEval: a list of answers with session_id, chat_history, output and generator.

What ``result_dirs`` hold are answers and what they should be, and nothing tells whether they are
right: they are refused.  Files whose rows have a mark of their own (``correct``, ``matched``,
``solved``), as those that an evaluation has gone over, are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import FileJob, read_jobs, run_block
from tinyeval.importers.heads import beginning
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records

KEYS = ("session_id", "chat_history", "output", "generator")
MARKS = ("correct", "is_correct", "matched", "solved")


class ZeroEvalImporter:
    """Reads answers that have a mark, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept a list of objects with session_id, chat_history, output and generator."""
        return sniff_below(path, r".+\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the mark of each answer."""
        missing = "found no answers with session_id, chat_history and generator here"
        files = files_of(paths, r".+\.json", _why, missing)
        return read_jobs([AnswersJob(one, options.rules) for one in files], options)


def _why(path: Path) -> str:
    found = beginning(path)
    known = found.kind == "[" and found.has(*KEYS)
    return f"answers with chat_history and generator ({path.name})" if known else ""


class AnswersJob(FileJob):
    """How the answers of a model are read."""

    def read(self) -> Block:
        """Read one mark of each answer."""
        rows = [(f"{self.path}:{line}", row) for line, row in json_records(self.path)]
        sets, models = (
            {str(row.get(key) or "") for _, row in rows} for key in ("dataset", "generator")
        )
        if len(sets) > 1 or len(models) > 1:
            found = examples(sorted(sets if len(sets) > 1 else models))
            raise DataError(f"{self.path}: expected one model and one data set, found {found}")
        dataset = "".join(sets) or self.path.resolve().parent.name
        names = [one for one in MARKS if any(one in row for _, row in rows)]
        if not names:
            raise DataError(self._without_marks(rows[0][1] if rows else {}, len(rows)))
        metric = self.rules.metric.pick(dataset, names, str(self.path))
        marks: dict[str, list[float]] = {}
        for where, row in rows:
            marks.setdefault(_item(dataset, row, where), []).append(_mark(row, metric, where))
        model = "".join(models)
        told: list[Finding] = [] if model else [named_by(self.path.stem)]
        return run_block(
            self.path,
            Run(model or self.path.stem, settings=_settings(rows[0][1])),
            marks,
            self.rules,
            benchmark=dataset,
            chosen={"metric": metric},
            findings=told,
        )

    def _without_marks(self, row: Mapping[str, Any], n: int) -> str:
        gold = " and what they should be ('answer')" if "answer" in row else ""
        return (
            f"{self.path}: has {n} answers{gold}, but no mark that tells which are right "
            f"({examples(MARKS, 4)}); evaluate them with ZeroEval and add its marks, or make a "
            "table of your own"
        )


def _item(dataset: str, row: Mapping[str, Any], where: str) -> str:
    name = row.get("id", row.get("session_id"))
    if name in (None, ""):
        raise DataError(f"{where}: expected an answer with an id or a session_id")
    return f"{dataset}/{name}"


def _mark(row: Mapping[str, Any], metric: str, where: str) -> float:
    try:
        return parse_score(row.get(metric))
    except ValueError as error:
        raise DataError(f"{where}: {metric!r} is no number but {error}") from error


def _settings(row: Mapping[str, Any]) -> dict[str, str]:
    configs = row.get("configs")
    temperature = configs.get("temperature") if isinstance(configs, dict) else None
    return {"temperature": str(temperature)} if temperature else {}
