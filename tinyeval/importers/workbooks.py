"""Excel's workbooks: the first sheet, or the only one with anything in it, as a table."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tinyeval.errors import DataError, DependencyError, examples
from tinyeval.importers.block import Finding
from tinyeval.importers.delimited import is_title, unique_names
from tinyeval.importers.opening import check_bound, check_cells
from tinyeval.importers.rawtable import RawTable


def read_workbook(path: Path) -> RawTable:
    """Read an .xlsx file; values, not formulas.

    Raises:
        DependencyError: openpyxl is not installed.
        DataError: a damaged file, or several sheets that hold something.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise DependencyError(
            f"{path}: reading Excel files needs openpyxl: pip install 'tinyeval[xlsx]', or save "
            "the sheet as csv"
        ) from error
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that it does not know
            with ZipFile(file) as archive:
                size = sum(one.file_size for one in archive.infolist())
            check_bound(path, 4 * size, f"{size:,} bytes of XML")
            book = load_workbook(file, read_only=True, data_only=True)
            sheets = {one.title: _rows(path, one) for one in book.worksheets}
            book.close()
    except DataError:
        raise
    except Exception as error:  # zipfile, openpyxl and its XML parser raise many kinds
        raise DataError(f"{path}: not an Excel workbook, or damaged: {error}") from error
    filled = {title: rows for title, rows in sheets.items() if rows}
    if len(filled) != 1:
        raise DataError(
            f"{path}: expected one sheet with a table, found {len(filled)}: {examples(filled)}; "
            "save the right one as csv, or each as a csv of its own, called like its model, in one "
            "folder"
        )
    (header, *rows), above = _below_titles(next(iter(filled.values())))
    width = max(k for k, name in enumerate(header, 1) if name is not None)
    names = unique_names(path, ["" if name is None else str(name) for name in header[:width]])
    columns = {name: [row[k] for row in rows] for k, name in enumerate(names)}
    what = "rows with one cell above the header were left out"
    said = (Finding("dropped", what, len(above), tuple(above)),) if above else ()
    return RawTable(path, columns, findings=said)


def _below_titles(rows: list[Sequence[Any]]) -> tuple[list[Sequence[Any]], list[str]]:
    """Return rows from the header on, and the titles above it: rows of one cell over wider ones."""
    start = next((k for k, row in enumerate(rows[:MOST_TITLES]) if not is_title(row)), 0)
    return rows[start:], [str(row[0]) for row in rows[:start]]


def _rows(path: Path, sheet: Any) -> list[Sequence[Any]]:
    """Return a sheet's rows that are not empty.

    One cell far to the right or far below makes openpyxl fill all that lies before it.
    """
    rows: list[Sequence[Any]] = []
    cells = 0
    for number, row in enumerate(sheet.values, 1):
        if number > MOST_ROWS:
            raise DataError(f"{path}: a sheet says that it has more rows than Excel can hold")
        if any(cell is not None for cell in row):
            cells += len(row)
            rows.append(row)
            check_cells(path, cells, 1)
    return rows


MOST_ROWS = 2**20
"""Rows of a sheet in Excel."""

MOST_TITLES = 10
"""Rows at the top of a sheet in which a header is looked for."""
