"""Finds the document of lm-evaluation-harness for an item: its leaf task and its position there.

The harness identifies documents by position.  An item id of lm-eval's form ``task/doc_id`` states
the position.  Any other id contains a key, which is looked up in the data set.  A task may evaluate
only the rows with one value in a column (mmlu_pro_business: ``category`` is ``business``); its
positions then count only those rows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError, DependencyError, examples

Places = dict[str, tuple[str, int]]
"""Item -> (group of items that one task asks, document number)."""

_FILE_TYPES = {".json": "json", ".jsonl": "json", ".parquet": "parquet", ".csv": "csv"}
_LM_EVAL_ID = re.compile(r"(?P<task>.+)/(?P<number>0|[1-9][0-9]{0,8})", re.DOTALL)


@dataclass(frozen=True)
class DataSource:
    """A data set in which items are looked up.

    Attributes:
        dataset: a local json, jsonl, parquet or csv file, a local folder, or a Hub name.
        key: column that holds the items' keys; None where item ids are ``task/doc_id``.
        prefix: text before the key in item ids: ``mmlu_pro-70`` is key 70 with ``mmlu_pro-``.
        split: the split that the harness evaluates.
        config: name of the data set's configuration, where it has several.
        subtask_column: column by which the harness filters rows into subtasks, or None.
    """

    dataset: str | Path
    key: str | None = None
    prefix: str = ""
    split: str = "test"
    config: str | None = None
    subtask_column: str | None = None

    def __str__(self) -> str:
        config = f", config {self.config!r}" if self.config else ""
        return f"data set {str(self.dataset)!r} (split {self.split!r}{config})"


def split_ids(items: Sequence[str]) -> Places:
    """Return the places that ids of the form ``task/doc_id`` state.

    Raises:
        DataError: ids of another form.
    """
    matches = {one: _LM_EVAL_ID.fullmatch(one) for one in items}
    other = [one for one, match in matches.items() if match is None]
    if other:
        raise DataError(
            f"{len(other)} item ids are not lm-eval's 'task/doc_id': {examples(other)}; name the "
            "data set and its key column to look them up"
        )
    return {one: (match["task"], int(match["number"])) for one, match in matches.items() if match}


class Rows:
    """The rows of a data set: found by key, and counted within their subtask.

    Raises:
        DataError: a data set that cannot be loaded, or lacks a column.
        DependencyError: ``datasets`` is not installed.
    """

    def __init__(self, source: DataSource) -> None:
        if source.subtask_column is not None and source.key is None:
            raise DataError("a subtask column needs a key: name the key column too")
        self.source = source
        self._data = _load(source)
        groups = [""] * len(self._data)
        if source.subtask_column is not None:
            groups = self._column(source.subtask_column)
        counts: Counter[str] = Counter()
        self._places: list[tuple[str, int]] = []
        for group in groups:
            self._places.append((group, counts[group]))
            counts[group] += 1

    def find(self, items: Sequence[str]) -> Places:
        """Return the places of items by their keys; the group is "" without subtasks.

        Raises:
            DataError: an id without the prefix, a key that no row or several rows have.
        """
        assert self.source.key is not None
        rows: dict[str, list[int]] = {}
        for row, key in enumerate(self._column(self.source.key)):
            rows.setdefault(key, []).append(row)
        prefix = self.source.prefix
        foreign = [one for one in items if not one.startswith(prefix)]
        if foreign:
            raise DataError(f"{len(foreign)} items lack the prefix {prefix!r}: {examples(foreign)}")
        found = {one: rows.get(one.removeprefix(prefix), []) for one in items}
        where = f"in column {self.source.key!r} of {self.source}"
        unknown = [one for one, at in found.items() if not at]
        if unknown:
            raise DataError(
                f"the keys of {len(unknown)} items are not {where}: {examples(unknown)}; check "
                "prefix, key column and split"
            )
        twice = [one for one, at in found.items() if len(at) > 1]
        if twice:
            raise DataError(
                f"the keys of {len(twice)} items occur more than once {where}: {examples(twice)}; "
                "choose a column that tells rows apart"
            )
        return {one: self._places[at[0]] for one, at in found.items()}

    def check(self, numbers: Mapping[str, int], hashes: Mapping[str, str]) -> None:
        """Raise :class:`DataError` if a document is out of range, or at another position.

        Args:
            numbers: item -> document number, where the whole data set is one task.
            hashes: item -> lm-eval's ``doc_hash``, "" where unknown.  A hash that no row has is no
                error, because a task may change its documents before lm-eval hashes them.
        """
        beyond = [one for one, number in numbers.items() if number >= len(self._data)]
        if beyond:
            raise DataError(
                f"{len(beyond)} items lie beyond the {len(self._data)} documents of "
                f"{self.source}: {examples(beyond)}; check the split"
            )
        moved = [
            one
            for one, number in numbers.items()
            if hashes.get(one) and self._hash(number) != hashes[one] and hashes[one] in self._hashes
        ]
        if moved:
            raise DataError(
                f"{len(moved)} items lie at another position in {self.source}: {examples(moved)}; "
                "it is another revision, or the task evaluates only a part of it"
            )

    @cached_property
    def _hashes(self) -> frozenset[str]:
        return frozenset(self._hash(row) for row in range(len(self._data)))

    def _hash(self, row: int) -> str:
        text = json.dumps(self._data[row], indent=2, default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def _column(self, name: str) -> list[str]:
        if name not in self._data.column_names:
            known = ", ".join(self._data.column_names)
            raise DataError(f"{self.source} has no column {name!r}; its columns are: {known}")
        return [str(value) for value in self._data[name]]


def _load(source: DataSource) -> Any:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DependencyError("looking items up needs `datasets`: pip install datasets") from error
    path = Path(source.dataset)
    try:
        if not path.exists() and path.suffix in _FILE_TYPES:
            raise DataError(f"{path}: there is no such file; check the path of the data set")
        if not path.is_file():
            return load_dataset(str(source.dataset), source.config, split=source.split)
        kind = _FILE_TYPES.get(path.suffix)
        if kind is None:
            raise DataError(f"{path}: expected a file ending in {', '.join(_FILE_TYPES)}")
        return load_dataset(kind, data_files={source.split: str(path)}, split=source.split)
    except DataError:
        raise
    except Exception as error:  # datasets raises what its many readers and the network raise
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{source} cannot be loaded ({reason}); check its name, split and config"
        ) from error
