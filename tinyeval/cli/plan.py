"""``tinyeval plan``: how many items are needed, and which recipe suits."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.build import build_command
from tinyeval.cli.options import (
    POINTS,
    POSITIVE,
    Reading,
    Recipe,
    item_key,
    json_option,
    reading_options,
    results_argument,
    settings_options,
)
from tinyeval.cli.output import ProgressBar, print_json, table

if TYPE_CHECKING:
    from tinyeval.backtesting.planned import Plan

BAR = 40
"""Characters of the longest bar."""

WORDS = {
    "error": "an error of {} points",
    "width": "intervals {} points wide",
    "tell_apart": "the power to tell {} points apart",
}

FIGURES = {"error": "error", "width": "width", "tell_apart": "difference", "items": "error"}

CONFIGS = {"random+ridge": "random_ridge"}
"""Recipes that are named by --config and not by --expect."""

CHOSEN = {"items", "error", "expect", "config", "as_json"}
"""Options of `build` that the plan sets, or that are not passed on."""


@click.command("plan", short_help="Find how many items are needed, and which recipe suits.")
@results_argument
@click.option(
    "--error",
    type=POINTS,
    metavar="POINTS",
    help="Mean absolute error of the full score to reach, in percentage points.",
)
@click.option(
    "--width",
    type=POINTS,
    metavar="POINTS",
    help="Mean width of the intervals to reach, in percentage points.",
)
@click.option(
    "--tell-apart",
    type=POINTS,
    metavar="POINTS",
    help="Difference of two models' scores that shall be beyond chance, in percentage points.",
)
@click.option(
    "--items", type=POSITIVE, metavar="N", help="Number of items you can run; says what it buys."
)
@click.option(
    "--repeats",
    type=POSITIVE,
    metavar="N",
    help="Number of times that every model is held out. [default: 1 to 3, fewer for many models]",
)
@settings_options()
@reading_options(repeats="--repeated")
@json_option
def plan_command(
    results: Sequence[Path],
    error: float | None,
    width: float | None,
    tell_apart: float | None,
    items: int | None,
    repeats: int | None,
    recipe: Recipe,
    reading: Reading,
    as_json: bool,
) -> None:
    """Find the smallest bank that reaches a goal, by trying banks on RESULTS themselves.

    Give one goal: --error, --width, --tell-apart or --items. Banks of several numbers of items are
    built from some of the models and predict the others, with the recipe for the models you expect
    (--expect) and with others beside it. The output states the number of items, what to expect of
    it, how the error falls with more items and with more models, which recipes are better or worse,
    and the command that builds the bank. If no number of items is enough, it says so.

    \b
    Example:
      tinyeval plan results.parquet --error 1.5
      tinyeval plan results.parquet --tell-apart 2 --expect similar
      tinyeval plan results.csv --items 30 --groups family --models-table models.csv
    """
    goals = {"error": error, "width": width, "tell_apart": tell_apart}
    if sum(one is not None for one in (*goals.values(), items)) != 1:
        raise click.UsageError("Give one goal: --error, --width, --tell-apart or --items.")
    settings = replace(recipe, expect=None).settings(reading)
    with ProgressBar() as progress:
        responses = reading.read(results, progress, item_key(settings))
        from tinyeval.backtesting.plan import plan

        found = plan(
            responses,
            **{name: None if one is None else one / 100 for name, one in goals.items()},
            items=items,
            expect=recipe.expect,
            settings=settings,
            repeats=repeats,
            progress=progress,
        )
    command = None if found.items is None else _command(click.get_current_context(), found)
    runs = responses.usual_trials
    if as_json:
        told = {"trials": runs} if runs > 1 else {}
        print_json(asdict(found) | {"command": command} | told)
    else:
        click.echo(_text(found, responses.n_items, command, runs))


def _command(ctx: click.Context, found: Plan) -> str:
    """Return the command that builds the advised bank, with the options of this one that it has."""
    known = {str(one.name): one for one in build_command.params if isinstance(one, click.Option)}
    words = ["tinyeval", "build", *map(str, ctx.params["results"]), "--items", str(found.items)]
    if found.recipe in CONFIGS:
        words += ["--config", CONFIGS[found.recipe]]
    elif found.recipe == "recipe":
        words += ["--config", str(ctx.params["config"])]
    elif found.recipe != "any":
        words += ["--expect", found.recipe]
    for name in [one for one in known if one in ctx.params and one not in CHOSEN]:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            words += _option(known[name], ctx.params[name])
    return shlex.join([*words, "--out", "bank"])


def _option(one: click.Option, value: Any) -> list[str]:
    if one.is_flag:
        return [one.opts[0]] if value else []
    values = value if one.multiple else [value]
    return [word for each in values for word in (one.opts[0], str(each))]


def _text(found: Plan, total: int, command: str | None, runs: int) -> str:
    assumed = f"\nnew models are taken to be run as often as these: {runs} times" * (runs > 1)
    parts = [_verdict(found, total) + assumed, _chart(found), _recipes(found)]
    if found.models:
        parts.append(_models(found))
    if command:
        parts.append(f"next:\n  {command}")
    return "\n\n".join(parts)


def _verdict(found: Plan, total: int) -> str:
    """Say in words how many items are needed, and what they bring."""
    promise = found.promise
    error = f"{_points(promise.error)} points (a single bank likely {_points(found.low)} to "
    error += f"{_points(found.high)})"
    goal = WORDS.get(found.goal, "").format(f"{100 * found.value:g}")
    if found.items is None:
        first = f"no bank of up to {found.most} of {total} items reaches {goal}\n"
        first += f"expected error with {_items(promise.items)}: {error}"
    elif goal:
        first = f"{found.items} of {total} items reach {goal}\nexpected error: {error}"
    else:
        first = f"{found.items} of {total} items\nexpected error: {error}"
    first += f"\nintervals of {100 * found.level:g} %: about {_points(promise.width)} points wide"
    apart = _points(promise.tell_apart)
    if apart:
        first += f"\ntwo models can be told apart from a difference of {apart} points"
    return first


def _chart(found: Plan) -> str:
    """Draw the figure that the goal is about, by number of items."""
    name = "error" if found.goal == "items" else found.goal
    rows = [one for one in found.rows if one.recipe == found.recipe]
    most = max(getattr(one, name) for one in rows)
    lines = []
    for one in rows:
        value = getattr(one, name)
        bar = "#" * max(round(BAR * value / most), 1)
        mark = "  <" if one.items == found.promise.items else ""
        lines.append([str(one.items), _points(value), bar + mark])
    return table(["items", FIGURES[found.goal], "points, on models not built from"], lines)


def _recipes(found: Plan) -> str:
    """Compare the recipes at the number of items advised."""
    expects_beyond = found.expect == "beyond"
    other = "within the range" if expects_beyond else "beyond the range"
    rows = [one for one in found.rows if one.items == found.promise.items]
    lines = [
        [one.recipe, _points(one.error), _points(one.standard_error), _points(one.other_error)]
        for one in sorted(rows, key=lambda one: one.error)
    ]
    if not expects_beyond:
        lines.append(["no items: the mean", _points(found.history_error), "", ""])
    text = f"Recipes with {_items(found.promise.items)}; advised: {found.recipe}\n\n"
    text += table(["recipe", "error", "+-", other], lines)
    return text + "".join(f"\n\n{_why_not(found, name)}" for name in found.better)


def _why_not(found: Plan, name: str) -> str:
    one = found.row(name, found.promise.items)
    if one is None:
        return ""
    other = f"it errs by {_points(one.other_error)} points beyond the range"
    if name == "similar":
        return (
            "If every model to come is like these (fine-tunes of the same models, later\n"
            f"checkpoints), plan with --expect similar; {other}."
        )
    return f"{name} errs less within the range, and is not advised: {other}."


def _models(found: Plan) -> str:
    lines = [
        [str(one.models), _points(one.error), "" if one.measured else "if it goes on so"]
        for one in found.models
    ]
    return f"With fewer or more source models\n\n{table(['models', 'error', ''], lines)}"


def _items(n: int) -> str:
    return f"{n} item" if n == 1 else f"{n} items"


def _points(value: float) -> str:
    return "" if value != value else f"{100 * value:.2f}"
