"""Files that hold no table as they are: what each is, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.opening import first_bytes
from tinyeval.importers.walk import files_below

SAVE = "save its table as csv or parquet"
OTHER = f"is of another program; {SAVE}"
PICKLE = (
    "is a pickle, which may run any code when it is opened; open it yourself if you trust it, and "
    "save its table as parquet or csv"
)
ARCHIVE = "is an archive; unpack it, and give the folder"

FIRST = {
    b"PK\x03\x04": ARCHIVE,
    b"7z\xbc\xaf\x27\x1c": ARCHIVE,
    b"Rar!": ARCHIVE,
    b"SQLite format 3\x00": f"is a database; {SAVE}",
    b"\x89HDF": f"is an HDF5 file; {SAVE}",
    b"%PDF": f"is a PDF; {SAVE}",
    b"\x89PNG": "is a picture",
    b"\xff\xd8\xff": "is a picture",
    b"\xd0\xcf\x11\xe0": "is a document of an old Office program; save the sheet as .xlsx or csv",
    b"\x80\x02": PICKLE,
    b"\x80\x03": PICKLE,
    b"\x80\x04": PICKLE,
    b"\x80\x05": PICKLE,
}
"""First bytes -> what the file is, and what to do."""

NAMED = {
    (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".7z"): ARCHIVE,
    (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".dill"): PICKLE,
    (
        ".rds",
        ".rdata",
        ".rda",
        ".mat",
        ".sav",
        ".dta",
        ".sas7bdat",
    ): f"is of another program; {SAVE}",
    (".ods", ".numbers", ".gsheet"): "is a sheet of another program; save it as .xlsx or csv",
    (".md", ".rst", ".tex", ".html", ".htm", ".docx", ".ipynb"): f"is a text for readers; {SAVE}",
    (
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".xml",
    ): "has settings at most; save the table as csv or json",
}
"""Ends of names -> what the file is, and what to do."""

FEW = 20
"""Files below a folder that are looked at."""


def about(path: Path) -> str:
    """Return what a file is that holds no table, or the first below a folder; "" if unknown.

    Never raises.
    """
    return next(_reasons(path), "")


def _reasons(path: Path) -> Iterator[str]:
    for one in islice(files_below(path), FEW):
        where = f"{path}: " if one == path else f"{path}: found no results here; {one.name} "
        why = _about(one)
        if why:
            yield where + why


def _about(path: Path) -> str:
    name = path.name.lower()
    for ends, why in NAMED.items():
        if name.endswith(ends):
            return why
    try:
        start = first_bytes(path, 16)
    except DataError:
        return ""
    return next((why for first, why in FIRST.items() if start.startswith(first)), "")
