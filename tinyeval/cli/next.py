"""``tinyeval next``: what to ask next of each model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyeval.cli.options import BANK, PATH, POINTS, POSITIVE, Reading, json_option, reading_options
from tinyeval.cli.output import ProgressBar, print_json, printable, table

if TYPE_CHECKING:
    from tinyeval.stages.next_items import Next


@click.command("next", short_help="Say what to ask next of each model.")
@click.argument("bank", type=BANK)
@click.argument("answers", nargs=-1, type=PATH)
@reading_options(tables=False)
@click.option("--items", type=POSITIVE, metavar="N", help="Name at most N items for each model.")
@click.option(
    "--width",
    type=POINTS,
    metavar="POINTS",
    help="Stop asking a model when its interval is no wider, in percentage points; looked at from "
    "half of the anchors on, at the numbers of answers that the bank is calibrated for.",
)
@json_option
def next_command(
    bank: Path,
    answers: Sequence[Path],
    reading: Reading,
    items: int | None,
    width: float | None,
    as_json: bool,
) -> None:
    """Say which items of BANK to ask next of the models in ANSWERS; without any, which first.

    A bank of two stages (`build --stages 2`) asks a first block of anchors. Their answers tell
    whether a model is within the range of the source models, below or above it, or neither for
    certain, and each of these forms has items of its own. Any other bank asks its anchors, best
    first. ANSWERS may hold models at different stages; answers that are there are not asked again.
    `predict` reads what was answered at any time.

    \b
    Example:
      tinyeval next bank
      tinyeval next bank answers.csv
      tinyeval next bank answers.csv --items 10 --width 4 --json
    """
    from tinyeval.bank.item_bank import ItemBank

    loaded = ItemBank.load(bank)
    given = None
    if answers:
        with ProgressBar() as progress:
            given = reading.read(answers, progress, loaded.item_key, answers=True)
    found = loaded.next(given, items, width=None if width is None else width / 100)
    if as_json:
        known = {"bank": loaded.name, "digest": loaded.digest, "level": loaded.level}
        print_json({**known, "models": [one.to_dict() for one in found]})
        return
    rows = [one.cells() for one in found]
    if width is None:
        rows = [{name: one for name, one in row.items() if name != "width"} for row in rows]
    click.echo(table(list(rows[0]), [list(row.values()) for row in rows]))
    for line in _lists(found):
        click.echo(line)
    if loaded.certifier is not None:
        click.echo(
            "after the anchors each model is asked the items drawn for it: "
            f"`tinyeval predict {printable(str(bank))} ANSWERS --drawn` lists them",
            err=True,
        )


def _lists(found: Sequence[Next]) -> list[str]:
    """Return the items to ask, one a line; models that are asked the same share a list."""
    same: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        if one.items:
            same.setdefault(one.items, []).append(one.model)
    lines = []
    for items, models in same.items():
        whose = models[0] if len(models) == 1 else f"{models[0]} and {len(models) - 1} more"
        lines += ["", printable(f"{whose}:"), *(f"  {printable(one)}" for one in items)]
    return lines
