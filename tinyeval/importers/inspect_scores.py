"""Scores of Inspect AI's samples: scorer -> sample -> the marks of its epochs.

A score's value is ``C``, ``I``, ``P`` or ``N``, a number, true or false, text of these, or several
by name, which are then metrics ``scorer/name``.  NaN marks a sample that the scorer passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.inspect_log import Log
from tinyeval.importers.objects import mapping
from tinyeval.importers.rawtable import parse_score

GRADES = {"c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0, "yes": 1.0, "no": 0.0}
"""Correct, incorrect, partial, no answer: what Inspect's own metrics make of them."""

PLACEHOLDER = "88F74D2C"
"""The scorer's name in logs of versions that did not know it yet."""

COMPARED = 500
"""Characters of a sample's input that are compared; summaries cut long ones off."""


class Marks:
    """The marks of a log's samples.

    Attributes:
        by_metric: metric -> (sample, epoch) -> mark, NaN where the scorer gave none.
        lists: scorers whose values are lists.
        samples: sample -> its epochs, in order.
        errors: (sample, epoch) of those that ended with an error.
        hashes: sample -> digest of its input; empty where it has no text.
        again: samples of which a later attempt was read.
    """

    def __init__(self, log: Log) -> None:
        self.by_metric: dict[str, dict[tuple[str, int], float]] = {}
        self.lists: dict[str, None] = {}
        self.samples: dict[str, dict[int, None]] = {}
        self.errors: set[tuple[str, int]] = set()
        self.hashes: dict[str, str] = {}
        self.again: list[str] = []
        self._scorer = _first_scorer(log)
        for key, row in self._last(log).items():
            self._add(log, key, row)

    @property
    def any(self) -> bool:
        """Say whether any sample has a mark."""
        return any(mark == mark for known in self.by_metric.values() for mark in known.values())

    def marks(self, metric: str, failed: float) -> dict[str, list[float]]:
        """Return the marks of each sample, one for each epoch.

        Args:
            metric: one of ``by_metric``.
            failed: mark of a sample that ended with an error and has none.
        """
        known = self.by_metric[metric]
        found = {}
        for one, epochs in self.samples.items():
            keys = [(one, epoch) for epoch in epochs]
            found[one] = [
                failed
                if math.isnan(mark := known.get(key, math.nan)) and key in self.errors
                else mark
                for key in keys
            ]
        return found

    def _last(self, log: Log) -> dict[tuple[str, int], Mapping[str, Any]]:
        """Return the last row of each sample: that of its first attempt comes before."""
        rows: dict[tuple[str, int], Mapping[str, Any]] = {}
        for row in log.samples:
            key = _key(log, row)
            if key in rows:
                if type(rows[key]["id"]) is not type(row["id"]):
                    raise DataError(
                        f"{log.path}: has a sample {row['id']!r} and a sample "
                        f"{rows[key]['id']!r}; give the samples ids that differ as text"
                    )
                self.again.append(key[0])
            rows[key] = row
        return rows

    def _add(self, log: Log, key: tuple[str, int], row: Mapping[str, Any]) -> None:
        sample, epoch = key
        self.samples.setdefault(sample, {})[epoch] = None
        self.hashes.setdefault(sample, _digest(row))
        if row.get("error"):
            self.errors.add(key)
        for metric, value in self._values(row):
            if isinstance(value, list):
                self.lists[metric] = None
                continue
            try:
                mark = grade(value)
            except ValueError as error:
                raise DataError(
                    f"{log.path}: sample {sample!r} has the score {error} of {metric!r}, which is "
                    "no number, no C, I, P or N, and no yes or no; choose another metric, or "
                    "convert the scores"
                ) from error
            self.by_metric.setdefault(metric, {})[key] = mark

    def _values(self, row: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
        scores = mapping(row, "scores")
        if not scores and isinstance(row.get("score"), dict):  # logs of early 2024
            scores = {self._scorer: row["score"]}
        for name, score in scores.items():
            value = score.get("value") if isinstance(score, dict) else score
            metric = self._scorer if name == PLACEHOLDER else name
            if isinstance(value, dict):
                yield from ((f"{metric}/{part}", one) for part, one in value.items())
            else:
                yield metric, value


def grade(value: object) -> float:
    """Return what a score's value is as a number, NaN where there is none.

    >>> [grade(one) for one in ("C", "P", True, 0.25, "yes")]
    [1.0, 0.5, 1.0, 0.25, 1.0]

    Raises:
        ValueError: it is no number.
    """
    if isinstance(value, str) and value.strip().lower() in GRADES:
        return GRADES[value.strip().lower()]
    return parse_score(value)


def reduced(log: Log) -> dict[str, dict[str, float]]:
    """Return scorer -> sample -> mean over its epochs, of a log whose samples were not kept."""
    found: dict[str, dict[str, float]] = {}
    for one in log.reductions:
        if one.get("reducer") not in (None, "mean") or not isinstance(one.get("samples"), list):
            continue
        for sample in one["samples"]:
            try:
                mark = grade(sample["value"])
            except (KeyError, TypeError, ValueError):  # several by name: no mean of one scorer
                continue
            found.setdefault(str(one.get("scorer")), {})[str(sample.get("sample_id"))] = mark
    return found


def _key(log: Log, row: Mapping[str, Any]) -> tuple[str, int]:
    sample, epoch = row.get("id"), row.get("epoch", 1)
    if isinstance(sample, bool) or not isinstance(sample, (int, str)) or type(epoch) is not int:
        raise DataError(
            f"{log.path}: expected samples with an id and an epoch, found {sample!r} and {epoch!r}"
        )
    return str(sample), epoch


def _first_scorer(log: Log) -> str:
    results = mapping(log.header, "results")
    scores = results.get("scores")
    first = scores[0] if isinstance(scores, list) and scores else results.get("scorer")
    name = first.get("name") if isinstance(first, dict) else None
    return str(name or "score")


def _digest(row: Mapping[str, Any]) -> str:
    """Return a digest of a sample's input that summaries and whole samples agree on."""
    shown = row.get("input")
    texts = [shown] if isinstance(shown, str) else list(_texts(shown))
    attached = mapping(row, "attachments")
    texts = [str(attached.get(one.removeprefix("attachment://"), one)) for one in texts]
    if any(one.startswith("attachment://") for one in texts):
        return ""
    text = " ".join(" ".join(texts).split())[:COMPARED]
    return sha256(text.encode(errors="replace")).hexdigest() if text else ""


def _texts(messages: object) -> Iterator[str]:
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "text":
                yield str(part.get("text") or "")
