"""``tinyeval backtest``: the error of a bank on models that it was not built from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyeval.cli.group import look_here
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
from tinyeval.cli.output import (
    WIDTH,
    ProgressBar,
    check_new_file,
    json_text,
    save_text,
    sentences,
    table,
)

if TYPE_CHECKING:
    from tinyeval.backtesting.backtest import Backtest


def _counts(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    """Parse 10,30,100."""
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 10,30,100")
    return tuple(int(part) for part in parts)


def _names(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Parse default,random+mean."""
    return tuple(dict.fromkeys(part.strip() for part in value.split(",")))


@click.command("backtest", short_help="Measure a bank's error on held-out models.")
@results_argument
@click.option(
    "--items",
    metavar="N,...",
    default="10,30,100",
    show_default=True,
    callback=_counts,
    help="Numbers of anchors to test.",
)
@click.option(
    "--split",
    metavar="KIND",
    default="random",
    show_default=True,
    help="How to split the models: random, top, bottom, few:N, spread:N, group:COLUMN or "
    "date:COLUMN.",
)
@click.option(
    "--methods",
    metavar="NAME,...",
    default="default,random+mean,random+ridge",
    show_default=True,
    callback=_names,
    help="Methods to test: default, SELECTOR+ESTIMATOR (see `tinyeval methods`), or a recipe: the "
    "name of one that ships, or a path.",
)
@click.option(
    "--repeats",
    type=POSITIVE,
    metavar="N",
    default=5,
    show_default=True,
    help="Number of random splits.",
)
@settings_options()
@reading_options(repeats="--repeated")
@click.option(
    "--out", type=PATH, metavar="FILE", help="Also write the results to a .md, .csv or .json file."
)
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
    """Measure the error of a bank on models that it was not built from.

    A bank is built from some of the models in RESULTS and predicts the others. Exact copies of a
    model are dropped first. The output is a table of means over the repeats, and a verdict: errors
    and interval widths in percentage points, Kendall's tau, the share of intervals that hold the
    true score, and seconds per repeat. --out writes the table as Markdown, csv or JSON.

    \b
    Example:
      tinyeval backtest results.parquet --items 30,100
      tinyeval backtest results.parquet --split top --methods default,fast
      tinyeval backtest results.csv --models-table models.csv --split group:org --out table.md
    """
    _check_out(out, overwrite)
    look_here(*methods)
    settings = recipe.settings(reading)
    with ProgressBar() as progress:
        responses = reading.read(results, progress, item_key(settings))
        from tinyeval.backtesting.backtest import backtest

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
        save_text(_FORMS[out.suffix](found), out, overwrite)
    click.echo(_json(found) if as_json else _text(found, settings.interval.level), nl=False)


def _check_out(out: Path | None, overwrite: bool) -> None:
    if out is None:
        return
    if out.suffix not in _FORMS:
        expected = ", ".join(_FORMS)
        raise click.BadParameter(f"{out} must end in one of {expected}", param_hint="--out")
    check_new_file(out, overwrite)


def _text(found: Backtest, level: float) -> str:
    """Return a table that fits a terminal, and the verdict."""
    from tinyeval.report.words import of_backtest

    summary = found.summary()
    header = ["items", "method", "MAE", "RMSE", "bias", "worst", "Kendall", "held", "width", "s"]
    rows = [
        [
            str(one["items"]),
            str(one["method"]),
            *(_number(100 * float(one[name])) for name in ("mae", "rmse", "bias", "worst")),
            _number(float(one["kendall"])),
            _number(float(one["coverage"])),
            _number(100 * float(one["width"])),
            f"{float(one['seconds']):.1f}",
        ]
        for one in summary
    ]
    splits = int(summary[0]["repeats"])
    times = f"{splits} time{'s' if splits > 1 else ''}"
    head = f"split {summary[0]['split']}, {times}; errors and widths in points"
    said = sentences(of_backtest(summary, found.rows, level))
    return f"{head}\n\n{table(header, rows, WIDTH)}\n\n{said}\n"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _json(found: Backtest) -> str:
    return json_text({"summary": found.summary(), "rows": found.rows}) + "\n"


_FORMS: dict[str, Callable[[Backtest], str]] = {
    ".md": lambda found: found.to_markdown() + "\n",
    ".csv": lambda found: found.to_csv(),
    ".json": _json,
}
