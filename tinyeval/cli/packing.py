"""Types of options, and groups of options that a command gets as one value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from tinyeval.shipped import banks, is_shipped, recipes

R = TypeVar("R")

PATH = click.Path(path_type=Path)
POSITIVE = click.IntRange(min=1)
POINTS = click.FloatRange(0, 100, min_open=True, max_open=True)


FEWEST_DRAWS = 5
"""Fewest items drawn for a model: see :class:`tinyeval.config.CertifySettings`."""


class Draws(click.ParamType):
    """A number of items, or a share of all items such as 2.5%; the setting that it makes."""

    name = "draws"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return ``{"items": N}`` or ``{"share": P}``; the other one is None."""
        if isinstance(value, dict):
            return value
        text = str(value).strip()
        if re.fullmatch("[0-9]{1,9}", text) and int(text) >= FEWEST_DRAWS:
            return {"items": int(text), "share": None}
        percent = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,9})?) ?%", text)
        if percent and float(percent[1]) > 0:
            return {"items": None, "share": float(percent[1]) / 100}
        self.fail(
            f"expected a number of items, {FEWEST_DRAWS} or more, or a share such as 2.5%, found "
            f"{value!r}.",
            param,
        )


class Named(click.Path):
    """A path, or the name of what ships with tinyeval, which is then said on stderr.

    Args:
        what: one of what ships, in words.
        known: returns all of it, name -> path.
    """

    def __init__(self, what: str, known: Callable[[], Mapping[str, Path]]) -> None:
        super().__init__(path_type=Path)
        self.what, self.known = what, known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path as it was given: reading it finds what ships."""
        if is_shipped(value, self.known()):
            click.echo(f"{value}: the {self.what} that ships with tinyeval", err=True)
        return super().convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the names, and paths."""
        names = [CompletionItem(one) for one in self.known() if one.startswith(incomplete)]
        return names + super().shell_complete(ctx, param, incomplete)


BANK = Named("bank", banks)
RECIPE = Named("recipe", recipes)


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
