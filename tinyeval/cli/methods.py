"""``tinyeval methods``: the selectors and estimators that a recipe may name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.options import json_option
from tinyeval.cli.output import print_json

if TYPE_CHECKING:
    from tinyeval.registry import Method


@click.command("methods", short_help="List selectors and estimators.")
@json_option
def methods_command(as_json: bool) -> None:
    """List the selectors and estimators that a recipe or `backtest --methods` may name.

    Options are shown with their defaults. One of your own is named MODULE:FUNCTION
    (docs/extending.md).

    \b
    Example:
      tinyeval methods
      tinyeval methods --json
    """
    from tinyeval.estimators import ESTIMATORS
    from tinyeval.selection import SELECTORS

    found = {"selection": _records(SELECTORS), "estimator": _records(ESTIMATORS)}
    if as_json:
        print_json(found)
    else:
        click.echo("\n\n".join(_text(section, records) for section, records in found.items()))


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
