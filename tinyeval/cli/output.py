"""What commands print: aligned tables and JSON on stdout, progress on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.compute.progress import Bar
from tinyeval.errors import DataError
from tinyeval.report.names import printable as printable
from tinyeval.report.names import short

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank

SILENCE = 30.0
"""Seconds between progress lines while files are read and there is no terminal."""


class ProgressBar(Bar):
    """Shows (done, total, what) on stderr: a bar on a terminal, else one line per stage.

    Args:
        quiet: show nothing, as all but one of several processes should.
    """

    def __init__(self, quiet: bool = False) -> None:
        super().__init__()
        self.quiet = quiet
        self.on_terminal = sys.stderr.isatty()
        self.told = time.monotonic()
        self.stage = ""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show the progress."""
        if self.quiet:
            return
        if self.on_terminal:
            self.draw(done, total, what)
        elif what != self.stage:
            click.echo(what, err=True)
        self.stage = what

    def files(self, done: int, total: int, what: str) -> None:
        """Show how many files were read; without a terminal, in one line every half minute."""
        if self.on_terminal or self.quiet:
            self(done, total, what)
        elif time.monotonic() - self.told > SILENCE:
            click.echo(f"{done} of {total} files read", err=True)
            self.told = time.monotonic()

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        if self.quiet:
            return
        self.clear()
        click.echo(line, err=True)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json_text(value))


def json_text(value: Mapping[str, Any]) -> str:
    """Return a JSON object; numbers that are not finite become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


WIDTH = 80
"""Columns of a terminal, in which tables and sentences fit."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return a table with aligned columns, numbers to the right.

    Args:
        header: names of the columns.
        rows: cells of each row.
        width: largest width; the middle of the longest texts is then cut out.
    """
    columns = [[printable(cell) for cell in column] for column in zip(header, *rows, strict=True)]
    if width is not None:
        columns = _within(columns, width)
    return "\n".join("  ".join(line).rstrip() for line in zip(*map(_aligned, columns), strict=True))


def _within(columns: list[list[str]], width: int) -> list[list[str]]:
    """Shorten the widest column of texts until all fit; below NARROWEST none is shortened."""
    sizes = [max(map(len, column)) for column in columns]
    texts = [k for k, column in enumerate(columns) if not all(map(_is_number, column[1:]))]
    while sum(sizes) + 2 * (len(sizes) - 1) > width and texts:
        widest = max(texts, key=lambda k: sizes[k])
        if sizes[widest] <= NARROWEST:
            break
        sizes[widest] -= 1
    return [
        [short(cell, size) for cell in column] for column, size in zip(columns, sizes, strict=True)
    ]


NARROWEST = 12


def sentences(lines: Sequence[str]) -> str:
    """Return sentences, each from a new line, in lines that fit a terminal."""
    return "\n".join(
        textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in lines
    )


def _aligned(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    numeric = all(_is_number(cell) for cell in column[1:])
    return [cell.rjust(width) if numeric else cell.ljust(width) for cell in column]


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True


def check_new_bank(path: Path, overwrite: bool) -> None:
    """Raise before the long work if a bank could not be saved at ``path`` after it."""
    from tinyeval.bank.folder import check_destination

    check_destination(path, overwrite)
    _check_parent(path)


def save_bank(bank: ItemBank, path: Path, overwrite: bool) -> str:
    """Write a bank to a folder and return its digest."""
    return bank.save(path, overwrite=overwrite)


def check_new_file(path: Path, overwrite: bool) -> None:
    """Raise before the long work if a file cannot be written to ``path``."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected the name of a file to write")
    if os.path.lexists(path) and not overwrite:
        raise _exists(path)
    _check_parent(path)


def save_text(text: str, path: Path, overwrite: bool) -> None:
    """Write a file; what came to ``path`` during the work stays unless ``overwrite`` is given."""
    from tinyeval.atomic import write_file

    try:
        write_file(path, text.encode(), overwrite=overwrite)
    except FileExistsError as error:
        raise _exists(path) from error


def _exists(path: Path) -> DataError:
    return DataError(f"{path}: exists already; choose another name, or pass --overwrite")


def _check_parent(path: Path) -> None:
    folder = path.resolve().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise DataError(f"{path}: {folder} is a file, where a folder is needed")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"{path}: the folder {folder} cannot be written to; choose another place")
