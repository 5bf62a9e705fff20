"""How figures are drawn: their size and style, what they say, and how they are saved.

Scores and errors are drawn in points, of which 100 are the whole score.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np

from tinyeval.errors import DataError
from tinyeval.report.svg import COLOURS, style, to_svg
from tinyeval.training.optional import load

SIZE = (4.8, 3.2)
"""Width and height in inches: legible on a telephone too."""

KINDS = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class Figure:
    """A drawn figure; a notebook shows it.

    Attributes:
        figure: the matplotlib figure.
        title, description: what it shows, for screen readers.
    """

    figure: Any
    title: str
    description: str

    def svg(self, key: str = "figure") -> str:
        """Return it as an ``<svg>`` element for a page; ``key`` is the prefix of its ids."""
        return to_svg(self.figure, key, self.title, self.description)

    def save(self, path: str | Path) -> None:
        """Write it to a .svg, .png or .pdf file, on white.

        Raises:
            DataError: another ending.
        """
        path = Path(path)
        if path.suffix not in KINDS:
            raise DataError(f"{path}: expected a file ending in {', '.join(KINDS)}")
        undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        matplotlib = load("matplotlib", "report")
        with style(), matplotlib.rc_context({"svg.hashsalt": "tinyeval"}):
            self.figure.savefig(path, dpi=150, facecolor="white", metadata=undated[path.suffix])

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        with style():
            self.figure.savefig(out, format="png", dpi=110, facecolor="white")
        return out.getvalue()


P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the style of the page, whatever the caller's own is."""

    @wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style(), warnings.catch_warnings():
            # the reader's fonts show the letters, not those that measure them here
            warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
            drawn = draw(*args, **kwargs)
            # a layout that is made again each time differs in the last digit
            drawn.figure.draw_without_rendering()
            drawn.figure.set_layout_engine("none")
        return drawn

    return in_style


def points_of(value: float) -> str:
    """Return a score or error in points, as a number."""
    return f"{100 * value:.1f}"


def canvas(x: str, y: str, size: tuple[float, float] = SIZE) -> tuple[Any, Any]:
    """Return a new figure and its axes, with labels."""
    figure = load("matplotlib.figure", "report").Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    return figure, axes


def draw_line(
    axes: Any,
    x: Any,
    y: Any,
    colour: int,
    label: str,
    dashes: Any = "-",
    *,
    width: float = 1.8,
    marker: str = "",
) -> None:
    """Draw a line of scores; ``colour`` counts COLOURS."""
    axes.plot(
        x,
        100 * np.asarray(y),
        color=COLOURS[colour],
        linestyle=dashes,
        linewidth=width,
        marker=marker,
        markersize=4.5,
        label=label,
    )
