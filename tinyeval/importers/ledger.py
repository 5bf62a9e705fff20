"""Notes on items and models, collected file by file; content hashes tell documents apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tinyeval.errors import DataError
from tinyeval.importers.block import Notes
from tinyeval.importers.notes import NUMBERS, is_unknown, typed_column
from tinyeval.tables import Table


class _Said(NamedTuple):
    """A value, and the file that it stands in."""

    value: object
    source: Path


class Ledger:
    """Collects notes file by file and refuses contradictions.

    Attributes:
        known: column -> id -> what is known, and from which file.
        changed: ids with contradicting hashes; whether they are refused is decided when all files
            are read.
        first_change: what the first of them is, in words.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.known: dict[str, dict[str, _Said]] = {}
        self.changed: dict[str, None] = {}
        self.first_change = ""

    def add(self, notes: Notes, source: Path) -> None:
        """Take the notes of a file; raise :class:`DataError` where another file says otherwise."""
        for name, noted in notes.items():
            if name in NUMBERS:
                typed_column(name, list(noted.values()), source)
            known = self.known.setdefault(name, {})
            for one, value in noted.items():
                if is_unknown(value):
                    continue
                new = _Said(value, source)
                old = known.setdefault(one, new)
                if old.value != value and not _same_number(name, old.value, value):
                    self._contradict(name, one, old, new)

    def table(self, ids: tuple[str, ...]) -> Table:
        """Return the notes on these ids as typed columns."""
        unknown = _Said(None, Path())
        columns = {
            name: typed_column(name, [known.get(one, unknown).value for one in ids])
            for name, known in self.known.items()
            if known
        }
        return Table(ids, columns)

    def _contradict(self, name: str, one: str, old: _Said, new: _Said) -> None:
        message = (
            f"{self.what} {one!r} has two values of {name!r}: {old.value} in {old.source} and "
            f"{new.value} in {new.source}"
        )
        if name != "hash":
            raise DataError(f"{message}; make the files agree")
        if not self.changed:
            known = {each: str(said.value) for each, said in self.known[name].items()}
            self.first_change = f"{message}; {explain_hash(str(new.value), known)}"
        self.changed[one] = None


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
