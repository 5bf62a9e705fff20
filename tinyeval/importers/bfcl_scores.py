"""A file of BFCL's scores: how many answers are right, which are wrong, and how all are called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tinyeval.errors import DataError, examples
from tinyeval.importers.textfiles import json_records

CATEGORY = re.compile(r"(?:BFCL_v\d+_)?(?P<category>.+)_score")
NUMBERED = re.compile(r"(?P<stem>.+_)(?P<number>\d+)")
MOST = 1_000_000
"""Answers of a category that a file may tell of."""

SEVERAL = re.compile(r"live_.+|memory.*|web_search.*|format_sensitivity")
"""Categories whose ids have more parts than one number."""


@dataclass(frozen=True)
class Scores:
    """What a file says.

    Attributes:
        path: the file.
        category: of the answers.
        total: number of answers.
        wrong: ids of the wrong ones.
        model: that answered; empty where no line says so.
    """

    path: Path
    category: str
    total: int
    wrong: frozenset[str]
    model: str


def read_scores(path: Path) -> Scores:
    """Read a file of scores.

    Raises:
        DataError: counts and lines that do not agree; lines of several models or categories.
    """
    records = json_records(path)
    _, first = next(records, (0, {}))
    total, right = first.get("total_count"), first.get("correct_count")
    if not isinstance(total, int) or not isinstance(right, int) or not 0 <= right <= total <= MOST:
        raise DataError(
            f"{path}: expected correct_count and total_count in the first line, found "
            f"{right!r:.40} and {total!r:.40}"
        )
    rows = [row for _, row in records]
    if any(row.get("valid") is True for row in rows):
        raise DataError(f"{path}: lists answers that are valid, expected the wrong ones alone")
    wrong = [str(row.get("id")) for row in rows]
    if any("id" not in row for row in rows) or len(set(wrong)) < len(wrong):
        raise DataError(f"{path}: expected a line with an id for each wrong answer, each once")
    if len(wrong) != total - right:
        raise DataError(
            f"{path}: the first line tells of {total - right} wrong answers of {total}, but "
            f"{len(wrong)} follow; if the file was cut off, copy it again"
        )
    named = CATEGORY.fullmatch(path.stem)
    categories = {str(row["test_category"]) for row in rows if row.get("test_category")}
    models = {str(row["model_name"]) for row in rows if row.get("model_name")}
    if len(models) > 1 or len(categories) > 1:
        found = examples(sorted(models if len(models) > 1 else categories))
        raise DataError(f"{path}: expected answers of one model and one category, found {found}")
    category = next(iter(categories), named["category"] if named else path.stem)
    return Scores(path, category, total, frozenset(wrong), next(iter(models), ""))


def all_ids(scores: Scores, known: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of all answers of a file.

    Args:
        scores: the file.
        known: ids of its category that some model got wrong.

    Raises:
        DataError: they are not known, or the file has others.
    """
    ids, source = tuple(sorted(known)), "the files read together"
    if len(ids) != scores.total:
        ids, source = _results(scores), "its results"
    if not ids:
        ids, source = _numbered(scores), "numbers from 0"
    if not ids:
        raise DataError(_unknown(scores))
    strange = sorted(scores.wrong - set(ids))
    if strange or len(ids) != scores.total:
        raise DataError(
            f"{scores.path}: has {scores.total} answers, but {len(ids)} ids are known from "
            f"{source}, and {len(strange)} wrong answers are not among them"
            f"{': ' if strange else ''}{examples(strange)}"
        )
    return ids


def _results(scores: Scores) -> tuple[str, ...]:
    """Return the ids in ``result/<model>/..._result.json``, if it lies beside ``score/``."""
    path = scores.path.resolve()
    parts = list(path.parts)
    places = [k for k, one in enumerate(parts[:-1]) if one == "score"]
    if not places:
        return ()
    parts[places[-1]] = "result"
    beside = Path(*parts[:-1], path.name.replace("_score.json", "_result.json"))
    if not beside.is_file():
        return ()
    return tuple(dict.fromkeys(str(row.get("id")) for _, row in json_records(beside)))


def _numbered(scores: Scores) -> tuple[str, ...]:
    """Return ids that are the category and a number, if the wrong answers are called so."""
    if SEVERAL.fullmatch(scores.category):
        return ()
    found = [NUMBERED.fullmatch(one) for one in scores.wrong]
    stems = {one["stem"] for one in found if one} or {f"{scores.category}_"}
    if None in found or len(stems) > 1:
        return ()
    stem = stems.pop()
    return tuple(f"{stem}{k}" for k in range(scores.total))


def _unknown(scores: Scores) -> str:
    n = scores.total - len(scores.wrong)
    shown = examples(sorted(scores.wrong), 1) or repr(scores.category)
    return (
        f"{scores.path}: lists its {len(scores.wrong)} wrong answers only, and the ids of the {n} "
        f"right ones do not follow from them ({shown} is no plain number); keep the folder "
        "result/ of the same run beside score/, which has all ids"
    )
