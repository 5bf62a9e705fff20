"""Outputs of MMLU-Pro: ``eval_results/model_outputs_<model>_<n>shots.json``.

An answer is right where ``pred`` is ``answer``.  Where no answer was found in the text, MMLU-Pro
itself guesses one at random; here it counts as wrong.  An item is ``mmlu_pro/<question>``, its
subject the category.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import FileJob, read_jobs, run_block
from tinyeval.importers.heads import beginning
from tinyeval.importers.textfiles import json_records

KEYS = ("question_id", "options", "answer", "category", "pred")
NAMED = re.compile(r"(model_outputs_)?(?P<model>.+?)_(?P<shots>\d+)_?shots?(\..*)?")
SHOTS = "5"
"""Number of examples that MMLU-Pro gives by default."""


class MmluProImporter:
    """Reads files of outputs, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept a list of objects with question_id, options, answer, category and pred."""
        return sniff_below(path, r".+\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read whether each answer is right."""
        missing = "found no model_outputs_*.json with answer and pred here"
        files = files_of(paths, r".+\.json", _why, missing)
        return read_jobs([OutputsJob(one, options.rules) for one in files], options)


def _why(path: Path) -> str:
    found = beginning(path)
    known = found.kind == "[" and found.has(*KEYS)
    return f"questions with answer and pred ({path.name})" if known else ""


class OutputsJob(FileJob):
    """How the outputs of a model are read."""

    def read(self) -> Block:
        """Compare every answer that was found with the right one."""
        marks: dict[str, list[float]] = {}
        subject: dict[str, str] = {}
        unread: list[str] = []
        for line, row in json_records(self.path):
            question, answer, pred = (row.get(one) for one in ("question_id", "answer", "pred"))
            item = f"mmlu_pro/{question}"
            if question in (None, "") or not isinstance(answer, str) or item in marks:
                raise DataError(
                    f"{self.path}:{line}: expected a question with its id and answer, each once, "
                    f"found {question!r:.60} and {answer!r:.60}"
                )
            if not pred:
                unread.append(item)
            marks[item] = [float(bool(pred) and pred == answer)]
            subject[item] = str(row.get("category") or "")
        what = "outputs name no answer, and count as wrong (MMLU-Pro guesses one at random)"
        told = [Finding("guessed", what, len(unread), tuple(unread[:3]))] if unread else []
        run = _run(self.path)
        return run_block(
            self.path,
            run,
            marks,
            self.rules,
            benchmark="mmlu_pro",
            notes={"subject": subject},
            findings=[named_by(run.model), *told],
        )


def _run(path: Path) -> Run:
    """Return the run by which a file is called; files of categories lie in a folder of a model."""
    named = NAMED.fullmatch(path.stem)
    if named is None:
        category = path.stem.endswith("_result")
        return Run((path.resolve().parent.name if category else path.stem) or path.stem)
    shots = named["shots"]
    return Run(named["model"], settings={"n-shot": "" if shots == SHOTS else shots})
