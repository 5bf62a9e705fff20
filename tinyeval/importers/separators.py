"""What separates the values of a text table: a comma, semicolon, tab or pipe, told from its head.

The separator is the one that splits the first records into equally many values, two or more; where
several do, the one that makes the most.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import dropwhile

SEPARATORS = ",;\t|"

HEAD = 2**16
"""Characters from which it is told."""

RECORDS = 20


def separator_of(head: str) -> str:
    r"""Return the separator of a text of which ``head`` is the beginning; a comma if none is there.

    >>> separator_of("model;q0\na;0,5\nb;1,0\n"), separator_of('"a;b",c\n1,0\n')
    (';', ',')
    """
    found = {one: list(_widths(head, one)) for one in SEPARATORS}
    if all(widths[:1] <= [1] for widths in found.values()):  # a title above the header
        found = {one: list(dropwhile(lambda n: n == 1, widths)) for one, widths in found.items()}
    several = {one: widths for one, widths in found.items() if widths and widths[0] > 1}
    even = {one: widths[0] for one, widths in several.items() if len(set(widths)) == 1}
    if even:
        return max(even, key=even.__getitem__)
    return max(several, key=lambda one: several[one][0], default=",")


def is_table(head: str) -> bool:
    r"""Say whether a text's first records have two or more values each, equally many.

    >>> is_table("model,q0\na,1\n"), is_table("hello, world\nbye\n")
    (True, False)
    """
    widths = list(_widths(head, separator_of(head)))
    return len(widths) > 1 and len(set(widths)) == 1 and widths[0] > 1


def _widths(head: str, separator: str) -> Iterator[int]:
    """Yield the number of values of the first records, without one that the head cuts."""
    lines = head.splitlines(keepends=True)
    if len(head) >= HEAD and len(lines) > 1:
        lines.pop()
    rows = csv.reader(lines, delimiter=separator)
    read = 0
    while read < RECORDS:
        try:
            row = next(rows)
        except (StopIteration, csv.Error):
            return
        if row:
            read += 1
            yield len(row)
