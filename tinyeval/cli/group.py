"""How a command ends: one line per error or warning, and the right exit code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from tinyeval.errors import TinyEvalError

INTERRUPTED = 130
"""What a shell expects of a program that ended by Ctrl-C: 128 + SIGINT."""


class Group(click.Group):
    """Commands whose expected errors end in one line on stderr instead of a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added, which is that of use."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; expected errors become a one-line message."""
        try:
            with one_line_warnings():
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # `tinyeval show BANK | head`: click ends it quietly
        except TinyEvalError as error:
            raise click.ClickException(one_line(error)) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(one_line(f"{where}{error.strerror or error}")) from error
        except MemoryError as error:
            raise click.ClickException(
                "not enough memory; lower irt.block_size in the recipe, or read fewer results"
            ) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Show warnings meant for users as ``warning: ...`` on stderr."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        click.echo(f"warning: {one_line(message)}", err=True)

    with warnings.catch_warnings():
        warnings.filterwarnings("default", category=UserWarning)
        warnings.showwarning = show
        yield


def one_line(message: object) -> str:
    """Return a message's text without line breaks."""
    return " ".join(line.strip() for line in str(message).splitlines())
