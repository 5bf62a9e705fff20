"""Judgments of MT-Bench: lines of ``model_judgment/gpt-4_single.jsonl``.

A line is the mark, from 1 to 10, of one model on one turn of a question; it becomes 0 to 1, and -1,
a judgment that could not be read, is missing.  An item is ``mt_bench/<question>/<turn>``, its
subject the turn.  ``--filter`` chooses the judge where there are several.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged
from tinyeval.importers.find import files_of, leave_out, sniff_below
from tinyeval.importers.harness import FileJob, models_block, read_jobs, scaled
from tinyeval.importers.heads import beginning
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records

KEYS = ("question_id", "model", "judge", "score", "turn")
PAIRS = ("question_id", "model_1", "model_2", "judge")
SCALED = "marks from 1 to 10 were turned into scores from 0 to 1"


class MtBenchImporter:
    """Reads files of judgments, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept lines with question_id, model, judge, score and turn."""
        return sniff_below(path, r".+\.jsonl", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the mark of each model on each turn."""
        files = files_of(paths, r".+\.jsonl", _why, "found no judgments such as gpt-4_single.jsonl")
        what = "files of judgments of pairs of models were left out"
        files, told = leave_out(files, _why_pairs, what)
        merged = read_jobs([JudgmentsJob(one, options.rules) for one in files], options)
        return merged._replace(findings=(*told, *merged.findings))


def _why(path: Path) -> str:
    found = beginning(path)
    if path.suffix.lower() != ".jsonl" or found.kind != "{":
        return ""
    if found.has(*KEYS):
        return f"judgments with judge, score and turn ({path.name})"
    return _why_pairs(path)


def _why_pairs(path: Path) -> str:
    found = beginning(path).has(*PAIRS)
    return f"judgments of pairs of models ({path.name})" if found else ""


class JudgmentsJob(FileJob):
    """How a file of judgments is read."""

    def read(self) -> Block:
        """Read the marks that one judge gave."""
        rows = [(f"{self.path}:{line}", row) for line, row in json_records(self.path)]
        judges = list(dict.fromkeys(self._judge(row, where) for where, row in rows))
        judge = self.rules.filter.pick("mt_bench", judges, str(self.path))
        marks: dict[str, dict[str, list[float]]] = {}
        subject: dict[str, str] = {}
        unread: list[str] = []
        for where, row in rows:
            if self._judge(row, where) != judge:
                continue
            model, turn = str(row["model"]), str(row["turn"])
            item, mark = f"mt_bench/{row['question_id']}/{turn}", _mark(row, where)
            if math.isnan(mark):
                unread.append(f"{model}: {item}")
            marks.setdefault(model, {}).setdefault(item, []).append(mark)
            subject[item] = f"turn {turn}"
        what = "judgments could not be read, and are missing"
        told = [Finding("missing", what, len(unread), tuple(unread[:3]))] if unread else []
        if self.rules.scale is None:
            told.append(Finding("turned", SCALED, len(rows)))
        return models_block(
            self.path,
            marks,
            scaled(self.rules, 1, 10),
            benchmark="mt_bench",
            chosen={"metric": "score", "filter": judge},
            notes={"subject": subject},
            findings=told,
        )

    def _judge(self, row: Mapping[str, Any], where: str) -> str:
        if "model_1" in row:
            raise DataError(
                f"{self.path}: has judgments of pairs of models, which are no scores of one; read "
                "the judgments of single answers (gen_judgment.py --mode single)"
            )
        missing = [one for one in KEYS if row.get(one) in (None, "") and one != "score"]
        if missing:
            raise DataError(f"{where}: expected a judgment with {examples(missing, 5)}")
        judge = row["judge"]
        return str(judge[0] if isinstance(judge, list) and judge else judge)


def _mark(row: Mapping[str, Any], where: str) -> float:
    try:
        mark = parse_score(row.get("score"))
    except ValueError as error:
        raise DataError(f"{where}: the score is no number but {error}") from error
    return math.nan if mark == -1 else mark
