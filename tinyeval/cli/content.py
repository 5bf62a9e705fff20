"""``tinyeval content``: give a bank the prompts of its items."""

from __future__ import annotations

from pathlib import Path

import click

from tinyeval.cli.options import BANK, PATH
from tinyeval.cli.output import printable, save_bank


@click.command("content", short_help="Give a bank its items' prompts.")
@click.argument("bank", type=BANK)
@click.argument("file", type=PATH)
@click.option(
    "--of",
    type=click.Choice(["anchors", "all"]),
    default="anchors",
    show_default=True,
    help="Items whose content is stored.",
)
@click.option("--item-column", metavar="NAME", help="Column of item ids. [default: recognised]")
@click.option("--licence", metavar="TEXT", default="", help="Licence of the content, for the card.")
def content_command(bank: Path, file: Path, of: str, item_column: str | None, licence: str) -> None:
    """Add the content of FILE to a BANK, so that models can be asked its items.

    FILE is a table (jsonl, json, parquet ...) with one row per item. The runners read the columns
    prompt, choices (a list; none: the answer is generated), gold (index or text of the right
    choice, or the right answer) and stop; other columns are kept for functions of your own. What
    the bank predicts does not change, nor does its digest.

    \b
    Example:
      tinyeval content bank items.jsonl --licence "CC BY 4.0"
      tinyeval content bank items.parquet --of all
    """
    from tinyeval.bank.content import read_content, with_content
    from tinyeval.bank.item_bank import ItemBank

    loaded = ItemBank.load(bank)
    filled = with_content(loaded, read_content(file, item_column), of=of, licence=licence)
    save_bank(filled, bank, overwrite=True)
    size = (bank / "content.parquet").stat().st_size
    assert filled.content is not None
    fields = ", ".join(sorted({name for one in filled.content.values() for name in one}))
    click.echo(
        f"{printable(str(bank))}: content of {len(filled.content)} items, {size / 1e6:.2f} MB; "
        f"fields: {printable(fields)}"
    )
    if not licence:
        click.echo(
            "note: no licence is stated (--licence); do not pass the bank on before it is clear",
            err=True,
        )
