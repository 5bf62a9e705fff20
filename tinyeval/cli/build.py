"""``tinyeval build``: historical results -> bank."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.contents import (
    UNLICENSED,
    ContentAsked,
    content_facts,
    content_line,
    content_options,
)
from tinyeval.cli.options import (
    PATH,
    POINTS,
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
from tinyeval.cli.output import ProgressBar, check_new_bank, json_text, printable, save_bank
from tinyeval.compute.processes import launched

if TYPE_CHECKING:
    from tinyeval.bank.codec import Content
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.config import Settings
    from tinyeval.responses import ResponseMatrix


def _goal(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Return the error in score units; the number of items cannot be given as well."""
    if value is not None and ctx.params.get("items") is not None:
        raise click.UsageError("Give --items or --error, not both.")
    return None if value is None else value / 100


@click.command("build", short_help="Build a bank from historical results.")
@results_argument
@click.option(
    "--items",
    type=POSITIVE,
    metavar="N",
    is_eager=True,  # --error looks at it
    help="Number of anchors. [default: 100, or as set by --budget or --quotas]",
)
@click.option(
    "--error",
    type=POINTS,
    metavar="POINTS",
    callback=_goal,
    help="Error of the full score to reach, in percentage points: takes as few items as do so, by "
    "trying banks as `tinyeval plan` does.",
)
@click.option(
    "--out", type=PATH, metavar="BANK", required=True, help="Folder to write the bank to."
)
@settings_options(certify=True, stages=True)
@reading_options()
@click.option("--name", metavar="NAME", help="Name of the bank. [default: that of its folder]")
@content_options()
@click.option(
    "--source", metavar="TEXT", default="", help="Origin of the results, recorded in the bank."
)
@overwrite_option
@json_option
def build_command(
    results: Sequence[Path],
    items: int | None,
    error: float | None,
    out: Path,
    recipe: Recipe,
    reading: Reading,
    name: str | None,
    source: str,
    asked: ContentAsked,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Choose the anchors of a benchmark from RESULTS, and save them as a bank.

    RESULTS are the scores of at least five models on all items of a benchmark: a table (csv, jsonl,
    json, parquet, npz; wide with one column per item, or long with the columns model, item, score)
    or the output folder of an evaluation harness. Several files are joined by model and item ids.
    Prompts that they hold (lm-evaluation-harness, Inspect) are stored for the anchors, so that
    models can be asked. To share the work, run `torchrun ... -m tinyeval build ...`.

    \b
    Example:
      tinyeval build results.parquet --items 100 --out bank
      tinyeval build lm_eval_output/ --metric acc --items 50 --out bank
      tinyeval build scores.csv --config fast --level 0.95 --out bank
      tinyeval build results.parquet --budget 50000 --cost prompt_tokens --out bank
      tinyeval build results.parquet --items 30 --stages 2 --out bank
      tinyeval build results.parquet --error 1.5 --expect similar --out bank
      tinyeval build results.parquet --items 100 --quotas gsm8k=20,mmlu=10+ --out bank
      tinyeval build results.parquet --items 30 --certify 150 --out bank
    """
    start = time.perf_counter()
    check_new_bank(out, overwrite)
    settings = replace(recipe, expect=None).settings(reading, items)
    table = asked.table()
    with launched(settings.device) as processes, ProgressBar(quiet=not processes.leads) as progress:
        from tinyeval.building import build

        history = _History(results, reading, settings, progress)
        bank = build(
            history.read,
            error=error,
            expect=recipe.expect,
            settings=settings,
            name=name or out.resolve().name,
            source=source,
            progress=progress,
            processes=processes,
        )
        if not processes.leads:
            return
        bank, problem = asked.add(bank, table, history.content)
    digest = save_bank(bank, out, overwrite)
    facts = summary(bank, digest, out, time.perf_counter() - start)
    click.echo(json_text(facts) if as_json else _text(facts))
    if bank.content and not asked.content_licence:
        click.echo(UNLICENSED.format("--content-licence"), err=True)
    asked.tell(problem)


class _History:
    """Reads results, and then what they hold of the anchors' prompts.

    Args:
        results: files or folders.
        reading: how they are read.
        settings: of the bank.
        progress: shows it.
    """

    def __init__(
        self, results: Sequence[Path], reading: Reading, settings: Settings, progress: ProgressBar
    ) -> None:
        self.results, self.reading, self.settings = results, reading, settings
        self.progress = progress
        self.format: str | None = None

    def read(self) -> ResponseMatrix:
        """Return the results."""
        key, overall = item_key(self.settings), _overall(self.settings)
        found = self.reading.told(self.results, self.progress, key, overall=overall)
        self.format = found.format
        return found.responses

    def content(self, wanted: Mapping[str, str]) -> Content:
        """Return the content of items: id -> hash of the document."""
        key = item_key(self.settings)
        return self.reading.content(self.results, wanted, self.progress, key, self.format)


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
        "drawn": None if bank.certifier is None else bank.certifier.draws,
        "cost": bank.cost,
        "stages": 1 if bank.continuation is None else 2,
        "expected_error_in_stages": staged_error(bank),
        "level": bank.level,
        "expected_error": bank.expected_error,
        "baselines": None if bank.baselines is None else asdict(bank.baselines),
        "content": content_facts(bank, out),
        "seconds": round(seconds, 1),
    }


def staged_error(bank: ItemBank) -> float | None:
    """Return the expected error of as many answers in two stages; None for a single one."""
    return None if bank.continuation is None else bank.continuation.errors["policy"]


def behind_ridge(bank: ItemBank) -> list[int]:
    """Return numbers of anchors with which ridge on as many random items errs less."""
    known = bank.baselines
    if known is None:
        return []
    return [n for n, error in bank.expected_error.items() if known.random_ridge[n] < error]


def _beside(facts: dict[str, Any]) -> str:
    """Return the line of baselines: what the anchors are better than."""
    known, n = facts["baselines"], facts["anchors"]
    if known is None:
        return ""
    mean, ridge = (known[name][n] for name in ("random_mean", "random_ridge"))
    return (
        f"with {n} random items: {mean:.3f} by their mean, {ridge:.3f} by ridge regression; "
        f"without any: {known['history_mean']:.3f}\n"
    )


def _text(facts: dict[str, Any]) -> str:
    n, errors, out = facts["anchors"], facts["expected_error"], printable(facts["path"])
    dropped, near = facts["duplicates_dropped"], facts["near_copies"]
    told = [f"{dropped} exact copies dropped"] if dropped else []
    told += [f"{near} are near copies, held out together"] if near else []
    copies = f" ({'; '.join(told)})" if told else ""
    cost = "" if facts["cost"] is None else f", at a cost of {facts['cost']:,.6g} in all"
    drawn = facts["drawn"]
    more = f"; {drawn} more are drawn for each model" if drawn else ""
    asked = "" if facts["content"] is None else f"\n{content_line(facts['content'])}"
    ask = "" if facts["content"] is None else f"  tinyeval eval {out} MODEL    asks a model those\n"
    draws = f"\n  tinyeval predict {out} ANSWERS --drawn    lists those drawn" if drawn else ""
    staged = facts["expected_error_in_stages"]
    stages, steps = "", ""
    if staged is not None:
        stages = f"\nin two stages: {staged:.3f} with {n} items, as `tinyeval next` names them"
        steps = f"  tinyeval next {out} ANSWERS    what to ask next of each model\n"
    half = max((size for size in errors if size <= n / 2), default=None)
    fewer = "" if half is None else f", {errors[half]:.3f} with {half}"
    return f"""\
{out}: {n} anchors of {facts["items"]} items, from {facts["models"]} models{copies}{cost}{more}
expected error of the full score: {errors[n]:.3f} with {n} anchors{fewer}{stages}{asked}
{_beside(facts)}\
{facts["seconds"]:.0f} s

next:
  tinyeval show {out}
  tinyeval export {out} --to csv    the items to run, best first; --help: lm-eval and other forms
{steps}{ask}  tinyeval predict {out} ANSWERS    full scores, from answers to those items{draws}"""
