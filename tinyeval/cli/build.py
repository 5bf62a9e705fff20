"""``tinyeval build``: historical results -> bank."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.options import (
    PATH,
    POSITIVE,
    Reading,
    Recipe,
    item_key,
    json_option,
    overwrite_option,
    reading_options,
    results_argument,
    settings_options,
)
from tinyeval.cli.output import ProgressBar, check_new_bank, print_json, printable, save_bank
from tinyeval.compute.processes import launched

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.config import Settings


@click.command("build", short_help="Build a bank from historical results.")
@results_argument
@click.option(
    "--items",
    type=POSITIVE,
    metavar="N",
    help="Number of anchors. [default: 100, or as set by --budget or --quotas]",
)
@click.option(
    "--out", type=PATH, metavar="BANK", required=True, help="Folder to write the bank to."
)
@settings_options()
@reading_options()
@click.option("--name", metavar="NAME", help="Name of the bank. [default: that of its folder]")
@click.option(
    "--content",
    type=PATH,
    metavar="FILE",
    help="Table of the items' prompts, choices and gold answers: see `tinyeval content`.",
)
@click.option(
    "--content-of",
    type=click.Choice(["anchors", "all"]),
    default="anchors",
    show_default=True,
    help="Items whose content is stored.",
)
@click.option("--content-licence", metavar="TEXT", default="", help="Licence of the content.")
@click.option(
    "--source", metavar="TEXT", default="", help="Origin of the results, recorded in the bank."
)
@overwrite_option
@json_option
def build_command(
    results: Sequence[Path],
    items: int | None,
    out: Path,
    recipe: Recipe,
    reading: Reading,
    name: str | None,
    source: str,
    content: Path | None,
    content_of: str,
    content_licence: str,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Choose the anchors of a benchmark from RESULTS, and save them as a bank.

    RESULTS are the scores of at least five models on all items of a benchmark: a table (csv, jsonl,
    json, parquet, npz; wide with one column per item, or long with the columns model, item, score)
    or the output folder of an evaluation harness. Several files are joined by model and item ids.
    To share the work among processes, run `torchrun ... -m tinyeval build ...`.

    \b
    Example:
      tinyeval build results.parquet --items 100 --out bank
      tinyeval build lm_eval_output/ --metric acc --items 50 --out bank
      tinyeval build scores.csv --config fast --level 0.95 --out bank
      tinyeval build results.parquet --budget 50000 --cost prompt_tokens --out bank
      tinyeval build results.parquet --items 100 --quotas gsm8k=20,mmlu=10+ --out bank
    """
    start = time.perf_counter()
    check_new_bank(out, overwrite)
    settings = recipe.settings(reading, items)
    prompts = None if content is None else _content(content)
    with launched(settings.device) as processes, ProgressBar(quiet=not processes.leads) as progress:
        from tinyeval.building import build

        bank = build(
            lambda: reading.told(results, progress, item_key(settings), overall=_overall(settings)),
            settings=settings,
            name=name or out.resolve().name,
            source=source,
            progress=progress,
            processes=processes,
        )
    if not processes.leads:
        return
    if prompts is not None:
        from tinyeval.bank.content import with_content

        bank = with_content(bank, prompts, of=content_of, licence=content_licence)
    digest = save_bank(bank, out, overwrite)
    facts = summary(bank, digest, out, time.perf_counter() - start)
    if as_json:
        print_json(facts)
    else:
        click.echo(_text(facts))


def _content(path: Path) -> Mapping[str, Mapping[str, Any]]:
    from tinyeval.bank.content import read_content

    return read_content(path)


def _overall(settings: Settings) -> str:
    """Say how a recipe defines the overall score; nothing if it leaves that to the items."""
    target = settings.target
    if target.column is not None:
        return f"the models' column {target.column!r}"
    parts = "mean over benchmarks" if target.benchmark_weights == "equal" else ""
    if target.average == "subjects":
        parts = f"{parts or 'mean over all items'}, subjects of a benchmark alike"
    if target.columns:
        known = ", ".join(map(repr, target.columns))
        parts = f"{parts or 'mean over all items'}, of {known} a column of the models table"
    return parts


def summary(bank: ItemBank, digest: str, out: Path, seconds: float) -> dict[str, Any]:
    """Return what ``build --json`` prints."""
    return {
        "bank": bank.name,
        "path": str(out),
        "digest": digest,
        "items": len(bank.items),
        "models": bank.source["models"],
        "duplicates_dropped": bank.source["duplicates_dropped"],
        "near_copies": bank.source.get("near_copies", 0),
        "anchors": len(bank.anchors),
        "cost": bank.cost,
        "level": bank.level,
        "expected_error": bank.expected_error,
        "seconds": round(seconds, 1),
    }


def _text(facts: dict[str, Any]) -> str:
    n, errors, out = facts["anchors"], facts["expected_error"], printable(facts["path"])
    dropped, near = facts["duplicates_dropped"], facts["near_copies"]
    told = [f"{dropped} exact copies dropped"] if dropped else []
    told += [f"{near} are near copies, held out together"] if near else []
    copies = f" ({'; '.join(told)})" if told else ""
    cost = "" if facts["cost"] is None else f", at a cost of {facts['cost']:,.6g} in all"
    half = max((size for size in errors if size <= n / 2), default=None)
    fewer = "" if half is None else f", {errors[half]:.3f} with {half}"
    return f"""\
{out}: {n} anchors of {facts["items"]} items, from {facts["models"]} models{copies}{cost}
expected error of the full score: {errors[n]:.3f} with {n} anchors{fewer}
{facts["seconds"]:.0f} s

next:
  tinyeval show {out}
  tinyeval export {out} --to lm-eval|inspect|csv|jsonl    the items to run, best first
  tinyeval predict {out} ANSWERS    full scores, from answers to those items"""
