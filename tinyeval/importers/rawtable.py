"""A table as it stands in a file: named columns of raw values, and where each row was.

Nothing is interpreted before it is asked for as ids or as marks, so a complaint can still name the
file, the line and the column.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.block import Finding
from tinyeval.importers.opening import PACKED_SUFFIXES
from tinyeval.importers.values import ACCEPTED, Marks, read_marks, shown
from tinyeval.importers.values import parse_score as parse_score


@dataclass(frozen=True)
class RawTable:
    """Columns of raw values.

    Attributes:
        path: the file.
        columns: name -> one value per row.
        lines: the line of each row in the file; empty where the format has no lines.
        comma: whether numbers may have a decimal comma.
        owner: the model whose answers these are if no column names any; empty: the file's stem.
        sure: whether the file says that all columns but the first are items.
        findings: what was seen in reading it.
        nested: whether its models and items are the outer and inner names of {a: {b: score}}.
    """

    path: Path
    columns: Mapping[str, Sequence[object]]
    lines: Sequence[int] = ()
    comma: bool = False
    owner: str = ""
    sure: bool = False
    findings: tuple[Finding, ...] = ()
    nested: bool = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def only(self, rows: NDArray[np.bool_]) -> RawTable:
        """Return some of its rows, by a mask."""
        kept = np.flatnonzero(rows).tolist()
        columns = {
            name: values[rows] if isinstance(values, np.ndarray) else [values[k] for k in kept]
            for name, values in self.columns.items()
        }
        lines = array("q", (self.lines[k] for k in kept)) if self.lines else ()
        return replace(self, columns=columns, lines=lines)

    def where(self, row: int) -> str:
        """Return ``file:line`` of a row, or ``file, row n`` where there are no lines."""
        return f"{self.path}:{self.lines[row]}" if self.lines else f"{self.path}, row {row + 1}"

    def ids(self, name: str) -> list[str]:
        """Return a column as ids: non-empty text, or integers."""
        values = self.columns[name]
        for row, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise DataError(
                    f"{self.where(row)}: expected an id in column {name!r}, found {shown(value)}"
                )
            if isinstance(value, str) and not value.strip():
                raise DataError(f"{self.where(row)}: the id in column {name!r} is empty")
        return [str(value) for value in values]

    def unique_ids(self, name: str, advice: Callable[[], str] = str) -> list[str]:
        """Return a column as ids, each of which may have one row only.

        Args:
            name: of the column.
            advice: called where one has several, for what the message says before the usual.
        """
        ids = self.ids(name)
        first: dict[str, int] = {}
        for row, one in enumerate(ids):
            if first.setdefault(one, row) != row:
                raise DataError(
                    f"{self.where(row)}: {shown(one)} in column {name!r} has a row already, at "
                    f"{self.where(first[one])}; {advice()}keep one row of each, or average them "
                    "(--repeats average)"
                )
        return ids

    def numbers(self, name: str) -> NDArray[np.float32] | NDArray[np.float64] | None:
        """Return a column that the file holds as numbers; None where cells must be looked at."""
        column = self.columns[name]
        held = getattr(column, "numbers", None)
        return held() if held is not None else None

    def marks(self, name: str) -> Marks:
        """Return a column as numbers, shape (rows,)."""
        marks = read_marks(self.columns[name], self.comma)
        if not marks.partial or "graded" in self._letters:
            return marks
        if "failed" not in self._letters:  # it may as well be a pass
            return replace(marks, wrong=sorted((*marks.wrong, *marks.partial)))
        numbers = marks.numbers.copy()
        numbers[list(marks.partial)] = 1
        kinds = marks.kinds + Counter(passed=len(marks.partial))
        return replace(marks, numbers=numbers, kinds=kinds)

    @cached_property
    def _letters(self) -> frozenset[str]:
        """Letters for scores in any column of scores."""
        read = (read_marks(values, self.comma) for values in self.columns.values())
        return frozenset().union(*(one.letters for one in read if not len(one.wrong)))

    def no_mark(self, name: str, row: int, advice: str = "") -> DataError:
        """Return what to raise for a cell that is no mark; ``advice`` comes last."""
        value, wrong = self.columns[name][row], self.marks(name).wrong
        words = dict.fromkeys(shown(self.columns[name][one]) for one in wrong)
        others = [word for word in words if word != shown(value)][:3]
        more = f" (others are {', '.join(others)})" if others else ""
        says = "P may be a pass, or partly right; write pass or 0.5"
        if not (isinstance(value, str) and value.strip().lower() == "p"):
            says = ACCEPTED
        return DataError(
            f"{self.where(row)}: expected a score in column {name[:60]!r}, found {shown(value)}"
            f"{more}; {says}{advice}"
        )

    @property
    def model(self) -> str:
        """The model whose answers these are if no column names any."""
        return self.owner or stem_of(self.path)


def stem_of(path: Path) -> str:
    """Return a file's name without what says its format and how it is packed."""
    return path.with_suffix("").stem if path.suffix.lower() in PACKED_SUFFIXES else path.stem
