"""The exceptions of tinyeval.

Every message says what was expected, what was found, where, and what to do.  The commands print it
as one line and exit with code 1.
"""

from __future__ import annotations

from collections.abc import Iterable

from tinyeval.errors.wording import worded

MOST, END = 1500, 400
"""Characters of a message, and how many of them are its end, which says what to do."""


class TinyEvalError(Exception):
    """Base class of every error that tinyeval raises on purpose.

    Example:
        >>> from tinyeval import TinyEvalError, read_results
        >>> try:
        ...     read_results("nowhere.csv")
        ... except TinyEvalError as error:
        ...     print(error)
        nowhere.csv: there is no such file or folder
    """

    def __str__(self) -> str:
        """Return the message as one line of bounded length, in the words of its reader."""
        text = worded(_joined(super().__str__()))
        return text if len(text) <= MOST else f"{text[: MOST - END]} ... {text[-END:]}"


class DataError(TinyEvalError):
    """Results or answers that cannot be read, or are invalid."""


class ConfigError(TinyEvalError):
    """A setting that is unknown, of the wrong type, or out of its range."""


class BankError(TinyEvalError):
    """An item bank on disk that is missing, damaged, or of another format version."""


class UnregisteredError(BankError):
    """A bank whose estimator is from outside tinyeval and is not registered in this process."""


class FitError(TinyEvalError):
    """A fit that is impossible on these responses, or diverged."""


class ProcessError(TinyEvalError):
    """A process of a shared build that ended or cannot be reached."""


class DependencyError(TinyEvalError):
    """An optional library that is needed but not installed."""


class ThinHistoryWarning(UserWarning):
    """A history from which a bank is built although it is too thin to say much."""


def examples(values: Iterable[object], limit: int = 3) -> str:
    """Return the first ``limit`` values, quoted and comma-separated, for an error message."""
    listed = list(values)
    tail = f", ... ({len(listed)} in all)" if len(listed) > limit else ""
    return ", ".join(_quoted(str(value)) for value in listed[:limit]) + tail


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")


LONGEST = 200
"""Characters of a value that are quoted: ids of 10,000 are legitimate."""


def one_line(message: object, limit: int | None = None) -> str:
    """Return the text of a message or error without line breaks, cut to ``limit`` characters."""
    return _joined(str(message))[:limit] or type(message).__name__


def reason(error: BaseException) -> str:
    """Return what an error says in one line; errors that are not ours with their kind.

    >>> reason(KeyError("q1")), reason(DataError("no answers"))
    ("KeyError: 'q1'", 'no answers')
    """
    said, kind = one_line(error, MOST), type(error).__name__
    return said if isinstance(error, TinyEvalError) or said == kind else f"{kind}: {said}"


def _joined(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line for line in lines if line)
