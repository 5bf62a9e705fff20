"""``tinyeval methods``: the recipes that ship, and what a recipe may name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.options import json_option
from tinyeval.cli.output import print_json
from tinyeval.shipped import recipes

if TYPE_CHECKING:
    from tinyeval.registry import Method


@click.command("methods", short_help="List recipes, selectors and estimators.")
@json_option
def methods_command(as_json: bool) -> None:
    """List the recipes that ship, and the selectors and estimators that a recipe may name.

    `--config NAME` and `backtest --methods NAME,...` take a recipe. Options of selectors and
    estimators are shown with their defaults. One of your own is named MODULE:FUNCTION
    (docs/extending.md).

    \b
    Example:
      tinyeval methods
      tinyeval methods --json
    """
    from tinyeval.estimators import ESTIMATORS
    from tinyeval.selection import SELECTORS

    known = {name: _about(path) for name, path in recipes().items()}
    found = {"selection": _records(SELECTORS), "estimator": _records(ESTIMATORS)}
    if as_json:
        print_json({"recipes": known, **found})
        return
    lines = ["recipes (--config NAME)", *(f"  {name:18}{text}" for name, text in known.items())]
    parts = ["\n".join(lines), *(_text(section, records) for section, records in found.items())]
    click.echo("\n\n".join(parts))


def _about(path: Path) -> str:
    """Return the first sentence of the comment at the top of a recipe."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = " ".join(one.removeprefix("#").strip() for one in lines[: _end(lines)])
    return re.split(r"(?<!\bal)[.:](?: |$)", comment)[0]


def _end(lines: list[str]) -> int:
    return next(k for k, one in enumerate([*lines, ""]) if one.strip("# ") == "")


def _records(registry: dict[str, Method]) -> dict[str, dict[str, Any]]:
    from tinyeval.config import option_defaults

    records = {}
    for name, method in registry.items():
        records[name] = {
            "summary": method.summary,
            "options": option_defaults(method.load()),
            "draws": method.draws,
            "cites": method.cites,
        }
    return records


def _text(section: str, records: dict[str, dict[str, Any]]) -> str:
    lines = [f"{section}.method"]
    for name, one in records.items():
        lines.append(f"  {name:18}{one['summary']}")
        lines += [
            f"  {'':18}  {option}: {json.dumps(value)}" for option, value in one["options"].items()
        ]
    return "\n".join(lines)
