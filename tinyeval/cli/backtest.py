"""``tinyeval backtest``: how wrong a bank would have been on models not built from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from tinyeval.cli.output import Progress, check_new_file, json_text

if TYPE_CHECKING:
    from tinyeval.backtesting import Backtest


def _counts(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Parse 10,30,100."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 10,30,100")
    return tuple(int(part) for part in parts)


def _names(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Parse default,random+mean."""
    return tuple(dict.fromkeys(part.strip() for part in value.split(",")))


@click.command("backtest", short_help="Say how wrong a bank would have been.")
@results_argument
@click.option(
    "--items",
    metavar="N,...",
    default="10,30,100",
    show_default=True,
    callback=_counts,
    help="Numbers of anchors.",
)
@click.option(
    "--split",
    metavar="KIND",
    default="random",
    show_default=True,
    help="Which models are held out: random, top, bottom, few:N, spread:N, group:COLUMN or "
    "date:COLUMN.",
)
@click.option(
    "--methods",
    metavar="NAME,...",
    default="default,random+mean,random+ridge",
    show_default=True,
    callback=_names,
    help="Each is default, SELECTOR+ESTIMATOR, or the path of a recipe.",
)
@click.option(
    "--repeats",
    type=POSITIVE,
    metavar="N",
    default=5,
    show_default=True,
    help="Random splits to average over.",
)
@settings_options()
@reading_options(repeats="--repeated")
@click.option("--out", type=PATH, metavar="FILE", help="Also write a .md, .csv or .json file.")
@overwrite_option
@json_option
def backtest_command(
    results: Sequence[Path],
    items: tuple[int, ...],
    split: str,
    methods: tuple[str, ...],
    repeats: int,
    recipe: Recipe,
    reading: Reading,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Build on some models of RESULTS, predict the others, and say how wrong that was.

    Exact copies of a model are dropped first; everything is learned from the models that are not
    held out. Prints a Markdown table of means over the repeats: errors and widths in percentage
    points, Kendall's tau, the share of intervals that hold the true score, seconds per repeat.

    \b
    Example:
      tinyeval backtest results.parquet --items 30,100
      tinyeval backtest results.parquet --split top --methods default,configs/fast.yaml
      tinyeval backtest results.csv --models-table models.csv --split group:org --out table.md
    """
    _check_out(out, overwrite)
    settings = recipe.settings(reading)
    with Progress() as progress:
        responses = reading.read(results, progress, item_key(settings))
        from tinyeval.backtesting import backtest

        found = backtest(
            responses,
            items=items,
            split=split,
            methods=methods,
            repeats=repeats,
            seed=settings.seed,
            settings=settings,
            progress=progress,
        )
    if out is not None:
        from tinyeval.atomic import write_file

        write_file(out, _FORMS[out.suffix](found).encode())
    click.echo(_FORMS[".json" if as_json else ".md"](found), nl=False)


def _check_out(out: Path | None, overwrite: bool) -> None:
    if out is None:
        return
    if out.suffix not in _FORMS:
        expected = ", ".join(_FORMS)
        raise click.BadParameter(f"{out} must end in one of {expected}", param_hint="--out")
    check_new_file(out, overwrite)


def _json(found: Backtest) -> str:
    return json_text({"summary": found.summary(), "rows": found.rows}) + "\n"


_FORMS: dict[str, Callable[[Backtest], str]] = {
    ".md": lambda found: found.to_markdown() + "\n",
    ".csv": lambda found: found.to_csv(),
    ".json": _json,
}
