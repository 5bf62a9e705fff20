"""Marks of WildBench: ``eval_results/<version>/score.v2/eval=<judge>/<model>.json``.

A mark from 1 to 10 becomes 0 to 1.  An item is ``wildbench/<session>``.  Judgments of pairs
(``pairwise.v2``) are no scores of one model, and are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, leave_out, sniff_below
from tinyeval.importers.harness import FileJob, read_jobs, run_block, scaled
from tinyeval.importers.heads import beginning
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records

KEYS = ("session_id", "parsed_result", "model_test")
PAIRS = ("session_id", "parsed_result", "winner", "extent")
SCALED = "marks from 1 to 10 were turned into scores from 0 to 1"


class WildBenchImporter:
    """Reads files of marks, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept a list of objects with session_id, parsed_result and model_test."""
        return sniff_below(path, r".+\.json", _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read the mark of each session."""
        missing = "found no marks with session_id, parsed_result and model_test here"
        files = files_of(paths, r".+\.json", _why, missing)
        what = "files of judgments of pairs of models were left out"
        files, told = leave_out(files, _why_pairs, what)
        merged = read_jobs([MarksJob(one, options.rules) for one in files], options)
        return merged._replace(findings=(*told, *merged.findings))


def _why(path: Path) -> str:
    found = beginning(path)
    if found.kind == "[" and found.has(*KEYS):
        return f"marks with parsed_result and model_test ({path.name})"
    return _why_pairs(path)


def _why_pairs(path: Path) -> str:
    found = beginning(path)
    pairs = found.kind == "[" and found.has(*PAIRS) and not found.has("model_test")
    return f"judgments of pairs of models ({path.name})" if pairs else ""


class MarksJob(FileJob):
    """How the marks of a model are read."""

    def read(self) -> Block:
        """Read the mark of each session."""
        marks: dict[str, list[float]] = {}
        model, unread = "", []
        for line, row in json_records(self.path):
            where = f"{self.path}:{line}"
            found = str(row.get("model_test") or "")
            if "winner" in row and not found:
                raise DataError(
                    f"{self.path}: has judgments of pairs of models, which are no scores of one; "
                    "read those of score.v2"
                )
            if not found or not row.get("session_id") or model not in ("", found):
                raise DataError(
                    f"{where}: expected a session_id and one model_test in a file, found "
                    f"{row.get('session_id')!r:.60} and {found!r} (before: {model!r})"
                )
            model, item = found, f"wildbench/{row['session_id']}"
            mark = _mark(row, where)
            if math.isnan(mark):
                unread.append(item)
            marks.setdefault(item, []).append(mark)
        what = "marks could not be read, and are missing"
        told = [Finding("missing", what, len(unread), tuple(unread[:3]))] if unread else []
        if self.rules.scale is None:
            told.append(Finding("turned", SCALED, len(marks)))
        return run_block(
            self.path,
            Run(model or self.path.stem, settings=_settings(self.path)),
            marks,
            scaled(self.rules, 1, 10),
            benchmark="wildbench",
            chosen={"metric": "score"},
            findings=told,
        )


def _mark(row: Mapping[str, Any], where: str) -> float:
    parsed = row.get("parsed_result")
    value = row.get("score", parsed.get("score") if isinstance(parsed, dict) else None)
    try:
        return parse_score(value)
    except ValueError as error:
        raise DataError(f"{where}: the score is no number but {error}") from error


def _settings(path: Path) -> dict[str, str]:
    """Return judge and version, by which folders are called."""
    found = {}
    for one in path.resolve().parts[:-1]:
        if one.startswith("eval="):
            found["judge"] = one.removeprefix("eval=")
        elif re.fullmatch(r"v\d+\.\d+", one):
            found["version"] = one
    return found
