"""Names on a page or a terminal: they come from untrusted files, and may be long or hostile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

LONGEST = 120
"""Characters of a name that are shown."""


def printable(text: str) -> str:
    """Escape characters that move the cursor, change colours or turn the direction of text."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def short(text: str, limit: int = LONGEST) -> str:
    """Return a printable name, with its middle cut out if it is longer than ``limit``.

    Example:
        >>> from tinyeval.report.names import short
        >>> short("meta-llama/Llama-3.1-8B-Instruct", 20)
        'meta-llama/L…nstruct'
    """
    text = printable(text[: 4 * limit] + text[-4 * limit :] if len(text) > 8 * limit else text)
    if len(text) <= limit:
        return text
    end = (limit - 1) * 2 // 5
    return f"{text[: limit - 1 - end]}…{text[len(text) - end :]}"


def listed(names: list[str], most: int = 5, limit: int = 60) -> str:
    """Return names in a sentence: "a, b and c", or "a, b and 7 more"."""
    shown = [short(one, limit) for one in names]
    if len(shown) > most + 1:
        shown = [*shown[:most], f"{len(names) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def warning_lines(warned: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Return every kind of warning once, with the models that it concerns.

    Warnings that differ only in their numbers are of one kind; the text of the first is used.

    Args:
        warned: names of models, and the warnings of each.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for name, texts in warned:
        for text in texts:
            kinds.setdefault(re.sub(r"\d+", "0", text), []).append((printable(name), text))
    lines = []
    for found in kinds.values():
        name, text = found[0]
        many = f"{len(found)} models, such as " if len(found) > 1 else ""
        lines.append(f"{many}{name}: {text}")
    return lines


def percent(probability: float) -> str:
    """Return a probability in per cent, from 0.1 to 99.9."""
    return f"{min(max(100 * probability, 0.1), 99.9):.1f} %"
