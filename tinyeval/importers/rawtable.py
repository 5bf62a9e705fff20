"""A table as it stands in a file: named columns of raw values, and where each row was.

Nothing is interpreted before it is asked for as ids or as scores, so a complaint can still name
the file, the line and the column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError

MISSING = frozenset({"", "na", "nan", "null", "none"})


@dataclass(frozen=True)
class RawTable:
    """Columns of raw values.

    Attributes:
        path: the file.
        columns: name -> one value per row.
        lines: the line of each row in the file; empty where the format has no lines.
    """

    path: Path
    columns: Mapping[str, Sequence[object]]
    lines: Sequence[int] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def where(self, row: int) -> str:
        """Return ``file:line`` of a row, or ``file, row n`` where there are no lines."""
        return f"{self.path}:{self.lines[row]}" if self.lines else f"{self.path}, row {row + 1}"

    def ids(self, name: str) -> list[str]:
        """Return a column as ids: non-empty text, or integers."""
        values = self.columns[name]
        for row, value in enumerate(values):
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise DataError(
                    f"{self.where(row)}: expected an id in column {name!r}, found {value!r}"
                )
            if isinstance(value, str) and not value.strip():
                raise DataError(f"{self.where(row)}: the id in column {name!r} is empty")
        return [str(value) for value in values]

    def unique_ids(self, name: str) -> list[str]:
        """Return a column as ids, each of which may have one row only."""
        ids = self.ids(name)
        first: dict[str, int] = {}
        for row, one in enumerate(ids):
            if first.setdefault(one, row) != row:
                raise DataError(
                    f"{self.where(row)}: {one!r} in column {name!r} has a row already, at "
                    f"{self.where(first[one])}; keep one row of each"
                )
        return ids

    def scores(self, name: str) -> NDArray[np.float32]:
        """Return a column as scores in [0, 1], NaN where missing; shape (rows,)."""
        numbers = self._numbers(name)
        bad = ~((numbers >= 0) & (numbers <= 1) | np.isnan(numbers))
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"{self.where(row)}: the score {numbers[row]} in column {name!r} lies outside "
                "[0, 1]; divide percentages by 100, and leave out columns that are not scores"
            )
        return numbers.astype(np.float32)

    def _numbers(self, name: str) -> NDArray[np.float64]:
        values = self.columns[name]
        try:
            numbers = np.array(values, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            numbers = np.empty(0)
        if numbers.shape == (len(values),):
            return numbers
        # Something is empty, true, false, or no number at all: one by one tells which.
        parsed: list[float] = []
        try:
            for value in values:
                parsed.append(parse_score(value))
        except ValueError as error:
            raise DataError(
                f"{self.where(len(parsed))}: expected a score in column {name!r}, found {error}"
            ) from error
        return np.array(parsed)


def parse_score(value: object) -> float:
    """Return a number, a bool or their text as a float; NaN for a missing value.

    Raises:
        ValueError: with the offending value as its text.
    """
    if value is None:
        return math.nan
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, (bool, int, float)):
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError("a number that is far too large") from error
    shown = repr(value)
    raise ValueError(shown if len(shown) <= 60 else f"{shown[:60]}...")


@lru_cache(maxsize=65536)
def _parse_text(text: str) -> float:
    word = text.strip().lower()
    if word in MISSING:
        return math.nan
    if word in ("true", "false"):
        return float(word == "true")
    try:
        return float(word)
    except ValueError as error:
        raise ValueError(repr(text[:60])) from error
