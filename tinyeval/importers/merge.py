"""Blocks of scores from several files -> one matrix, joined by id.

Files may bring new models, new items, or both.  A cell or a note that two files give must be the
same in both; of two different documents under one item id, the content hashes tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.notes import NUMBERS, Notes, is_unknown, typed_column
from tinyeval.responses import ResponseMatrix, Table


@dataclass(frozen=True)
class Block:
    """Scores out of one file.

    Attributes:
        source: the file, for messages.
        models: unique ids of the rows.
        items: unique ids of the columns.
        scores: float32 in [0, 1] or NaN, shape (models, items).
        item_notes, model_notes: what the file says of its items and models.
        chosen: which of several scores were read, by kind of choice.
        layout: digest of items and item notes where it is known: those of equal layouts are equal.
    """

    source: Path
    models: Sequence[str]
    items: Sequence[str]
    scores: NDArray[np.float32]
    item_notes: Notes = field(default_factory=dict)
    model_notes: Notes = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""


def merge(blocks: Iterable[Block]) -> ResponseMatrix:
    """Join blocks by model and item id; ids keep the order in which they first appear.

    Raises:
        DataError: two files give one cell different scores, or one item or model different
            notes (a different ``hash``: different documents under one item id); no block at all.
    """
    models: dict[str, int] = {}
    items: dict[str, int] = {}
    item_notes, model_notes = _Ledger("item"), _Ledger("model")
    parts = list(_parts(blocks, models, items, item_notes, model_notes))
    if not parts:
        raise DataError("there are no results to read: every file was empty")
    scores = _assemble(parts, tuple(models), tuple(items))
    return ResponseMatrix(scores, model_notes.table(tuple(models)), item_notes.table(tuple(items)))


def _parts(
    blocks: Iterable[Block],
    models: dict[str, int],
    items: dict[str, int],
    item_notes: _Ledger,
    model_notes: _Ledger,
) -> Iterator[_Part]:
    """Give ids their positions and collect notes, a block at a time."""
    same: dict[bytes, NDArray[np.int32]] = {}
    known: dict[str, NDArray[np.int32]] = {}
    for block in blocks:
        columns = known.get(block.layout)
        if columns is None:
            columns = _positions(items, block.items)
            columns = same.setdefault(columns.tobytes(), columns)  # files of one task share them
            item_notes.add(block.item_notes, block.source)
            if block.layout:
                known[block.layout] = columns
        model_notes.add(block.model_notes, block.source)
        yield _Part(block.source, _positions(models, block.models), columns, compact(block.scores))


def _assemble(
    parts: Sequence[_Part], models: Sequence[str], items: Sequence[str]
) -> NDArray[np.float32]:
    scores = np.full((len(models), len(items)), np.nan, dtype=np.float32)
    for k, part in enumerate(parts):
        for i, row in enumerate(part.rows):
            old, new = scores[row, part.columns], expand(part.scores[i])
            clash = np.flatnonzero((old != new) & ~np.isnan(old) & ~np.isnan(new))
            if clash.size:
                column = clash[0]
                cell = int(row), int(part.columns[column])
                earlier = next(other for other in parts[:k] if other.holds(cell))
                raise DataError(
                    f"model {models[cell[0]]!r} has two scores on item {items[cell[1]]!r}: "
                    f"{old[column]:g} in {earlier.source} and {new[column]:g} in "
                    f"{part.source}; leave one file out, or give the models different names"
                )
            scores[row, part.columns] = np.where(np.isnan(new), old, new)
    return scores


def _positions(known: dict[str, int], ids: Sequence[str]) -> NDArray[np.int32]:
    return np.array([known.setdefault(one, len(known)) for one in ids], dtype=np.int32)


MISSING = 255
"""A missing score among whole ones."""

Compact = NDArray[np.uint8] | NDArray[np.float32]


def compact(scores: NDArray[np.float32]) -> Compact:
    """Return scores in a byte each if all are 0, 1 or missing, else as they are."""
    whole = np.empty(scores.shape, dtype=np.uint8)
    for row, out in zip(scores, whole, strict=True):
        missing = np.isnan(row)
        if not ((row == 0) | (row == 1) | missing).all():
            return scores
        out[:] = np.where(missing, MISSING, row)
    return whole


def expand(scores: Compact) -> NDArray[np.float32]:
    """Undo :func:`compact`."""
    found = scores.astype(np.float32, copy=False)
    return found if found is scores else np.where(scores == MISSING, np.float32(np.nan), found)


@dataclass(frozen=True)
class _Part:
    """A block whose ids have become positions in the matrix."""

    source: Path
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    scores: Compact

    def holds(self, cell: tuple[int, int]) -> bool:
        inside = np.ix_(self.rows == cell[0], self.columns == cell[1])
        return not np.isnan(expand(self.scores[inside])).all()


class _Ledger:
    """Collects notes file by file and refuses contradictions."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.known: dict[str, dict[str, tuple[object, Path]]] = {}

    def add(self, notes: Notes, source: Path) -> None:
        for name, noted in notes.items():
            if name in NUMBERS:
                typed_column(name, list(noted.values()), source)
            known = self.known.setdefault(name, {})
            for one, value in noted.items():
                if is_unknown(value):
                    continue
                old, before = known.setdefault(one, (value, source))
                if old != value and not _same_number(name, old, value):
                    raise self._contradiction(name, one, (old, before), (value, source))

    def table(self, ids: Sequence[str]) -> Table:
        columns = {
            name: typed_column(name, [known.get(one, (None,))[0] for one in ids])
            for name, known in self.known.items()
            if known
        }
        return Table(tuple(ids), columns)

    def _contradiction(
        self, name: str, one: str, old: tuple[object, Path], new: tuple[object, Path]
    ) -> DataError:
        message = (
            f"{self.what} {one!r} has two values of {name!r}: {old[0]} in {old[1]} and "
            f"{new[0]} in {new[1]}"
        )
        if name != "hash":
            return DataError(f"{message}; make the files agree")
        known = {each: str(value) for each, (value, _) in self.known[name].items()}
        return DataError(f"{message}; {explain_hash(str(new[0]), known)}")


def _same_number(name: str, one: object, other: object) -> bool:
    both = typed_column(name, [one, other])
    return bool(both.dtype.kind == "f" and both[0] == both[1])


def explain_hash(found: str, known: Mapping[str, str]) -> str:
    """Say what an unexpected content hash most likely means.

    Args:
        found: the hash of a document that should have had another one.
        known: {item: hash} of documents seen elsewhere.
    """
    owner = next((item for item, one in known.items() if one == found), None)
    if owner is not None:
        return (
            f"that document is item {owner!r} elsewhere, so rows are mislabelled in one of them: "
            "lm-evaluation-harness does this when a --samples list is not sorted; sort it and run "
            "that model again"
        )
    return (
        "these are different documents under one id: most likely the files come from different "
        "revisions of the dataset or task, or from a --samples list that was not sorted; evaluate "
        "on the same revision, with sorted lists"
    )


def check_hashes(items: Table, expected: Mapping[str, str]) -> None:
    """Raise :class:`DataError` where an item's ``hash`` is not the expected one.

    Args:
        items: the items of some answers.
        expected: {item: hash}, such as those of an item bank; empty text is unknown.
    """
    if "hash" not in items.columns:
        return
    for one, found in zip(items.ids, items.columns["hash"], strict=True):
        wanted = expected.get(one, "")
        if found and wanted and found != wanted:
            raise DataError(
                f"item {one!r} has the content hash {found}, expected {wanted}; "
                f"{explain_hash(str(found), expected)}"
            )
