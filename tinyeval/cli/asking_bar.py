"""How far an evaluation is, on stderr: a bar with the time left, or a line every half minute."""

from __future__ import annotations

import sys
import time

import click

from tinyeval.cli.output import SILENCE, printable
from tinyeval.compute.progress import Bar

BAR = "{desc}: |{bar:40}| {n_fmt}/{total_fmt}, {remaining} left"


class AskingBar(Bar):
    """Shows (answered, asked, name of the model).

    Args:
        lines: tell in lines where there is no terminal.
    """

    def __init__(self, lines: bool = True) -> None:
        super().__init__(BAR)
        self.lines = lines
        self.on_terminal = sys.stderr.isatty()
        self.name: str | None = None
        self.first, self.begun, self.told = 0, 0.0, 0.0
        self.done, self.total = 0, 0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show the progress; a new name begins a new bar."""
        begins = what != self.name
        self.done, self.total = done, total
        if begins:
            self.close()
            self.name, self.first = what, done
            self.begun = self.told = time.monotonic()
        if self.on_terminal:
            self.draw(done, total, printable(what))
        elif not self.lines:
            return
        elif begins and done < total:
            click.echo(f"{printable(what)}: asks {total - done} items", err=True)
        elif not begins and done < total and time.monotonic() - self.told > SILENCE:
            self.told = time.monotonic()
            left = (self.told - self.begun) / (done - self.first) * (total - done)
            click.echo(f"{done} of {total} answered, about {left:.0f} s left", err=True)

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        self.clear()
        click.echo(printable(line), err=True)
