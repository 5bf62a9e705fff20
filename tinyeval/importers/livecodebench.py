"""Results of LiveCodeBench: ``*_eval_all.json`` of a model, and the leaderboard's performances.

A file of a model has one list of graded samples a problem, which are trials.  The leaderboard's
``performances_*.json`` has one ``pass@1`` in percent for each model and problem, of as many samples
as its fractions need.  An item is ``livecodebench_<scenario>/<question>``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, named_by, sniff_below
from tinyeval.importers.harness import FileJob, models_block, read_jobs, run_block
from tinyeval.importers.heads import beginning, has_keys, head
from tinyeval.importers.parts import Job
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records, read_json

SCENARIOS = {
    "codegeneration": "codegeneration",
    "generation": "codegeneration",
    "selfrepair": "selfrepair",
    "repair": "selfrepair",
    "testoutputprediction": "testoutputprediction",
    "testgen": "testoutputprediction",
    "codeexecution": "codeexecution",
    "execution": "codeexecution",
}
"""What a part of a file's name says of the scenario."""

NAMED = re.compile(r"(Scenario\.)?[a-z]+_(?P<samples>\d+)_(?P<temperature>\d+(\.\d+)?)_eval_all")
METRIC = {"metric": "pass@1"}
ROUNDED = 5e-5
"""How far off a share may be of which the percentage was rounded to two digits."""

TEMPERATURE = 0.2
"""At which LiveCodeBench samples by default."""

MOST_SAMPLES = 100
"""Samples of a problem up to which a percentage is taken for a share of them."""


class LiveCodeBenchImporter:
    """Reads graded samples, performances, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept objects with question_id and graded_list, or performances with pass@1."""
        return sniff_below(path, r".+\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read how many samples of each problem pass."""
        missing = "found no *_eval_all.json and no performances of LiveCodeBench here"
        files = files_of(paths, r".+\.json", _why, missing)
        jobs: list[Job] = [
            PerformancesJob(one, options.rules)
            if beginning(one).has("performances")
            else GradedJob(one, options.rules)
            for one in files
        ]
        return read_jobs(jobs, options)


def _why(path: Path) -> str:
    found, text = beginning(path), ""
    if found.kind == "[":
        keys = ("question_id", "graded_list")
        text = head(path) if found.has("question_id") and found.is_cut() else ""
        if found.has(*keys) or (text and has_keys(text, *keys)):
            return f"problems with graded_list ({path.name})"
    elif found.has("performances") and has_keys(head(path), "question_id", "model", "pass@1"):
        return f"performances with question_id and pass@1 ({path.name})"
    return ""


def _benchmark(path: Path) -> str:
    words = re.split(r"[^a-z]+", path.stem.lower())
    found = next((SCENARIOS[one] for one in words if one in SCENARIOS), "")
    return f"livecodebench_{found}" if found else "livecodebench"


class GradedJob(FileJob):
    """How the graded samples of a model are read."""

    def read(self) -> Block:
        """Read whether each sample passes."""
        benchmark = _benchmark(self.path)
        marks: dict[str, list[float]] = {}
        for line, row in json_records(self.path):
            item, where = f"{benchmark}/{_problem(row)}", f"{self.path}:{line}"
            graded = row.get("graded_list")
            if not row.get("question_id"):
                raise DataError(f"{where}: expected a problem with a question_id")
            if not isinstance(graded, list) or not all(type(one) is bool for one in graded):
                raise DataError(
                    f"{where}: expected a graded_list of true and false, found {graded!r:.60}"
                )
            if item in marks:
                raise DataError(f"{where}: has a second answer to {item!r}; keep one of each")
            marks[item] = [float(one) for one in graded]
        named = NAMED.fullmatch(self.path.stem)
        usual = named is None or float(named["temperature"]) == TEMPERATURE
        settings = {"temperature": "" if usual or named is None else named["temperature"]}
        model = self.path.resolve().parent.name or self.path.stem
        return run_block(
            self.path,
            Run(model, {}, settings),
            marks,
            self.rules,
            benchmark=benchmark,
            chosen=METRIC,
            findings=(named_by(model),),
        )


def _problem(row: Mapping[str, Any]) -> str:
    """Return the id of a problem; a question has several tests whose output is to be told."""
    question = str(row.get("question_id"))
    if row.get("test_id") is not None:
        return f"{question}/{row['test_id']}"
    own = row.get("id")
    return f"{question}/{own}" if isinstance(own, str) and own else question


class PerformancesJob(FileJob):
    """How the performances of the leaderboard are read."""

    def read(self) -> Block:
        """Read pass@1 of each model on each problem."""
        content = read_json(self.path)
        rows = content.get("performances") if isinstance(content, dict) else None
        if not isinstance(rows, list) or not rows:
            raise DataError(f"{self.path}: expected a list of performances")
        shares: dict[str, dict[str, list[float]]] = {}
        for k, row in enumerate(rows):
            model, question, share = self._row(k, row)
            shares.setdefault(model, {}).setdefault(question, []).append(share)
        several = self._several(shares)
        benchmark, findings = _benchmark(self.path), []
        if several:
            what = "questions have several problems, which are told apart by their order"
            findings.append(Finding("guessed", what, len(several), tuple(several)))
        marks: dict[str, dict[str, list[float]]] = {}
        samples: dict[str, int] = {}
        for model, of in shares.items():
            n = samples[model] = _samples([one for each in of.values() for one in each])
            marks[model] = {
                f"{benchmark}/{question}/{k}"
                if question in several
                else f"{benchmark}/{question}": [share] * n
                for question, each in of.items()
                for k, share in enumerate(each)
            }
        repeated = [f"{model}: {n}" for model, n in samples.items() if n > 1]
        if repeated:
            what = "models have several samples of a problem, as many as their fractions need"
            findings.append(Finding("guessed", what, len(repeated), tuple(repeated)))
        return models_block(
            self.path, marks, self.rules, benchmark=benchmark, chosen=METRIC, findings=findings
        )

    def _row(self, k: int, row: object) -> tuple[str, str, float]:
        one = row if isinstance(row, dict) else {}
        try:
            share = parse_score(one.get("pass@1")) / 100
        except ValueError as error:
            raise DataError(
                f"{self.path}: pass@1 of row {k + 1} is no number but {error}"
            ) from error
        if not one.get("model") or not one.get("question_id") or not 0 <= share <= 1:
            raise DataError(
                f"{self.path}: expected model, question_id and pass@1 from 0 to 100 in row {k + 1} "
                f"of the performances, found {one!r:.100}"
            )
        return str(one["model"]), str(one["question_id"]), share

    def _several(self, shares: Mapping[str, Mapping[str, Sequence[float]]]) -> list[str]:
        """Return the questions with several problems, as many for each model."""
        numbers: dict[str, Counter[int]] = {}
        for of in shares.values():
            for question, each in of.items():
                numbers.setdefault(question, Counter())[len(each)] += 1
        unlike = [one for one, found in numbers.items() if len(found) > 1]
        if unlike:
            raise DataError(
                f"{self.path}: models have different numbers of problems of "
                f"{len(unlike)} question(s), so that they cannot be told apart: {examples(unlike)}"
            )
        return [one for one, found in numbers.items() if max(found) > 1]


def _samples(shares: Sequence[float]) -> int:
    """Return the smallest number of samples of which all shares are; 1 if there is none.

    >>> _samples([0.3, 1.0, 0.5]), _samples([0.0, 1.0]), _samples([0.3333, 0.6667])
    (10, 1, 3)
    """
    for n in range(1, MOST_SAMPLES + 1):
        if all(abs(one * n - round(one * n)) <= ROUNDED * n for one in set(shares)):
            return n
    return 1
