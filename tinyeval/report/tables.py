"""Tables and figures as the template takes them: plain text, which it escapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tinyeval.report.drawing import Figure


class Safe(str):
    """Text that is HTML already, which the template does not escape."""

    def __html__(self) -> str:
        return str(self)


class Table(NamedTuple):
    """A table of a page.

    Attributes:
        caption: what it shows, for screen readers.
        header: names of the columns.
        rows: cells, as text.
        kinds: class of each column: "n" (number), "name", "nowrap" or "".
        more: sentences below it: what was left out, or what a column means.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    kinds: Sequence[str]
    more: str = ""


class Drawn(NamedTuple):
    """A figure of a page, with its caption and the numbers in it."""

    title: str
    svg: Safe
    caption: str
    table: Table


def drawn(figure: Figure, key: str, caption: str, table: Table) -> Drawn:
    """Put a figure on a page; ``key`` is unique on it."""
    # safe: matplotlib escapes the text in it, and to_svg the title and description
    return Drawn(figure.title, Safe(figure.svg(key)), caption, table)


def numbers(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table of numbers."""
    return Table(caption, header, rows, ["n"] * len(header))
