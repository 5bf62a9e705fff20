"""How a file of details is read: one metric of one task, an item for each document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinyeval.errors import examples
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Block, Finding, Run
from tinyeval.importers.details_table import Details, read_details
from tinyeval.importers.harness import run_block
from tinyeval.importers.usual import pick_usual


@dataclass(frozen=True)
class DetailsJob:
    """How a file is read.

    Attributes:
        path: the file.
        task: names its items.
        benchmark: that the task is of.
        run: of which it is.
        rules: of the import.
        usual: the metric that the leaderboard defines for the task; empty: there is none.
        size: number of documents of the task, 0 where it is unknown.
        higher: metric -> whether higher is better, where the run says so.
        guessed: whether the model is called like a folder.
        start: number of the task's documents in the files before it, of which it is the sequel.
    """

    path: Path
    task: str
    benchmark: str
    run: Run
    rules: Rules
    usual: str = ""
    size: int = 0
    higher: Mapping[str, bool] = field(default_factory=dict)
    guessed: bool = False
    start: int = 0

    def read(self) -> Block:
        """Read one metric."""
        details = read_details(self.path)
        metric = self._pick(details)
        findings = []
        if self.guessed:
            what = "models are called like the folders that their files lie in"
            findings.append(Finding("guessed", what, 1, (self.run.model,)))
        names = details.ids
        if names and len(set(names)) < len(names):
            names = []
            what = "tasks have one id for several documents; these are named by their rows"
            findings.append(Finding("guessed", what, 1, (self.task,)))
        names = names or [str(self.start + row) for row in range(len(details.hashes))]
        items = [f"{self.task}/{one}" for one in names]
        marks = details.marks[metric]
        return run_block(
            self.path,
            self.run,
            {item: [mark] for item, mark in zip(items, marks, strict=True)},
            self.rules,
            benchmark=self.benchmark,
            chosen={"metric": metric},
            higher=self.higher.get(metric),
            notes={
                "subject": dict.fromkeys(items, self.task),
                "hash": dict(zip(items, details.hashes, strict=True)),
            },
            sizes={self.task: self.size} if self.size else {},
            findings=findings,
        )

    def _pick(self, details: Details) -> str:
        names = [name for name, marks in details.marks.items() if any(m == m for m in marks)]
        note = ""
        if details.several:
            listed = examples(details.several, 20)
            note = f" (not to be read, as they hold several numbers per item: {listed})"
        choice = self.rules.metric
        return pick_usual(
            choice, self.task, names, self.usual, str(self.path), note, self.benchmark
        )
