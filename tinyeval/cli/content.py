"""``tinyeval content``: give a bank the prompts of its items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyeval.cli.contents import UNLICENSED, content_facts, content_line
from tinyeval.cli.options import BANK, PATH
from tinyeval.cli.output import printable, save_bank

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank


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
@click.option("--metric", metavar="NAME", help="The bank's metric, where a log has several.")
@click.option("--filter", metavar="NAME", help="The bank's answer filter, likewise.")
@click.option("--licence", metavar="TEXT", default="", help="Licence of the content, for the card.")
def content_command(
    bank: Path,
    file: Path,
    of: str,
    item_column: str | None,
    metric: str | None,
    filter: str | None,
    licence: str,
) -> None:
    """Add the content of FILE to a BANK, so that models can be asked its items.

    FILE is a table (jsonl, json, parquet ...) with one row per item. The runners read the columns
    prompt, choices (a list; none: the answer is written), gold (index or text of the right choice,
    or the right answer), stop and more (docs/content.md); other columns are kept for
    functions of your own. FILE may also be the logs of lm-evaluation-harness or Inspect, which
    hold all of it. What the bank predicts does not change, nor does its digest.

    \b
    Example:
      tinyeval content bank items.jsonl --licence "CC BY 4.0"
      tinyeval content bank items.parquet --of all
      tinyeval content bank lm_eval_output/ --metric acc_norm
    """
    from tinyeval.bank.item_bank import ItemBank

    loaded = ItemBank.load(bank)
    filled = _from_logs(loaded, file, of, licence, metric, filter)
    if filled is None:
        from tinyeval.bank.content import read_content, with_content

        if metric or filter:
            raise click.UsageError("--metric and --filter are for the files of a harness.")
        filled = with_content(loaded, read_content(file, item_column), of=of, licence=licence)
    save_bank(filled, bank, overwrite=True)
    facts = content_facts(filled, bank)
    assert facts is not None
    click.echo(f"{printable(str(bank))}: {content_line(facts)}")
    if not licence:
        click.echo(UNLICENSED.format("--licence"), err=True)


def _from_logs(
    bank: ItemBank, path: Path, of: str, licence: str, metric: str | None, filter: str | None
) -> ItemBank | None:
    """Return the bank with what a harness logged; None if the path is no such log."""
    from tinyeval.bank.content import wanted_of, with_content
    from tinyeval.errors import DataError
    from tinyeval.importers import has_content, import_content, recognise

    try:
        format = recognise([path])[0]
    except DataError:  # no results: a table of prompts has no scores
        return None
    if not has_content(format):
        return None
    found = import_content(
        path,
        wanted_of(bank, of),
        format=format,
        metric=metric,
        filter=filter,
        item_key=bank.item_key,
    )
    for one in found.findings:
        click.echo(printable(f"content: {one}"), err=True)
    if not found.content:
        raise DataError(
            f"{path}: holds the prompts of none of the bank's {len(bank.anchors)} anchors; give "
            "the results that the bank was built from"
        )
    return with_content(bank, found.content, of=of, licence=licence, partial=True)
