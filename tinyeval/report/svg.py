"""Figures as SVG for a page: small, searchable, the same bytes each time, and at home in any theme.

Text stays text.  Colours become CSS variables, so that the page's style decides them, in the dark
and on paper too.  Ids get a prefix, since a page has many figures but each id once.
"""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import Any

from tinyeval.report.names import printable
from tinyeval.training.optional import load

INK, MUTED, GRID, PAPER = "#1b1f24", "#59636e", "#d5dae0", "#fefefe"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008)."""

DASHES = "--"
"""What names of CSS variables begin with."""

VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    PAPER: "paper",
    **{colour: f"c{k}" for k, colour in enumerate(COLOURS)},
}

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "path.simplify": True,
}


def style() -> Any:
    """Return the context in which figures are drawn and saved.

    Raises:
        DependencyError: matplotlib is not installed.
    """
    return load("matplotlib", "report").rc_context(STYLE)


def to_svg(figure: Any, key: str, title: str, description: str) -> str:
    """Return a figure as an ``<svg>`` element with a title and a description.

    Args:
        figure: a matplotlib figure.
        key: prefix of its ids, unique on the page.
        title, description: what a screen reader says.
    """
    matplotlib = load("matplotlib", "report")
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": key}), warnings.catch_warnings():
        # the reader's fonts show the letters, not those that measure them here
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', text)
    assert box is not None
    inner = text[text.index(">") + 1 : text.rindex("</svg>")]
    inner = re.sub(r"<!--.*?-->", "", inner, flags=re.DOTALL)
    inner = re.sub(r"<[^>]+>", lambda tag: _tidy(tag[0], key), inner)
    inner = re.sub(r">\s+<", "><", inner)
    named = f'aria-labelledby="{key}-title {key}-desc"'
    return (
        f'<svg viewBox="{box[1]}" role="img" {named}>'
        f'<title id="{key}-title">{escape(printable(title))}</title>'
        f'<desc id="{key}-desc">{escape(printable(description))}</desc>{inner.strip()}</svg>'
    )


def _tidy(tag: str, key: str) -> str:
    """Shorten numbers, replace colours and fonts, and prefix ids, in one tag."""
    tag = re.sub(r"-?\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), tag)
    for colour, variable in VARIABLES.items():
        tag = tag.replace(colour, f"var({DASHES}{variable})")
    tag = re.sub(r"'DejaVu Sans'[^;\"]*", f"var({DASHES}sans)", tag)
    tag = tag.replace("xlink:href", "href")
    tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", tag)
    return re.sub(r"\s+", " ", tag)
