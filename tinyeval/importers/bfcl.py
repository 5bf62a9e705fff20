"""Scores of the Berkeley Function Calling Leaderboard: ``score/<model>/BFCL_v3_*_score.json``.

These are lines of JSON, whatever the name says: first how many answers of a category are right,
then the wrong ones alone.  Who passed follows where all ids are known: where they are numbered
(``simple_0`` to ``simple_399``), where ``result/<model>/`` beside ``score/`` has all answers, or
where all models together fail at every item.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyeval.importers.base import Options, Rules
from tinyeval.importers.bfcl_scores import Scores, all_ids, read_scores
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import read_jobs, run_block
from tinyeval.importers.heads import beginning

FILES = r"(BFCL_.+|[a-z_]+)_score\.json"


class BfclImporter:
    """Reads files of scores, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept JSON whose first object has accuracy, correct_count and total_count."""
        return sniff_below(path, FILES, _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read which answers of each category are right."""
        missing = "found no BFCL_*_score.json here"
        files = files_of(paths, FILES, _why, missing)
        scores = [read_scores(one) for one in files]
        wrong: dict[str, set[str]] = {}
        for one in scores:
            wrong.setdefault(one.category, set()).update(one.wrong)
        jobs = []
        for one in scores:
            ids = all_ids(one, wrong[one.category])
            name, told = _model(one)
            jobs.append(ScoresJob(one.path, Run(name), told, ids, options.rules))
        return read_jobs(jobs, options)


def _why(path: Path) -> str:
    found = beginning(path)
    counted = found.kind == "{" and found.has("accuracy", "correct_count", "total_count")
    if counted and type(found.members["total_count"]) is int and not found.has("details"):
        return f"accuracy, correct_count and total_count in the first line ({path.name})"
    return ""


def _model(scores: Scores) -> tuple[str, bool]:
    """Return what the model is called, and whether only a folder says so."""
    if scores.model:
        return scores.model, False
    folders = scores.path.resolve().parts[:-1]
    after = [k + 1 for k, one in enumerate(folders) if re.fullmatch(r"score(_.*)?", one)]
    return (folders[after[-1]] if after and after[-1] < len(folders) else folders[-1]), True


@dataclass(frozen=True)
class ScoresJob:
    """How a file of scores is read.

    Attributes:
        path: the file.
        run: of which it is.
        guessed: whether the model is called as a folder is.
        ids: of all answers.
        rules: of the import.
    """

    path: Path
    run: Run
    guessed: bool
    ids: tuple[str, ...]
    rules: Rules

    def read(self) -> Block:
        """Mark what is not among the wrong answers as right."""
        scores = read_scores(self.path)
        benchmark = f"bfcl_{scores.category}"
        told = [named_by(self.run.model)] if self.guessed else []
        if scores.total > len(scores.wrong):
            what = "files list wrong answers only; all others count as right"
            told.append(Finding("guessed", what, 1, (self.path.name,)))
        return run_block(
            self.path,
            self.run,
            {one: [float(one not in scores.wrong)] for one in self.ids},
            self.rules,
            benchmark=benchmark,
            sizes={benchmark: scores.total},
            findings=told,
        )
