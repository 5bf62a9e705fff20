"""Tables of HTML for notebooks.  All text is escaped: names come from other people's files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

MOST_ROWS = 20
"""Rows that are shown; a line says how many more there are."""


def html_table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    caption: str = "",
    total: int | None = None,
) -> str:
    """Return a table of at most ``MOST_ROWS`` rows, of ``total`` in all.

    Example:
        >>> from tinyeval.display.html import html_table
        >>> html_table(["model"], [["<b>mine</b>"]])
        '<table><thead><tr><th>model</th></tr></thead><tbody><tr><td>&lt;b&gt;mine&lt;/b&gt;...'
    """
    listed = list(rows)
    parts = ["<table>"]
    if caption:
        parts.append(f"<caption>{escape(caption)}</caption>")
    parts.append(f"<thead>{_row('th', head)}</thead><tbody>")
    parts += [_row("td", row) for row in listed[:MOST_ROWS]]
    total = len(listed) if total is None else total
    if total > MOST_ROWS:
        more = f"... {total - MOST_ROWS} more"
        parts.append(f'<tr><td colspan="{len(head)}">{more}</td></tr>')
    return "".join([*parts, "</tbody></table>"])


def html_facts(title: str, facts: Iterable[tuple[str, object]]) -> str:
    """Return a table of names and values, with a title."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{rows}</tbody></table>"


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(str(one))}</{tag}>' for one in cells)}</tr>"
