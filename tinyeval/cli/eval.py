"""``tinyeval eval``: ask models the bank's anchors, and predict their full scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.answering import MODEL, Answering, answering_options
from tinyeval.cli.asking_bar import AskingBar
from tinyeval.cli.group import is_debugging, show_traceback
from tinyeval.cli.options import BANK, PATH, POSITIVE, json_option, level_option
from tinyeval.cli.output import print_json, table
from tinyeval.cli.predict import prediction_record, prediction_table, warning_lines

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.training.evaluating import Evaluated, Evaluation


@click.command("eval", short_help="Ask models the anchors, and predict their full scores.")
@click.argument("bank", type=BANK)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@answering_options()
@click.option(
    "--items", type=POSITIVE, metavar="N", help="Ask only the first N anchors, in one stage."
)
@click.option(
    "--full",
    is_flag=True,
    help="Ask every item that has content, and print the true score beside the predicted one.",
)
@click.option(
    "--answers",
    type=PATH,
    metavar="FILE",
    help="Keep the answers in this jsonl file, which `predict` reads; what is in it is not asked "
    "again.",
)
@level_option("the bank's")
@json_option
def eval_command(
    bank: Path,
    models: Sequence[str],
    answering: Answering,
    items: int | None,
    full: bool,
    answers: Path | None,
    level: float | None,
    as_json: bool,
) -> None:
    """Ask each MODEL the anchors of BANK, and predict its score on the whole benchmark.

    MODEL is the folder, or the name on the Hugging Face Hub, of a causal language model. It is
    asked and marked as the bank's history was, with the content that the bank holds. Other models
    are asked through a server (--endpoint), a function (--answer), or lm-evaluation-harness
    (--lm-eval), which may ask with content of their own. A bank of two stages (`build --stages 2`)
    is asked in both: the first block, then the form that its answers choose. An evaluation that was
    interrupted goes on when the command is given again.

    \b
    Example:
      tinyeval eval bank runs/7/checkpoint-500
      tinyeval eval bank org/model --revision step1000 --dtype bfloat16 --answers answers.jsonl
      tinyeval eval bank --endpoint http://localhost:8000/v1 --model my-model --api completions
      tinyeval eval bank path/to/model --answer evals:answer
      tinyeval eval bank path/to/model --lm-eval "--model vllm --model_args pretrained={model}"
    """
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.training.evaluating import Asking, evaluate

    asked = _models(models, answering)
    asking = Asking(ItemBank.load(bank), items, full, level)
    answerer = answering.answerer(asking.bank)
    with AskingBar() as bar, _interrupted(bar):
        found = evaluate(
            asking,
            answerer,
            asked,
            answers=answers,
            progress=bar,
            report=bar.say,
            failed=show_traceback if is_debugging() else lambda error: None,
        )
    _show(found, asking.bank, as_json)
    found.check()


@contextmanager
def _interrupted(bar: AskingBar) -> Iterator[None]:
    """Say how an interrupted evaluation goes on."""
    try:
        yield
    except KeyboardInterrupt:
        bar.close()
        if bar.done:
            kept = f"{bar.done} of {bar.total} answers of {bar.name} are kept"
            bar.say(f"{kept}; the same command goes on from there")
        raise


def _models(models: Sequence[str], answering: Answering) -> tuple[Any, ...]:
    """Return what is asked; None: the model that a function or the harness knows."""
    if answering.endpoint is not None:
        if models or answering.model_name is None:
            raise click.UsageError("--endpoint asks a server: name its model with --model NAME.")
        return (answering.model_name,)
    if not models and answering.by_folder:
        raise click.UsageError(
            "name a MODEL to load, or --endpoint URL --model NAME, --answer MODULE:FUNCTION, "
            "or --lm-eval ARGS."
        )
    if answering.lm_eval is not None:
        places = MODEL in answering.lm_eval or "model_args" not in answering.lm_eval
        if bool(models) != places:
            raise click.UsageError(
                "--lm-eval needs a MODEL where ARGS hold {model} or no --model_args, and none "
                "where they do not."
            )
    return tuple(one.rstrip("/") or one for one in models) or (None,)


def _show(found: Evaluated, bank: ItemBank, as_json: bool) -> None:
    predictions = [one.prediction for one in found.evaluations]
    if as_json:
        records = [_record(one) for one in found.evaluations]
        known = {"bank": bank.name, "digest": bank.digest, "level": predictions[0].level}
        print_json({**known, "predictions": records})
        return
    click.echo(prediction_table(predictions))
    if found.evaluations[0].true is not None:
        click.echo(f"\n{_truth(found.evaluations)}")
    for line in warning_lines((one.model, one.warnings) for one in predictions):
        click.echo(f"warning: {line}", err=True)


def _record(one: Evaluation) -> dict[str, Any]:
    record = prediction_record(one.prediction)
    if one.true is not None:
        benchmarks = {name: score for name, score in one.true.items() if name != "overall"}
        record["true"] = {
            "score": one.true["overall"],
            "benchmarks": benchmarks,
            "n_answered": len(one.answers),
        }
    return record


def _truth(evaluations: Sequence[Evaluation]) -> str:
    """Return predicted beside true scores, a line for each model and benchmark."""
    rows = []
    for one in evaluations:
        p, true = one.prediction, one.true or {}
        of = {"overall": (p.score, p.lower, p.upper), **p.benchmarks}
        for name, score in true.items():
            predicted, lower, upper = of[name]
            within = "yes" if lower <= score <= upper else "no"
            cells = [f"{predicted:.3f}", f"{score:.3f}", f"{predicted - score:+.3f}", within]
            rows.append([p.model, name, *cells])
    return table(["model", "score of", "predicted", "true", "difference", "within"], rows)
