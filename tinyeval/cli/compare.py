"""``tinyeval compare``: the difference of two models, or a ranking of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.options import BANK, PATH, Reading, json_option, level_option, reading_options
from tinyeval.cli.output import WIDTH, ProgressBar, print_json, sentences, table
from tinyeval.cli.predict import interval, warning_lines
from tinyeval.report.names import percent as percent

if TYPE_CHECKING:
    from tinyeval.calibration.differences import Difference
    from tinyeval.comparison import Comparison
    from tinyeval.prediction import Prediction


@click.command("compare", short_help="Compare models on the same anchors.")
@click.argument("bank", type=BANK)
@click.argument("answers", nargs=-1, required=True, type=PATH)
@click.option("--models", metavar="A,B,...", help="Models to compare. [default: all in ANSWERS]")
@reading_options(tables=False)
@level_option("the bank's")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="M",
    help="Difference of full scores up to which two models count as the same. [default: 0.02, "
    "which is 2 points]",
)
@json_option
def compare_command(
    bank: Path,
    answers: Sequence[Path],
    models: str | None,
    reading: Reading,
    level: float | None,
    margin: float | None,
    as_json: bool,
) -> None:
    """Compare the models in ANSWERS on the BANK's anchors.

    Two models: the difference of their full scores (A minus B), its interval, and the probability
    that A is ahead; that it is better, or worse, by more than the margin, or within it. More than
    two: a ranking, with the range of ranks that each model may have, the probability that it is
    ahead of the next, and sets of models that are tied. The verdict says who is ahead, tied or not
    decided, and which lead would be. Only anchors that both models answered count. Errors that
    both models share cancel, so similar models are compared most precisely.

    \b
    Example:
      tinyeval compare bank answers.csv --models new,old
      tinyeval compare bank answers.csv --margin 0.05
      tinyeval compare bank new.csv old.csv --json
    """
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.comparison import MARGIN

    loaded = ItemBank.load(bank)
    with ProgressBar() as progress:
        responses = reading.read(answers, progress, loaded.item_key, answers=True)
    found = loaded.compare(
        responses,
        None if models is None else models.split(","),
        level=level,
        margin=MARGIN if margin is None else margin,
    )
    chosen = tuple(dict.fromkeys(name for one in found for name in (one.a, one.b)))
    predictions = loaded.predict(responses.select(chosen), level=level)
    if as_json:
        print_json(_json(loaded.name, predictions, found))
        return
    if len(chosen) == 2:
        shown = pair_table(found[0])
        warned = [(f"{one.a} and {one.b}", one.warnings) for one in found]
    else:
        shown = ranking(predictions, found)
        warned = [(one.model, one.warnings) for one in predictions]
    click.echo(f"{shown}\n\n{sentences(_verdict(predictions, found))}")
    for line in warning_lines(warned):
        click.echo(f"warning: {line}", err=True)


def _json(
    name: str, predictions: Sequence[Prediction], found: Sequence[Comparison]
) -> dict[str, Any]:
    from tinyeval.report.standing import rank_ranges, standings, tied_sets

    ranges = rank_ranges([one.model for one in predictions], found)
    return {
        "bank": name,
        "level": found[0].level,
        "margin": found[0].margin,
        "models": [
            {"model": one.model, "score": one.score, "ranks": list(ranges[one.model])}
            for one in predictions
        ],
        "tied": [list(one) for one in tied_sets(standings(predictions, found), found)],
        "comparisons": [_record(one) for one in found],
        "verdict": _verdict(predictions, found),
    }


def _verdict(predictions: Sequence[Prediction], found: Sequence[Comparison]) -> list[str]:
    from tinyeval.report.standing import standings
    from tinyeval.report.words import of_models, of_pair

    if len(predictions) == 2:
        return [of_pair(found[0])]
    return of_models(predictions, found, standings(predictions, found))


def _record(comparison: Comparison) -> dict[str, Any]:
    values = comparison.to_dict()
    del values["level"], values["margin"]  # the same for all, stated once
    return values


def pair_table(one: Comparison) -> str:
    """Return a table of the differences of two models, overall and per benchmark."""
    header = ["score", "A - B", f"{100 * one.level:g} % interval", "A is ahead"]
    header += ["better", "within", "worse"]
    targets: dict[str, Comparison | Difference] = {"overall": one, **one.benchmarks}
    rows = [
        [
            name,
            f"{two.difference:+.3f}",
            f"{two.lower:+.3f} to {two.upper:+.3f}",
            *map(percent, (two.probability, two.better, two.within, two.worse)),
        ]
        for name, two in targets.items()
    ]
    facts = (
        f"{one.n_shared} anchors, {one.n_different} of them answered differently; better, within, "
        f"worse: A against B, with a margin of {one.margin:g}"
    )
    if one.trials is not None:
        facts += f"; expected scores, from answers of {runs_text(one.trials)}"
    names = table(["A", one.a], [["B", one.b]], WIDTH)
    return f"{names}\n\n{table(header, rows, WIDTH)}\n\n{sentences([facts])}"


def ranking(predictions: Sequence[Prediction], comparisons: Sequence[Comparison]) -> str:
    """Return a table of the models, best first, each compared with the next."""
    from tinyeval.report.standing import rank_ranges

    ranges = rank_ranges([one.model for one in predictions], comparisons)
    ahead = {(one.a, one.b): one.probability for one in comparisons}
    ahead |= {(b, a): 1 - probability for (a, b), probability in ahead.items()}
    order = sorted(predictions, key=lambda one: (-one.score, one.model))
    following = [one.model for one in order[1:]]
    chances = [
        percent(ahead[one.model, other]) for one, other in zip(order, following, strict=False)
    ]
    level = f"{100 * order[0].level:g} % interval"
    rows = [
        [
            str(k),
            "{} to {}".format(*ranges[one.model]),
            one.model,
            f"{one.score:.3f}",
            interval(one.lower, one.upper),
            chance,
        ]
        for k, (one, chance) in enumerate(zip(order, [*chances, ""], strict=True), 1)
    ]
    header = ["rank", "may be", "model", "score", level, "ahead of next"]
    shown = table(header, rows, WIDTH)
    known = [one.trials for one in order if one.trials is not None]
    if not known:
        return shown
    few, most = (round(one, 1) for one in (min(known), max(known)))
    runs = runs_text(few) if few == most else f"{few:g} to {most:g} runs"
    return f"{shown}\n\nexpected scores, from answers of {runs}"


def runs_text(trials: float) -> str:
    """Return a number of runs in words."""
    return "a single run" if trials == 1 else f"{round(trials, 1):g} runs"
