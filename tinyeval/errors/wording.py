"""What a message advises, in the words of its reader: options for a command, keywords for Python.

Messages of the library name an option as the command line does (``--failures wrong``), because
most of them are read there.  Shown to a program, they name the keyword instead
(``failures='wrong'``).  ``KEYWORDS`` has every option that a message may name, ``FUNCTIONS`` every
command; tests/test_wording.py holds the library to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_for_commands: ContextVar[bool] = ContextVar("for_commands", default=False)


@contextmanager
def words_for_commands(yes: bool = True) -> Iterator[None]:
    """Show messages in the words of the command line."""
    token = _for_commands.set(yes)
    try:
        yield
    finally:
        _for_commands.reset(token)


def are_for_commands() -> bool:
    """Say whether messages are now shown in the words of the command line."""
    return _for_commands.get()


def set_for_commands(yes: bool) -> None:
    """Choose the words of a process that reads for another one."""
    _for_commands.set(yes)


def worded(text: str) -> str:
    """Return a message in the words of its reader.

    Example:
        >>> from tinyeval.errors.wording import worded, words_for_commands
        >>> worded("say --drop 'a,b', or --partial")
        "say drop=['a', 'b'], or partial=True"
        >>> with words_for_commands():
        ...     worded("say --drop 'a,b', or --partial")
        "say --drop 'a,b', or --partial"
    """
    if are_for_commands() or ("--" not in text and "`tinyeval " not in text):
        return text
    return _COMMAND.sub(_function, _OPTION.sub(_keyword, text))


def _flag(name: str) -> Callable[[str], str]:
    return lambda value: f"{name}=True"


def _plain(name: str) -> Callable[[str], str]:
    return lambda value: f"{name}={value}" if value else name


def _word(name: str) -> Callable[[str], str]:
    return lambda value: f"{name}={value!r}" if value else name


def _names(name: str) -> Callable[[str], str]:
    def say(value: str) -> str:
        if not value:
            return name
        if value.isupper():
            return f"{name}=[{value}]"
        return f"{name}={[one.strip() for one in value[1:-1].split(',')]}"

    return say


def _column(name: str) -> Callable[[str], str]:
    return lambda value: f"columns=Columns({name}={value or '...'})"


def _scale(value: str) -> str:
    low, _, high = value.partition(":")
    return f"scale=({low}, {high})" if value else "scale"


def _setting(*path: str) -> Callable[[str], str]:
    def say(value: str) -> str:
        shown = repr(value) if value else "..."
        for name in reversed(path):
            shown = f"{{{name!r}: {shown}}}"
        return f"settings={shown}"

    return say


def _call(name: str) -> Callable[[str], str]:
    return lambda value: f"{name}({value.rpartition(':')[2] or '...'})"


_QUOTED = r"'[^']*'|\"[^\"]*\"|[A-Z]{2,}"

KEYWORDS: dict[str, tuple[str, Callable[[str], str]]] = {
    "answer": ("MODULE:FUNCTION", _call("FunctionAnswerer")),
    "benchmark-column": (_QUOTED, _column("benchmark")),
    "certify": ("", _setting("certify", "items")),
    "changed": ("drop|refuse", _word("changed")),
    "content": (_QUOTED, _plain("content")),
    "content-of": ("all|anchors", _word("content_of")),
    "cost": ("", _setting("cost")),
    "debug": ("", lambda value: "its `__cause__`"),
    "device": ("cpu|cuda", _setting("device")),
    "direction": ("lower|higher", _word("direction")),
    "drawn": ("", lambda value: "`bank.drawn`"),
    "expect": ("similar|any|beyond", _word("expect")),
    "drop": (_QUOTED, _names("drop")),
    "failures": ("wrong|missing", _word("failures")),
    "filter": (_QUOTED, _plain("filter")),
    "format": (_QUOTED, _plain("format")),
    "full": ("", _flag("full")),
    "groups": ("", _setting("interval", "groups")),
    "item-column": (_QUOTED, _column("item")),
    "jobs": ("", _plain("jobs")),
    "keep": (_QUOTED, _names("keep")),
    "lm-eval": (_QUOTED, _call("HarnessAnswerer")),
    "metric": (_QUOTED, _plain("metric")),
    "model-column": (_QUOTED + "|model(?= says)", _column("model")),
    "of": ("all|anchors", _word("of")),
    "overwrite": ("", _flag("overwrite")),
    "partial": ("", _flag("partial")),
    "parts": ("", _plain("parts")),
    "pattern": ("", _plain("pattern")),
    "repeats": ("average|refuse", _word("repeats")),
    "scale": (r"[-\w.]+:[-\w.]+", _scale),
    "score-column": (_QUOTED, _column("score")),
    "target": ("", _setting("target", "column")),
    "transpose": ("", _flag("transpose")),
    "trial-column": (_QUOTED, _column("trial")),
    "trials": ("[0-9]+|N", _plain("trials")),
    "zeros": ("missing|keep", _word("zeros")),
}
"""Option -> its values as messages write them, and what it is in Python."""

FUNCTIONS = {
    "build": "tinyeval.build",
    "content": "tinyeval.bank.content.with_content",
    "eval": "tinyeval.training.evaluate",
    "export": "bank.anchors",
    "predict": "bank.predict",
}
"""Command -> what it is in Python."""


def _pattern(option: str, values: str) -> str:
    """Return a pattern of an option, and of its value where one follows."""
    name = option.replace("-", "_")
    value = f"(?:[ =](?P<{name}_value>{values}))?" if values else ""
    return f"--{option}(?![\\w-]){value}"


_OPTION = re.compile("|".join(_pattern(name, values) for name, (values, _) in KEYWORDS.items()))
_COMMAND = re.compile(r"`tinyeval (\w+)[^`]*`")


def _keyword(found: re.Match[str]) -> str:
    option = found[0][2:].partition(" ")[0].partition("=")[0]
    value = found.groupdict().get(f"{option.replace('-', '_')}_value") or ""
    return KEYWORDS[option][1](value)


def _function(found: re.Match[str]) -> str:
    return f"`{FUNCTIONS[found[1]]}`" if found[1] in FUNCTIONS else found[0]
