"""``tinyeval predict``: answers on the anchors -> full scores with intervals."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.options import BANK, PATH, Reading, json_option, level_option, reading_options
from tinyeval.cli.output import ProgressBar, print_json, table
from tinyeval.report.names import warning_lines as warning_lines

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.prediction import Interval, Prediction
    from tinyeval.responses import ResponseMatrix

MOST_WITH_INTERVALS = 3
"""Largest number of benchmarks whose intervals fit into the table."""


@click.command("predict", short_help="Predict full scores from answers to the anchors.")
@click.argument("bank", type=BANK)
@click.argument("answers", nargs=-1, required=True, type=PATH)
@reading_options(tables=False)
@level_option("the bank's")
@click.option(
    "--drawn",
    is_flag=True,
    help="Instead of predicting, list the items drawn for each model (bank of `build --certify`): "
    "csv with the columns model, item, score, to be filled in.",
)
@click.option("--complete", is_flag=True, help="Fail if a model has not answered all anchors.")
@json_option
def predict_command(
    bank: Path,
    answers: Sequence[Path],
    reading: Reading,
    level: float | None,
    drawn: bool,
    complete: bool,
    as_json: bool,
) -> None:
    """Predict the full scores of the models in ANSWERS from their answers to the BANK's anchors.

    ANSWERS hold the scores of one or more models, in any format that `build` reads. A file without
    model names counts as one model. Items that are neither anchors nor drawn for the model
    (--drawn) are ignored. Anchors may be unanswered; the interval is then wider. If the bank's
    history was repeated, the score is the expected one, over any number of runs, and the score of
    these runs stands beside it: what the whole benchmark would show, asked as often as the anchors
    were (`runs`; --trials says how often where ANSWERS do not).

    \b
    Example:
      tinyeval predict bank answers.csv
      tinyeval predict bank lm_eval_output/ --metric acc --json
      tinyeval predict bank lm_eval_output/ --key question_id --prefix mmlu_pro-
      tinyeval predict bank answers.csv --drawn > to_ask.csv
    """
    from tinyeval.bank.item_bank import ItemBank

    loaded = ItemBank.load(bank)
    with ProgressBar() as progress:
        responses = reading.read(answers, progress, loaded.item_key, answers=True)
    if drawn:
        _tell_drawn(loaded, responses, as_json)
        return
    predictions = loaded.predict(responses, level=level)
    if complete:
        _check_complete(loaded, responses)
    if as_json:
        print_json(
            {
                "bank": loaded.name,
                "digest": loaded.digest,
                "level": predictions[0].level,
                "predictions": [prediction_record(one) for one in predictions],
            }
        )
        return
    click.echo(prediction_table(predictions))
    for line in warning_lines((one.model, one.warnings) for one in predictions):
        click.echo(f"warning: {line}", err=True)


def _tell_drawn(bank: ItemBank, answers: ResponseMatrix, as_json: bool) -> None:
    found = bank.drawn(answers)
    if as_json:
        print_json({"bank": bank.name, "digest": bank.digest, "drawn": found})
        return
    text = io.StringIO()
    rows = [(model, item, "") for model, items in found.items() for item in items]
    csv.writer(text, lineterminator="\n").writerows([("model", "item", "score"), *rows])
    click.echo(text.getvalue(), nl=False)


def _check_complete(bank: ItemBank, answers: ResponseMatrix) -> None:
    from tinyeval.errors import DataError, examples

    for model, lacking in bank.missing(answers).items():
        raise DataError(
            f"model {model!r} lacks {len(lacking)} of the bank's {len(bank.anchors)} anchors: "
            f"{examples(lacking)}; the run is incomplete, or was of other items: run all that "
            "`tinyeval export` lists, or drop --complete and accept a wider interval"
        )


def prediction_record(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as ``--json`` prints it."""
    values = prediction.to_dict()
    del values["level"]  # the same for all, stated once
    return values


def prediction_table(predictions: Sequence[Prediction]) -> str:
    """Return a table with one line per model, in the order given.

    The intervals of more than MOST_WITH_INTERVALS benchmarks are left out; for a single model the
    benchmarks get a table of their own, with intervals.
    """
    from tinyeval.calibration.run_levels import cells_of_runs

    benchmarks = list(predictions[0].benchmarks)
    level = f"{100 * predictions[0].level:g} % interval"
    if len(predictions) == 1 and len(benchmarks) > MOST_WITH_INTERVALS:
        one = predictions[0]
        overall = prediction_table([replace(one, benchmarks={})])
        rows = [
            [name, f"{b.score:.3f}", interval(b.lower, b.upper)]
            for name, b in one.benchmarks.items()
        ]
        return f"{overall}\n\n{table(['benchmark', 'score', level], rows)}"
    sure = ["certified"] * any(one.certified is not None for one in predictions)
    runs = [cells_of_runs(one.trials, one.of_runs) for one in predictions]
    header = ["model", "score", level, *runs[0], "answered", *sure, *benchmarks, "flags"]
    rows = [
        [
            one.model,
            f"{one.score:.3f}",
            interval(one.lower, one.upper),
            *own.values(),
            str(one.n_answered),
            *(["" if one.certified is None else str(one.certified)] * len(sure)),
            *(_cell(b, len(benchmarks)) for b in one.benchmarks.values()),
            flags(one),
        ]
        for one, own in zip(predictions, runs, strict=True)
    ]
    return table(header, rows)


def _cell(one: Interval, n_benchmarks: int) -> str:
    narrow = n_benchmarks > MOST_WITH_INTERVALS
    return f"{one.score:.3f}" if narrow else f"{one.score:.3f} ({interval(one.lower, one.upper)})"


def interval(lower: float, upper: float) -> str:
    """Return an interval as text of constant width."""
    return f"{lower:.3f} to {upper:.3f}"


def flags(prediction: Prediction) -> str:
    """Return the flags that are raised, as text."""
    beyond = [] if prediction.in_range else ["beyond range"]
    return ", ".join(beyond + ["misfit"] * prediction.misfit)
