"""Arguments of the wrong type: one sentence that says what was expected and what was found."""

from __future__ import annotations

import os
from pathlib import Path

from tinyeval.errors import TinyEvalError


def wrong_type(what: str, expected: str, found: object) -> str:
    """Return the sentence, for an error.

    Example:
        >>> from tinyeval.errors.arguments import wrong_type
        >>> wrong_type("the bank", "a path or a name", 3)
        'the bank: expected a path or a name, found int'
    """
    return f"{what}: expected {expected}, found {type(found).__name__}"


def as_path(value: object, what: str, error: type[TinyEvalError]) -> Path:
    """Return a path given as text or path; anything else raises ``error``.

    Example:
        >>> from tinyeval.errors import BankError
        >>> from tinyeval.errors.arguments import as_path
        >>> as_path("folder/bank", "the bank", BankError).name
        'bank'
    """
    if value == "":
        raise error(f"{what}: expected a path, found an empty text")
    if isinstance(value, (str, os.PathLike)):
        return Path(value)
    raise error(wrong_type(what, "a path", value))


def check_level(level: object, error: type[TinyEvalError]) -> None:
    """Raise ``error`` unless a level of intervals lies between 0 and 1."""
    if isinstance(level, bool) or not isinstance(level, (int, float)):
        raise error(wrong_type("level", "a number between 0 and 1", level))
    if not 0 < level < 1:
        raise error(f"level must lie between 0 and 1, found {level}")


def check_margin(margin: object, error: type[TinyEvalError]) -> None:
    """Raise ``error`` unless a difference of scores is at least 0 and below 1."""
    expected = "a number from 0 to 1, such as 0.02 for 2 points"
    if isinstance(margin, bool) or not isinstance(margin, (int, float)):
        raise error(wrong_type("margin", expected, margin))
    if not 0 <= margin < 1:
        raise error(f"margin must be {expected}, found {margin}")
