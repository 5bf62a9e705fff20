"""Marks on any scale -> scores from 0 to 1, and advice that fits the marks seen where they are not.

Percentages are divided by 100 where a percent sign says so; other scales are the user's to give.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Finding
from tinyeval.importers.values import Marks

USUAL = ((-1, 1), (1, 5), (1, 10), (0, 5), (0, 10), (0, 100))
"""Scales on which people mark."""

STANDS_FOR_MISSING = (-1, -9, -99, -999, -9999, 99, 999, 9999)
"""Numbers that people write for a score that is missing."""

RARE = 0.2
"""Share of the marks that may be missing, rather than on another scale."""


def to_scale(marks: Marks, rules: Rules, where: str) -> NDArray[np.float64]:
    """Return marks on the scale from 0 to 1; those beyond it lie outside [0, 1].

    Args:
        marks: of one column.
        rules: whose ``scale`` and ``failures`` are followed.
        where: file and column, for messages.

    Raises:
        DataError: percent signs beside other numbers, or beside a scale that is not 0:100.
    """
    numbers, percent = marks.numbers, marks.kinds["percent"]
    if percent:
        _check_percent(marks, rules, where)
        numbers = numbers / 100
    elif rules.scale is not None:
        low, high = rules.scale
        words = marks.kinds["word"]
        if words:
            raise DataError(
                f"{where}: holds {words:,} words such as 'pass' that have no place on a scale "
                f"from {low:g} to {high:g}; leave --scale out, or read the columns apart"
            )
        numbers = (numbers - low) / (high - low)
    if marks.lost and rules.failures == "wrong":
        numbers = numbers.copy()
        numbers[list(marks.lost)] = 0
    return numbers


def _check_percent(marks: Marks, rules: Rules, where: str) -> None:
    plain = sum(marks.kinds[kind] for kind in ("number", "comma", "word"))
    if plain:
        raise DataError(
            f"{where}: {marks.kinds['percent']:,} cells have a percent sign and {plain:,} have "
            "none, so their scale is in doubt; write all of them alike"
        )
    if rules.scale is not None and rules.scale != (0, 100):
        low, high = rules.scale
        raise DataError(
            f"{where}: cells have a percent sign, but a scale from {low:g} to {high:g} was given; "
            "leave --scale out"
        )


def told(kinds: Counter[str], rules: Rules, marks: NDArray[np.floating]) -> list[Finding]:
    """Return findings of how cells were read, which became ``marks``."""
    findings = []
    n = 0 if rules.scale is None else int((~np.isnan(marks)).sum()) - kinds["percent"]
    if rules.scale is not None and n > 0:
        low, high = rules.scale
        what = f"marks from {low:g} to {high:g} were turned into scores from 0 to 1"
        findings.append(Finding("turned", what, n))
    for kind, what in (
        ("percent", "cells with a percent sign were divided by 100"),
        ("comma", "cells were read with a decimal comma"),
        ("passed", "cells 'P' were read as passed, as others are 'F'"),
    ):
        if kinds[kind]:
            findings.append(Finding("guessed", what, kinds[kind]))
    if kinds["lost"] and rules.failures == "wrong":
        findings.append(Finding("guessed", "answers that were lost count as wrong", kinds["lost"]))
    elif kinds["lost"]:
        what = (
            "answers that were lost ('timeout', 'error') are missing; --failures wrong counts "
            "them as wrong"
        )
        findings.append(Finding("dropped", what, kinds["lost"]))
    return findings


def outside(mark: float, rules: Rules, marks: NDArray[np.floating]) -> str:
    """Say what is wrong with a mark outside [0, 1].

    Args:
        mark: the mark, on the scale from 0 to 1 that was given or taken for granted.
        rules: of the import.
        marks: all marks, likewise, of any shape.
    """
    low, high = float(np.nanmin(marks)), float(np.nanmax(marks))
    if rules.scale is not None:
        a, b = rules.scale
        blank = ""
        if any(abs(a + mark * (b - a) - one) < 1e-4 for one in STANDS_FOR_MISSING):
            blank = "; if it stands for a missing score, replace it by a blank"
        return (
            f"{a + mark * (b - a):g}, outside the scale {a:g} to {b:g} that was given; marks run "
            f"from {a + low * (b - a):g} to {a + high * (b - a):g}{blank}"
        )
    beyond = marks[(marks < 0) | (marks > 1)]
    blank = stand_for_missing(beyond)
    if blank and len(beyond) <= RARE * (~np.isnan(marks)).sum():
        return f"{mark:g}, outside [0, 1], as are {len(beyond):,} in all: {blank}"
    blank = f"; {blank}" if blank else ""
    return (
        f"{mark:g}, outside [0, 1]; marks run from {low:g} to {high:g}: {advice(low, high)}{blank}"
    )


def stand_for_missing(beyond: NDArray[np.floating]) -> str:
    """Return advice where all marks outside [0, 1] may stand for missing scores, or "".

    >>> stand_for_missing(np.array([-1.0, -1.0])), stand_for_missing(np.array([-1.0, -0.5]))
    ('if -1 stands for a missing score, replace it by a blank', '')
    """
    distinct = [float(one) for one in np.unique(beyond)]
    if not distinct or not set(distinct) <= set(STANDS_FOR_MISSING):
        return ""
    listed = " or ".join(f"{one:g}" for one in distinct)
    return f"if {listed} stands for a missing score, replace it by a blank"


def advice(low: float, high: float) -> str:
    """Return what to do with marks from ``low`` to ``high``.

    >>> advice(0, 85)
    'if they are percentages, give --scale 0:100'
    >>> advice(2, 9)
    'if they are marks from 1 to 10, give --scale 1:10'
    >>> advice(-1, 1)
    'if they are marks from -1 to 1, give --scale -1:1'
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return "an infinite number is no mark; write what is missing as an empty cell"
    known = next(((a, b) for a, b in USUAL if a <= low and least(b) <= high <= b), None)
    if known is None:
        return "give the lowest and highest possible mark, --scale LOWEST:HIGHEST"
    a, b = known
    are = "percentages" if b == 100 else f"marks from {a} to {b}"
    return f"if they are {are}, give --scale {a}:{b}"


def options(names: Sequence[str]) -> str:
    """Return what leaves out, or keeps, what may be no item.

    >>> options(["average", "size"])
    "say --drop 'average,size' to leave them out, or --keep 'average,size' to read them as items"
    """
    if len(names) == 1:
        one = names[0]
        return f"say --drop {one!r} to leave it out, or --keep {one!r} to read it as an item"
    listed = ",".join(f'"{one}"' if "," in one else one for one in names)
    return f"say --drop {listed!r} to leave them out, or --keep {listed!r} to read them as items"


def least(top: float) -> float:
    """Return the best mark from which on a scale up to ``top`` may be meant."""
    return 10 if top == 100 else 0.8 * top if top > 1 else -1


def place(path: Path, name: str) -> str:
    """Return file and column for a message."""
    return f"{path}, column {name[:60]!r}"
