"""``tinyeval export``: the anchors as a harness takes them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from tinyeval.cli.options import PATH, POSITIVE, overwrite_option
from tinyeval.cli.output import check_new_file, save_text
from tinyeval.exporters import EXPORTERS, Request

SAMPLES = Path("samples.json")
"""The name that the command line shown for lm-eval gives to what went to stdout."""


@click.command("export", short_help="Write the anchors as a harness takes them.")
@click.argument("bank", type=PATH)
@click.option(
    "--to",
    "target",
    type=click.Choice(list(EXPORTERS)),
    required=True,
    help="Output format.",
)
@click.option("--out", type=PATH, metavar="FILE", help="File to write. [default: stdout]")
@click.option("--items", type=POSITIVE, metavar="N", help="Only the first N anchors.")
@click.option(
    "--task",
    "tasks",
    metavar="NAME",
    multiple=True,
    help="The harness's task. {value} in it stands for an item's benchmark or subtask; "
    "BENCHMARK=NAME, repeated, names one each.",
)
@click.option("--dataset", metavar="NAME", help="Where items are looked up: file or Hub name.")
@click.option("--key", metavar="COLUMN", help="Its column that identifies items.")
@click.option("--prefix", metavar="TEXT", help="What item ids have before the key.")
@click.option("--split", metavar="NAME", help="The split evaluated. [default: test]")
@click.option("--dataset-config", "config", metavar="NAME", help="The data set's configuration.")
@click.option("--subtask-column", metavar="COLUMN", help="Its column that tells the subtask.")
@overwrite_option
def export_command(
    bank: Path,
    target: str,
    out: Path | None,
    items: int | None,
    tasks: Sequence[str],
    overwrite: bool,
    **given: str | None,
) -> None:
    """Write the BANK's anchors in the form in which a harness or a script takes them.

    lm-evaluation-harness chooses documents by number. Item ids such as task/17 say it themselves;
    others are looked up in the data set, which the bank's recipe (`run:`) or --dataset and --key
    name. The command line that runs the anchors is shown on stderr.

    \b
    Example:
      tinyeval export bank --to csv
      tinyeval export bank --to lm-eval --out samples.json
      tinyeval export bank --to lm-eval --task "mmlu_pro_{value}" --out samples.json
          --dataset TIGER-Lab/MMLU-Pro --key question_id --subtask-column category
    """
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.exporters import export

    if out is not None:
        check_new_file(out, overwrite)
    lookup = {key: value for key, value in given.items() if value is not None}
    if lookup and not EXPORTERS[target].looks_up:
        raise click.UsageError(f"--to {target} looks nothing up: leave --dataset etc. out.")
    loaded = ItemBank.load(bank)
    loaded = loaded if items is None else loaded.head(items)
    text, command = export(loaded, target, Request(_task(tasks), lookup, out or SAMPLES))
    if out is None:
        click.echo(text, nl=False)
    else:
        save_text(text, out, overwrite)
    if command:
        click.echo(_next(bank, EXPORTERS[target].looks_up, command, out, lookup), err=True)


def _task(tasks: Sequence[str]) -> str | Mapping[str, str] | None:
    """Return one name, or the mapping that BENCHMARK=NAME, ... make."""
    if not tasks:
        return None
    pairs = [one.rpartition("=") for one in tasks]
    if len(tasks) == 1 and not pairs[0][1]:
        return tasks[0]
    if not all(group and name for group, _, name in pairs):
        raise click.BadParameter("give one NAME, or BENCHMARK=NAME each time", param_hint="--task")
    return {group: name for group, _, name in pairs}


def _next(
    bank: Path, looks_up: bool, command: str, out: Path | None, lookup: Mapping[str, str]
) -> str:
    """Return what to do with the export."""
    lines = ["run, with your model in place of MODEL:", f"  {command}"]
    if looks_up:
        if out is None:
            lines.insert(0, f"save this as {SAMPLES}, then")
        predict = ["tinyeval", "predict", str(bank), "results"]
        for name in ("key", "prefix"):
            predict += [f"--{name}", lookup[name]] if name in lookup else []
        lines += ["then:", f"  {shlex.join([*predict, '--complete'])}"]
    return "\n".join(lines)
