"""``tinyeval report``: one page on a bank and its predictions, to print or to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from tinyeval.cli.options import BANK, PATH, Reading, overwrite_option, reading_options
from tinyeval.cli.output import ProgressBar, check_new_file, printable, save_text


@click.command("report", short_help="Write a page on a bank and its predictions.")
@click.argument("bank", type=BANK)
@click.option(
    "--predictions",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="Answers, output of `predict --json`, or a run's predictions.jsonl; may be repeated.",
)
@click.option(
    "--results",
    type=PATH,
    multiple=True,
    metavar="HISTORY",
    help="Results that the bank was built from: tests it again on held-out models, and audits "
    "the items; may be repeated.",
)
@click.option(
    "--out",
    type=PATH,
    metavar="FILE",
    default="report.html",
    show_default=True,
    help="Page to write.",
)
@click.option("--title", metavar="TEXT", default="", help="Title. [default: name of the bank]")
@click.option(
    "--date", metavar="TEXT", default="", help="Date that the page states. [default: none]"
)
@reading_options()
@overwrite_option
def report_command(
    bank: Path,
    predictions: Sequence[Path],
    results: Sequence[Path],
    out: Path,
    title: str,
    date: str,
    reading: Reading,
    overwrite: bool,
) -> None:
    """Write one page on a BANK: what it can tell apart, and what its predictions say.

    The page is a single file of HTML, without scripts and without anything to load: to mail, to
    print, to put on a server. It begins with the verdict in words and every trust check. Figures
    follow, each with its numbers in a table. The same input gives the same file.

    \b
    Example:
      tinyeval report bank
      tinyeval report bank --predictions answers.csv --out models.html
      tinyeval report bank --predictions runs/7 --predictions runs/8 --title "Two runs"
      tinyeval report bank --predictions answers.csv --results results.parquet --overwrite
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{out} must end in .html", param_hint="--out")
    check_new_file(out, overwrite)
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.report.page import make_page
    from tinyeval.report.shown import read_shown

    loaded = ItemBank.load(bank)
    answers = replace(reading, partial=True, items_table=None, models_table=None)
    with ProgressBar() as progress:
        shown = read_shown(
            loaded, predictions, lambda paths: answers.read(paths, progress, loaded.item_key)
        )
        history = reading.imported(list(results), progress, loaded.item_key) if results else None
        text = make_page(
            loaded,
            shown,
            results=history,
            title=title,
            date=date,
            folder=str(bank),
            progress=progress,
        )
    save_text(text, out, overwrite)
    click.echo(f"{printable(str(out))}: {len(text.encode()) / 1000:.0f} kB")
