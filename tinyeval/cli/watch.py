"""``tinyeval watch``: predict the score of every checkpoint of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyeval.cli.group import is_debugging, show_traceback
from tinyeval.cli.options import BANK, PATH, POSITIVE
from tinyeval.cli.output import printable
from tinyeval.cli.predict import flags, interval

if TYPE_CHECKING:
    from tinyeval.training.journal import Entry

SECONDS = click.FloatRange(min=0)


@click.command("watch", short_help="Predict every checkpoint of a run.")
@click.argument("run_dir", type=PATH)
@click.option(
    "--bank", type=BANK, required=True, metavar="BANK", help="Bank whose anchors are asked."
)
@click.option(
    "--answer",
    metavar="MODULE:FUNCTION",
    default="tinyeval.training:causal_lm",
    show_default=True,
    help="Function that takes the items and the path of a checkpoint, and returns the scores.",
)
@click.option("--once", is_flag=True, help="Predict the existing checkpoints, then exit.")
@click.option("--items", type=POSITIVE, metavar="N", help="Ask only the first N anchors.")
@click.option(
    "--out",
    type=PATH,
    metavar="FILE",
    help="File to append predictions to. [default: RUN_DIR/predictions.jsonl]",
)
@click.option(
    "--pattern", metavar="REGEX", help="Pattern of checkpoint names, with a group (?P<step>...)."
)
@click.option(
    "--quiet",
    type=SECONDS,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Time without changes after which a checkpoint is complete, if it has no "
    "trainer_state.json.",
)
@click.option(
    "--interval",
    "pause",
    type=SECONDS,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two scans of the folder.",
)
@click.option(
    "--log",
    "loggers",
    type=click.Choice(["tensorboard", "wandb", "mlflow"]),
    multiple=True,
    help="Logger that also gets the predictions; may be repeated.",
)
def watch_command(
    run_dir: Path,
    bank: Path,
    answer: str,
    once: bool,
    items: int | None,
    out: Path | None,
    pattern: str | None,
    quiet: float,
    pause: float,
    loggers: Sequence[str],
) -> None:
    """Predict the full score of every checkpoint that a trainer saves in RUN_DIR.

    The command runs beside any trainer, on a device of its own, until interrupted. It appends
    predictions to predictions.jsonl and skips checkpoints that are already in it, so it can be
    stopped and restarted at any time. The default --answer loads checkpoints of transformers and
    takes the prompts from the bank's content.parquet.

    \b
    Example:
      tinyeval watch runs/7 --bank bank
      tinyeval watch runs/7 --bank bank --answer evals:answer --log tensorboard
      tinyeval watch runs/7 --bank bank --answer evals:answer --once --pattern "iter_(?P<step>\\d+)"
    """
    from tinyeval.training.loggers import make_logger
    from tinyeval.training.quick_eval import QuickEval
    from tinyeval.training.watching import Watcher, find_answer

    watcher = Watcher(
        run_dir,
        QuickEval(bank, find_answer(answer, Path.cwd()), n_items=items),
        journal=out,
        pattern=pattern,
        quiet=quiet,
        loggers=[make_logger(one, run_dir) for one in loggers],
        done=lambda entry: click.echo(_line(entry)),
        report=lambda line: click.echo(printable(line), err=True),
        failed=show_traceback if is_debugging() else lambda error: None,
    )
    if once:
        watcher.once()
    else:
        watcher.watch(pause)


def _line(entry: Entry) -> str:
    one = entry.prediction
    cells = [str(entry.step), f"{one.score:.3f}", interval(one.lower, one.upper), flags(one)]
    return "  ".join(cells).rstrip()
