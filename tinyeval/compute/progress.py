"""How long-running work reports its progress to the caller; it shows nothing unless asked to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tinyeval.errors import ConfigError
from tinyeval.errors.arguments import wrong_type

if TYPE_CHECKING:
    from tqdm import tqdm

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what is being done)."""

FORMAT = "{desc} |{bar:40}| {n_fmt}/{total_fmt}"
"""How a bar looks."""


@contextmanager
def shown(progress: Progress | bool | None) -> Iterator[Progress | None]:
    """Give what reports progress: a function as it is, a bar for True, nothing for None or False.

    Raises:
        ConfigError: something else.
    """
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with Bar() as bar:
            yield bar
    elif callable(progress):
        yield progress
    else:
        raise ConfigError(wrong_type("progress", "True, or a function to call", progress))


class Bar:
    """A bar on standard error, in a terminal or a notebook; it goes when the work is done.

    Args:
        look: how it looks, in the words of tqdm.
    """

    def __init__(self, look: str = FORMAT) -> None:
        self.look = look
        self.bar: tqdm[Any] | None = None

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show how much is done of what."""
        self.draw(done, total, what)

    def draw(self, done: int, total: int, what: str) -> None:
        """Draw the bar; its rate counts from what is done when it begins."""
        if self.bar is None:
            from tqdm import tqdm

            self.bar = tqdm(
                total=total, initial=done, leave=False, file=sys.stderr, bar_format=self.look
            )
        if total != self.bar.total or done < self.bar.n:
            self.bar.reset(total)
        self.bar.set_description_str(what, refresh=False)
        self.bar.n = done
        self.bar.refresh()

    def clear(self) -> None:
        """Take the bar away until it is next drawn, so that a line can be printed."""
        if self.bar is not None:
            self.bar.clear()

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
