"""Answers that are kept while they come, so that an interrupted evaluation goes on.

A line holds ``model``, ``item``, ``score``, ``soft`` where a soft score is known, and ``key``: the
digest of the bank, of what identifies the model and how it is asked, and of the item's content.  An
answer is used again only if its key is the same.  `tinyeval predict` reads the file as a table.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tinyeval.asking.mark import Mark, soft_of
from tinyeval.errors import DataError, examples
from tinyeval.training.items import Item
from tinyeval.training.lines import append_lines, finished_lines

DAYS = 30
"""How long the answers of an interrupted evaluation are kept, in days."""


class Kept(NamedTuple):
    """An answer that is kept: its score, and the key under which it counts."""

    score: float
    key: str


class AnswerFile:
    """The answers in a file.

    Args:
        path: the file; it need not exist.

    Raises:
        DataError: a line that is not an answer.

    Example:
        >>> from pathlib import Path
        >>> from tinyeval.training.kept_answers import AnswerFile
        >>> file = AnswerFile(Path("answers.jsonl"))
        >>> file.append("mine", file.checked({"q1": True}, {"q1": "0af3"}))
        >>> AnswerFile(Path("answers.jsonl")).known("mine", {"q1": "0af3", "q2": "77c1"})
        {'q1': 1.0}
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: dict[str, dict[str, Kept]] = {}
        for where, line in finished_lines(path):
            model, item, one = _parse(line, where)
            self._kept.setdefault(model, {})[item] = one

    def known(self, model: str, keys: Mapping[str, str]) -> dict[str, float]:
        """Return item -> score of a model's answers whose keys are the given ones.

        Args:
            model: name of the model.
            keys: item -> key, of the items that are asked.

        Raises:
            DataError: answers of the model to the items under other keys.
        """
        kept = self._kept.get(model, {})
        other = [one for one, key in keys.items() if one in kept and kept[one].key != key]
        if other:
            raise DataError(
                f"{self.path}: holds {len(other)} answers of {model!r} that are not answers to "
                f"this question: bank, content, model or settings differ ({examples(other)}); "
                "choose another file, or remove it"
            )
        return {one: kept[one].score for one in keys if one in kept}

    def checked(self, scores: Mapping[str, float], keys: Mapping[str, str]) -> dict[str, Kept]:
        """Return new answers in the form in which they are kept.

        Raises:
            DataError: a score that is not a number from 0 to 1.
        """
        return {item: Kept(_score(score, item), keys[item]) for item, score in scores.items()}

    def append(self, model: str, new: Mapping[str, Kept]) -> None:
        """Add answers of a model, and flush them to disk.

        Raises:
            OSError: the file cannot be written.
        """
        append_lines(self.path, (json.dumps(_row(model, *one)) for one in new.items()))
        self._kept.setdefault(model, {}).update(new)

    def remove(self) -> None:
        """Remove the file, if it is there and can be."""
        with suppress(OSError):
            self.path.unlink()


def _row(model: str, item: str, one: Kept) -> dict[str, object]:
    row: dict[str, object] = {"model": model, "item": item, "score": float(one.score)}
    soft = soft_of(one.score)
    return row | ({} if math.isnan(soft) else {"soft": soft}) | {"key": one.key}


def keys_of(items: Sequence[Item], bank: str, identity: Mapping[str, Any]) -> dict[str, str]:
    """Return item -> key.

    Args:
        items: the items.
        bank: digest of the bank.
        identity: what the answers depend on beside the items' content.
    """
    asker = _digest([bank, identity])
    return {one.id: _digest([asker, one.id, one.content])[:16] for one in items}


def unfinished_file(name: str, keys: Mapping[str, str]) -> Path:
    """Return where the answers of a model are kept until the evaluation is done.

    Another evaluation, of other items too, has a file of its own.  Files that nobody went on with
    for :data:`DAYS` are removed.

    Args:
        name: name of the model.
        keys: item -> key, of all items that are asked.
    """
    folder = _cache() / "answers"
    _remove_old(folder)
    return folder / f"{_digest([name, keys])[:32]}.jsonl"


def _cache() -> Path:
    if own := os.environ.get("TINYEVAL_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinyeval"


def _remove_old(folder: Path) -> None:
    before = time.time() - DAYS * 86400
    for one in folder.glob("*.jsonl"):
        try:
            if one.stat().st_mtime < before:
                one.unlink()
        except OSError:  # another process has removed it
            continue


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _parse(line: bytes, where: str) -> tuple[str, str, Kept]:
    try:
        row = json.loads(line)
        model, item, score, key = (row[name] for name in ("model", "item", "score", "key"))
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{where}: expected an answer with model, item, score and key, as `tinyeval eval` "
            f"keeps it, found {line[:60]!r}"
        ) from error
    soft = row.get("soft")
    found = score if soft is None else (score, soft)
    return str(model), str(item), Kept(_score(found, str(item)), str(key))


def _score(found: object, item: str) -> float:
    """Return a score, with its soft score where it has one; ``found`` may be a pair of both."""
    if isinstance(found, tuple) and len(found) == 2:
        mark, soft = found
    else:
        mark, soft = found, soft_of(found)
    numbers = []
    for one in (mark, soft):
        try:
            numbers.append(float(one))
        except (TypeError, ValueError):
            numbers.append(math.inf)
    score, probability = numbers
    if not 0 <= score <= 1:
        raise DataError(f"the score of item {item!r} must be a number from 0 to 1, found {mark!r}")
    if math.isnan(probability):
        return score
    if not 0 <= probability <= 1:
        raise DataError(
            f"the soft score of item {item!r} must be a probability from 0 to 1, found {soft!r}"
        )
    return Mark(score, probability)
