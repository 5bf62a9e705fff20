"""Lists of results that show themselves as a table and become a frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from tinyeval.display.frames import flat, frame
from tinyeval.display.html import html_table

MOST_LINES = 10
"""Results that are shown as text."""


class Record(Protocol):
    """A result: plain values, and the cells of its line in a table."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""
        ...

    def cells(self) -> dict[str, str]:
        """Return the cells of its line, by their headings."""
        ...


R = TypeVar("R", bound=Record)


class Records(list[R], Generic[R]):
    """A list of results; a list in all respects, and a table to look at.

    Example:
        >>> found = bank.predict(responses)
        >>> isinstance(found, list), len(found)
        (True, 40)
        >>> found.to_frame().columns[:4].to_list()
        ['model', 'score', 'lower', 'upper']
    """

    def __init__(self, what: str, results: Iterable[R] = ()) -> None:
        super().__init__(results)
        self.what = what

    def to_frame(self) -> Any:
        """Return a pandas frame with a row for each result.

        Raises:
            DependencyError: pandas is not installed.
        """
        return frame([flat(one.to_dict()) for one in self])

    def __repr__(self) -> str:
        lines = [f"{len(self)} {self.what}"]
        rows = [list(one.cells().values()) for one in self[:MOST_LINES]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(("  " + "  ".join(cells)).rstrip())
        if len(self) > MOST_LINES:
            lines.append(f"  ... {len(self) - MOST_LINES} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        rows = [one.cells() for one in self]
        head = list(rows[0]) if rows else []
        return html_table(head, [list(row.values()) for row in rows], f"{len(self)} {self.what}")

    def __reduce__(self) -> tuple[type, tuple[str, list[R]]]:
        return type(self), (self.what, list(self))


def shortened(text: str, limit: int = 60) -> str:
    """Return a text of at most ``limit`` printable characters."""
    plain = "".join(one if one.isprintable() else "�" for one in text[:limit])
    return plain if len(text) <= limit else f"{plain[:-1]}…"
