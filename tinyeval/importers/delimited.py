"""Text tables: a header and a record a line, whatever separates the values.

A file that was cut off is told by a last record that is short, by a quote that is never closed, or,
where no line end follows it, by a last cell that is unlike the rest of its column.
"""

from __future__ import annotations

import csv
import re
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from tinyeval.errors import DataError, examples
from tinyeval.importers.aliases import ALIASES, WEAK, plain
from tinyeval.importers.block import Finding
from tinyeval.importers.opening import check_cells
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.separators import HEAD, separator_of
from tinyeval.importers.textfiles import open_text
from tinyeval.importers.values import shown

LONGEST = 2**27
"""Characters of a line, and of a cell; ``csv`` takes four bytes for each."""

ABOVE = "lines of one value above the header were left out"
MOST_TITLES = 10
"""Lines at the top below which a header is looked for."""

NUMBER = re.compile(r"\s*[+-]?[\d.,]+(e[+-]?\d+)?%?\s*", re.IGNORECASE)


def read_delimited(path: Path) -> RawTable:
    """Read a table of text.

    Raises:
        DataError: no header, a column that appears twice, records of other lengths, a quote that
            is never closed, a last cell that was cut.
    """
    with open_text(path) as file:
        separator = separator_of(file.read(HEAD))
    lines = array("q")
    with open_text(path) as file, _long_cells():
        records = _Records(path, file, separator)
        titles, header, first = _header(records)
        columns: list[list[object]] = [[] for _ in unique_names(path, header)]
        chunk: list[list[str]] = []
        for line, row in chain(first, ((records.line, row) for row in records)):
            if len(row) != len(header):
                raise DataError(_uneven(records, header, row))
            lines.append(line)
            chunk.append(row)
            if len(chunk) == 4096:
                _append(columns, chunk)
                check_cells(path, len(lines), len(columns))
                chunk = []
        _append(columns, chunk)
    said = [*_last_cell(path, columns[-1])] if records.open_end and len(lines) else []
    if titles:
        said.append(Finding("dropped", ABOVE, len(titles), tuple(titles)))
    # Where commas separate values, one inside a value was quoted, so it is a decimal one, too.
    table = dict(zip(header, columns, strict=True))
    return RawTable(path, table, lines, True, findings=tuple(said))


def is_title(row: Sequence[object]) -> bool:
    """Say whether a row may be a title above a table: one value, in its first cell, or none.

    What may be the header of a column, followed by one without a name, is none.

    >>> is_title(["Results of May", "", ""]), is_title(["", "q1"]), is_title(["model", "", ""])
    (True, False, False)
    """
    first, *others = row or [""]
    names = {*ALIASES["model"], *WEAK["model"], *ALIASES["item"], *WEAK["item"]}
    return not any(others) and len(row) != 2 and plain(str(first or "")) not in names


def _header(records: _Records) -> tuple[list[str], list[str], list[tuple[int, list[str]]]]:
    """Return titles above the header, the header, and rows after it that were read."""
    read: list[tuple[int, list[str]]] = []
    for row in records:
        read.append((records.line, row))
        if not is_title(row) or len(read) > MOST_TITLES:
            break
    *titles, (_, header) = read or [(0, [])]
    if titles and not is_title(header) and len(header) > 1:
        return [one for _, each in titles for one in each if one], header, []
    if not read:
        raise DataError(f"{records.path}: the file is empty")
    return [], read[0][1], read[1:]


class _Records(Iterator[list[str]]):
    """Records that are not empty; remembers where each began and how the last one ended."""

    def __init__(self, path: Path, file: TextIO, separator: str) -> None:
        self.path, self.file, self.separator = path, file, separator
        self.reader = csv.reader(self._lines(), delimiter=separator, strict=True)
        self.line, self.open_end, self._read = 0, False, 0

    def _lines(self) -> Iterator[str]:
        for line in iter(lambda: self.file.readline(LONGEST), ""):
            self._read += 1
            if len(line) == LONGEST:
                raise DataError(
                    f"{self.path}:{self._read}: is longer than {LONGEST:,} characters: no table"
                )
            self.open_end = not line.endswith(("\n", "\r"))
            if "\0" in line and self._read == 1:
                raise DataError(f"{self.path}: holds NUL characters; save the file as UTF-8 text")
            yield line

    def __next__(self) -> list[str]:
        while True:
            first = self._read + 1
            try:
                row = next(self.reader)
            except csv.Error as error:
                reason = str(error)
                if "unexpected end" in reason:
                    reason = f"a quote opened in the record of line {first} is never closed"
                raise DataError(f"{self.path}:{self._read}: not CSV: {reason}") from error
            if row:
                self.line = self._read
                return row


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells be as long as a line may be; the limit of the process is as before afterwards."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _uneven(records: _Records, header: Sequence[str], row: Sequence[str]) -> str:
    message = (
        f"{records.path}:{records.line}: expected {len(header)} values, as in the header, found "
        f"{len(row)}"
    )
    if records.open_end:
        return f"{message}; the file may have been cut off"
    if len(row) == len(header) + 1:
        return f"{message}; if the first column has no name, give the header one for it"
    return f"{message}; the file may have been cut off, or a value holds {records.separator!r}"


def _append(columns: list[list[object]], rows: list[list[str]]) -> None:
    for column, *values in zip(columns, *rows, strict=True):
        # Interned, an id that fills many rows is held once.
        column.extend(map(sys.intern, values))


def unique_names(path: Path, names: Sequence[str]) -> Sequence[str]:
    """Return column names, or raise :class:`DataError` if one appears twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        cut = [name if len(name) <= 60 else f"{name[:60]}..." for name in twice[:3]]
        raise DataError(f"{path}: {len(twice)} column(s) appear more than once: {examples(cut)}")
    return names


def _last_cell(path: Path, column: Sequence[object]) -> tuple[Finding, ...]:
    """Refuse, or doubt, the last cell of a file that does not end with a line end."""
    *others, last = (str(one) for one in column)
    seen = set(others)
    numbers = all(NUMBER.fullmatch(one) for one in seen if one.strip())
    longer = numbers and last and any(one != last and one.startswith(last) for one in seen)
    doubt = Finding("doubt", CUT, 1, (f"{path.name}: {last}",))
    if not others or (last in seen and not longer):
        return ()
    shortest = min(map(len, seen))
    if numbers and len(last) < shortest:
        raise DataError(
            f"{path}: ends without a line end in the cell {shown(last)}, while other cells of the "
            f"column look like {shown(others[0])}: the file was cut off; copy it again, or end "
            "the last line if it is whole"
        )
    decimal = any("." in one or "," in one for one in seen) if numbers else len(last) < shortest
    return (doubt,) if longer or decimal else ()


CUT = "last cell may have been cut off: no line end follows it"
