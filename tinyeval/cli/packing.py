"""Groups of options, each handed to a command as one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

R = TypeVar("R")

PATH = click.Path(path_type=Path)
POSITIVE = click.IntRange(min=1)


def packed(
    name: str, kind: Callable[..., Any], options: Sequence[Callable[[Any], Any]]
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Return a decorator that adds ``options`` and passes them on as one value.

    Args:
        name: of the command's parameter that gets it.
        kind: a dataclass with a field for each of them.
        options: of click.
    """

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @wraps(command)
        def packed_command(**values: Any) -> R:
            own = {key: values.pop(key) for key in kind.__annotations__ if key in values}
            return command(**values, **{name: kind(**own)})

        for option in reversed(options):
            option(packed_command)
        return packed_command

    return decorate
