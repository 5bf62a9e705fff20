"""Annotations of AlpacaEval: ``results/<model>/<annotator>/annotations.json``.

A preference lies between 1 and 2: 1 is a win of ``generator_1``, the baseline that all models are
compared with, 2 a win of ``generator_2``, the model.  The score is the model's win, preference - 1.
Instructions have no ids, so an item is a digest of data set and instruction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, sniff_below
from tinyeval.importers.harness import FileJob, read_jobs, run_block, scaled
from tinyeval.importers.heads import beginning
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records

KEYS = ("instruction", "generator_1", "generator_2", "preference")
SHOWN = 200
"""Characters of an instruction that stand in the items' table."""


class AlpacaEvalImporter:
    """Reads files of annotations, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept a list of objects with instruction, generator_1 and generator_2."""
        return sniff_below(path, r".+\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the model's win on each instruction."""
        missing = "found no annotations.json with generator_1 and generator_2 here"
        files = files_of(paths, r".+\.json", _why, missing)
        _check_direction(files)
        return read_jobs([AnnotationsJob(one, options.rules) for one in files], options)


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind == "[" and found.has(*KEYS):
        return f"preferences between generator_1 and generator_2 ({path.name})"
    return ""


def _check_direction(files: Sequence[Path]) -> None:
    """Refuse files in which the second generator is the one that all are compared with."""
    pairs = {path: beginning(path).members for path in files}
    first, second = ({str(one.get(key)) for one in pairs.values()} for key in KEYS[1:3])
    if len(second) == 1 < len(first):
        raise DataError(
            f"{files[0]}: all files compare with {examples(second)} as generator_2, expected the "
            "model there and the baseline as generator_1; make the annotations with the baseline "
            "as reference"
        )
    for path, members in pairs.items():
        folders = path.resolve().parts[-4:-1]
        if members.get("generator_1") in folders and members.get("generator_2") not in folders:
            raise DataError(
                f"{path}: lies in a folder of {members['generator_1']!r}, which is generator_1 "
                f"here; expected the model as generator_2, found {members['generator_2']!r}"
            )


@dataclass
class Annotations:
    """What a file says.

    Attributes:
        marks: item -> preferences.
        subject, text: item -> its data set, and its instruction.
        facts: generator_1, generator_2, annotator -> the one value of each.
        unjudged: items without a preference.
    """

    marks: dict[str, list[float]] = field(default_factory=dict)
    subject: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    unjudged: list[str] = field(default_factory=list)


class AnnotationsJob(FileJob):
    """How a file of annotations is read."""

    def read(self) -> Block:
        """Read all preferences."""
        found = Annotations()
        for line, row in json_records(self.path):
            self._add(found, row, f"{self.path}:{line}")
        facts = found.facts
        if not facts:
            raise DataError(f"{self.path}: holds no annotations")
        run = Run(
            facts["generator_2"],
            settings={"baseline": facts["generator_1"], "judge": facts.get("annotator", "")},
        )
        what = "answers have no preference, and are missing"
        unjudged = tuple(found.text[one] for one in found.unjudged[:3])
        missing = [Finding("missing", what, len(found.unjudged), unjudged)] if unjudged else []
        return run_block(
            self.path,
            run,
            found.marks,
            scaled(self.rules, 1, 2),
            benchmark="alpaca_eval",
            chosen={"metric": "preference"},
            higher=True,
            notes={"subject": found.subject, "instruction": found.text},
            findings=missing,
        )

    def _add(self, found: Annotations, row: Mapping[str, Any], where: str) -> None:
        for key in (*KEYS[1:3], "annotator"):
            value = str(row.get(key) or "")
            if key != "annotator" and not value:
                raise DataError(f"{where}: expected an annotation with {key}")
            if found.facts.setdefault(key, value) != value:
                raise DataError(
                    f"{where}: expected one {key} in a file, found {found.facts[key]!r} and "
                    f"{value!r}; write a file for each"
                )
        instruction, dataset = row.get("instruction"), str(row.get("dataset") or "")
        if not isinstance(instruction, str):
            raise DataError(f"{where}: expected an annotation with an instruction")
        digest = sha256(f"{dataset}\n{instruction}".encode(errors="replace")).hexdigest()[:16]
        item = f"alpaca_eval/{digest}"
        try:
            mark = parse_score(row.get("preference"))
        except ValueError as error:
            raise DataError(f"{where}: the preference is no number but {error}") from error
        if math.isnan(mark):
            found.unjudged.append(item)
        # older annotators wrote 0 where neither answer is better
        found.marks.setdefault(item, []).append(1.5 if mark == 0 else mark)
        found.subject[item] = dataset
        found.text[item] = " ".join(instruction.split())[:SHOWN]
