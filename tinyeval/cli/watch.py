"""``tinyeval watch``: predict the score of every checkpoint of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyeval.cli.answering import MODEL, Answering, answering_options
from tinyeval.cli.asking_bar import AskingBar
from tinyeval.cli.group import is_debugging, show_traceback
from tinyeval.cli.options import BANK, PATH, POSITIVE
from tinyeval.cli.packing import packed
from tinyeval.cli.predict import flags, interval

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.training.evaluating import Keeper
    from tinyeval.training.journal import Entry

SECONDS = click.FloatRange(min=0)


@dataclass(frozen=True)
class Watching:
    """Which checkpoints are predicted, and where the predictions go."""

    once: bool
    out: Path | None
    pattern: str | None
    quiet: float
    pause: float
    loggers: tuple[str, ...]


OPTIONS = (
    click.option("--once", is_flag=True, help="Predict the existing checkpoints, then exit."),
    click.option(
        "--out",
        type=PATH,
        metavar="FILE",
        help="File to append predictions to. [default: RUN_DIR/predictions.jsonl]",
    ),
    click.option(
        "--pattern",
        metavar="REGEX",
        help="Pattern of checkpoint names, with a group (?P<step>...).",
    ),
    click.option(
        "--quiet",
        type=SECONDS,
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="Time without changes after which a checkpoint is complete, if it has no "
        "trainer_state.json.",
    ),
    click.option(
        "--interval",
        "pause",
        type=SECONDS,
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="Time between two scans of the folder.",
    ),
    click.option(
        "--log",
        "loggers",
        type=click.Choice(["tensorboard", "wandb", "mlflow"]),
        multiple=True,
        help="Logger that also gets the predictions; may be repeated.",
    ),
)


@click.command("watch", short_help="Predict every checkpoint of a run.")
@click.argument("run_dir", type=PATH)
@click.option(
    "--bank", type=BANK, required=True, metavar="BANK", help="Bank whose anchors are asked."
)
@click.option(
    "--items", type=POSITIVE, metavar="N", help="Ask only the first N anchors, in one stage."
)
@click.option(
    "--answers",
    type=PATH,
    metavar="FILE",
    help="Also keep the answers in this jsonl file, which `predict` and `compare` read.",
)
@packed("watching", Watching, OPTIONS)
@answering_options()
def watch_command(
    run_dir: Path,
    bank: Path,
    items: int | None,
    answers: Path | None,
    watching: Watching,
    answering: Answering,
) -> None:
    """Predict the full score of every checkpoint that a trainer saves in RUN_DIR.

    The command runs beside any trainer, on a device of its own, until interrupted. It appends
    predictions to predictions.jsonl and skips checkpoints that are already in it, so it can be
    stopped and restarted at any time. Checkpoints of transformers are asked with the content that
    the bank holds, in as many stages as it has, as `tinyeval eval` does; the same options name
    another way of answering. With --endpoint, {model} in --model stands for the checkpoint's name.

    \b
    Example:
      tinyeval watch runs/7 --bank bank
      tinyeval watch runs/7 --bank bank --answer evals:answer --log tensorboard
      tinyeval watch runs/7 --bank bank --answer evals:answer --once --pattern "iter_(?P<step>\\d+)"
      tinyeval watch runs/7 --bank bank --endpoint http://localhost:8000/v1 --model "{model}"
    """
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.training.evaluating import Asking, Keeper

    asking = Asking(ItemBank.load(bank), items)
    answerer = answering.answerer(asking.bank, _template(answering))
    asked = asking.items(answerer.needs_content)
    with AskingBar(lines=False) as bar:
        if answering.endpoint is not None and (doubt := answerer.check(asked, run_dir)):
            bar.say(doubt)
        keeper = Keeper(answerer, asking.bank.digest, answers, progress=bar, report=bar.say)
        _watch(run_dir, asking.asked_bank, keeper, watching, bar)


def _watch(
    run_dir: Path, bank: ItemBank, keeper: Keeper, watching: Watching, bar: AskingBar
) -> None:
    from tinyeval.training.loggers import make_logger
    from tinyeval.training.quick_eval import QuickEval
    from tinyeval.training.watching import Watcher

    def done(entry: Entry) -> None:
        bar.close()
        keeper.forget()
        click.echo(_line(entry))

    watcher = Watcher(
        run_dir,
        QuickEval(bank, keeper),
        journal=watching.out,
        pattern=watching.pattern,
        quiet=watching.quiet,
        loggers=[make_logger(one, run_dir) for one in watching.loggers],
        done=done,
        report=bar.say,
        failed=show_traceback if is_debugging() else lambda error: None,
    )
    if watching.once:
        watcher.once()
    else:
        watcher.watch(watching.pause)


def _template(answering: Answering) -> str:
    """Return the name of a checkpoint on a server."""
    name = answering.model_name or MODEL
    if MODEL not in name:
        raise click.UsageError(
            f"--model {name} would be the same for every checkpoint: put {MODEL} where the "
            "checkpoint's name is."
        )
    return name


def _line(entry: Entry) -> str:
    one = entry.prediction
    cells = [str(entry.step), f"{one.score:.3f}", interval(one.lower, one.upper), flags(one)]
    return "  ".join(cells).rstrip()
