"""``tinyeval watch``: a predicted score for every checkpoint of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyeval.cli.group import is_debugging, show_traceback
from tinyeval.cli.options import PATH, POSITIVE
from tinyeval.cli.output import printable
from tinyeval.cli.predict import flags, interval

if TYPE_CHECKING:
    from tinyeval.training.journal import Entry

SECONDS = click.FloatRange(min=0)


@click.command("watch", short_help="Predict every checkpoint of a run.")
@click.argument("run_dir", type=PATH)
@click.option("--bank", type=PATH, required=True, metavar="BANK", help="The item bank.")
@click.option(
    "--answer",
    metavar="MODULE:FUNCTION",
    default="tinyeval.training:causal_lm",
    show_default=True,
    help="Function that gets the items and a checkpoint's path, and returns their scores.",
)
@click.option("--once", is_flag=True, help="Predict what is there now, and end.")
@click.option("--items", type=POSITIVE, metavar="N", help="Ask only the first N anchors.")
@click.option(
    "--out",
    type=PATH,
    metavar="FILE",
    help="Where predictions are kept. [default: RUN_DIR/predictions.jsonl]",
)
@click.option("--pattern", metavar="REGEX", help="Checkpoints' names, with a group (?P<step>...).")
@click.option(
    "--quiet",
    type=SECONDS,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Without change, after which a checkpoint without trainer_state.json is complete.",
)
@click.option(
    "--interval",
    "pause",
    type=SECONDS,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks at the folder.",
)
@click.option(
    "--log",
    "loggers",
    type=click.Choice(["tensorboard", "wandb", "mlflow"]),
    multiple=True,
    help="Show predictions there as well.",
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

    It runs beside any trainer, on a device of its own, until interrupted. Predictions are appended
    to predictions.jsonl; a checkpoint that is in there is not asked again, so it can be stopped and
    started at any time. The default --answer reads checkpoints of transformers and the prompts in
    the bank's content.parquet.

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
