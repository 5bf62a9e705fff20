"""How a command ends: one line per error or warning, the rest on demand, the right exit code."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tinyeval.cli.output import printable
from tinyeval.errors import TinyEvalError, one_line
from tinyeval.errors.wording import words_for_commands
from tinyeval.registry import is_outside, load_module

INTERRUPTED = 130
"""What a shell expects of a program that ended by Ctrl-C: 128 + SIGINT."""

DEBUG = "tinyeval.debug"
"""Key of a context's ``meta``, which the contexts of group and command share."""


FITTING = ("build", "backtest")
"""Commands that fit, and whose recipe says how much of it is in memory at a time."""

LONGEST = 2000
"""Characters of a line, however long what it names."""


class Group(click.Group):
    """Commands whose expected errors end in one line on stderr instead of a traceback.

    The group and each of its commands take ``--debug``, which shows the traceback as well.
    """

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, and to it the option ``--debug``."""
        if not any(one.name == "debug" for one in cmd.params):
            cmd.params.append(debug_option())
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added, which is that of use."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; expected errors become a one-line message that names options."""
        with words_for_commands():
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> object:
        try:
            with one_line_warnings():
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # `tinyeval show BANK | head`: click ends it quietly
        except TinyEvalError as error:
            raise _told(ctx, error, str(error)) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise _told(ctx, error, f"{where}{error.strerror or error}") from error
        except MemoryError as error:
            fits = ctx.invoked_subcommand in FITTING
            remedy = "lower irt.block_size in the recipe, or read" if fits else "read"
            line = f"not enough memory; {remedy} fewer results"
            raise _told(ctx, error, line) from error
        except KeyboardInterrupt as error:
            _told(ctx, error, "")
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


def debug_option() -> click.Option:
    """Return the option ``--debug``; :func:`is_debugging` says whether it was given."""

    def remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        ctx.meta[DEBUG] = value or ctx.meta.get(DEBUG, False)

    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=remember,
        help="Show the traceback behind an error.",
    )


def is_debugging() -> bool:
    """Say whether the command that runs was given ``--debug``, or TINYEVAL_DEBUG is set."""
    return bool(click.get_current_context().meta.get(DEBUG))


def show_traceback(error: BaseException) -> None:
    """Print the traceback of an error, and of those that caused it, on stderr."""
    for line in "".join(traceback.format_exception(error)).splitlines():
        click.echo(printable(line), err=True)


def look_here(*names: str | None) -> None:
    """Let modules of the current folder be found where a name is ``MODULE:FUNCTION``."""
    here = str(Path.cwd())
    if any(name is not None and is_outside(name) for name in names) and here not in sys.path:
        sys.path.insert(0, here)


def import_plugin(module: str) -> None:
    """Import a module of the user's, from the current folder too.

    Raises:
        ConfigError: it cannot be imported.
    """
    look_here(module + ":")
    load_module(module)


def _told(ctx: click.Context, error: BaseException, line: str) -> click.ClickException:
    if ctx.meta.get(DEBUG):
        show_traceback(error)
    return click.ClickException(one_line(line, LONGEST))


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Show warnings meant for users as ``warning: ...`` on stderr."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        line = one_line(message, LONGEST)
        if line not in shown:
            click.echo(f"warning: {line}", err=True)
        shown.add(line)

    with warnings.catch_warnings():
        warnings.filterwarnings("default", category=UserWarning)
        warnings.showwarning = show
        yield
