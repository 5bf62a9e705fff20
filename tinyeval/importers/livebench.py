"""Judgments of LiveBench: lines of ``ground_truth_judgment.jsonl``.

A line is the mark of one model on one question, from 0 to 1.  An item is the question, its
benchmark the category, its subject the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged
from tinyeval.importers.find import files_of, sniff_below
from tinyeval.importers.harness import FileJob, models_block, read_jobs
from tinyeval.importers.heads import beginning
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records

KEYS = ("question_id", "task", "model", "score", "tstamp", "category")


class LiveBenchImporter:
    """Reads files of judgments, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept lines with question_id, task, model, score, tstamp and category."""
        return sniff_below(path, r".+\.jsonl", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the mark of each model on each question."""
        missing = "found no ground_truth_judgment.jsonl here"
        files = files_of(paths, r".+\.jsonl", _why, missing)
        return read_jobs([JudgmentsJob(one, options.rules) for one in files], options)


def _why(path: Path) -> str:
    found = beginning(path)
    lines = path.suffix.lower() == ".jsonl" and found.kind == "{" and found.has(*KEYS)
    return f"judgments with question_id, task and category ({path.name})" if lines else ""


class JudgmentsJob(FileJob):
    """How a file of judgments is read."""

    def read(self) -> Block:
        """Read its lines; of several for one model and question the last judged counts."""
        times: dict[tuple[str, str], float] = {}
        marks: dict[str, dict[str, list[float]]] = {}
        benchmark: dict[str, str] = {}
        subject: dict[str, str] = {}
        again: list[str] = []
        for line, row in json_records(self.path):
            question, model, score, time = self._row(row, f"{self.path}:{line}")
            if (model, question) in times:
                again.append(f"{model}: {question}")
                if times[model, question] > time:
                    continue
            times[model, question] = time
            marks.setdefault(model, {})[question] = [score]
            benchmark.setdefault(question, f"livebench_{row['category']}")
            subject.setdefault(question, str(row["task"]))
        what = "questions were judged again for a model; their last judgments were read"
        findings = [Finding("dropped", what, len(again), tuple(again[:3]))] if again else []
        return models_block(
            self.path,
            marks,
            self.rules,
            benchmark=benchmark,
            notes={"subject": subject},
            findings=findings,
        )

    def _row(self, row: Mapping[str, Any], where: str) -> tuple[str, str, float, float]:
        missing = [one for one in KEYS if row.get(one) in (None, "") and one != "score"]
        if missing:
            raise DataError(f"{where}: expected a judgment with {examples(missing, 6)}")
        try:
            score, time = parse_score(row.get("score")), parse_score(row["tstamp"])
        except ValueError as error:
            raise DataError(f"{where}: expected a score and a time, found {error}") from error
        return str(row["question_id"]), str(row["model"]), score, time
