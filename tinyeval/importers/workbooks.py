"""Excel's workbooks: the first sheet, or the only one with anything in it, as a table."""

from __future__ import annotations

import warnings
from pathlib import Path
from zipfile import ZipFile

from tinyeval.errors import DataError, DependencyError, examples
from tinyeval.importers.delimited import unique_names
from tinyeval.importers.opening import check_bound
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
        with ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
        check_bound(path, 4 * size, f"{size:,} bytes of XML")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles that it does not know
            book = load_workbook(path, read_only=True, data_only=True)
            sheets = {one.title: [row for row in one.values if any(c is not None for c in row)]
                      for one in book.worksheets}  # fmt: skip
            book.close()
    except DataError:
        raise
    except Exception as error:  # zipfile, openpyxl and its XML parser raise many kinds
        raise DataError(f"{path}: not an Excel workbook, or damaged: {error}") from error
    filled = {title: rows for title, rows in sheets.items() if rows}
    if len(filled) != 1:
        raise DataError(
            f"{path}: expected one sheet with a table, found {len(filled)}: {examples(filled)}; "
            "save the right one as csv"
        )
    header, *rows = next(iter(filled.values()))
    width = max(k for k, name in enumerate(header, 1) if name is not None)
    names = unique_names(path, ["" if name is None else str(name) for name in header[:width]])
    return RawTable(path, {name: [row[k] for row in rows] for k, name in enumerate(names)})
