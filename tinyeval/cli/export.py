"""``tinyeval export``: the anchors for a harness or a script."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinyeval.cli.options import BANK, PATH, POSITIVE, overwrite_option
from tinyeval.cli.output import check_new_file, save_text
from tinyeval.exporters import EXPORTERS, Exported, Exporter, Request, stage_path

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank


@click.command("export", short_help="Write the anchors for a harness or a script.")
@click.argument("bank", type=BANK)
@click.option(
    "--to",
    "target",
    type=click.Choice(list(EXPORTERS)),
    required=True,
    help="Output format.",
)
@click.option("--out", type=PATH, metavar="FILE", help="File to write. [default: stdout]")
@click.option("--items", type=POSITIVE, metavar="N", help="Export only the first N anchors.")
@click.option(
    "--drawn",
    type=PATH,
    metavar="ANSWERS",
    help="Instead of the anchors export the items drawn for the model with these answers to them "
    "(bank of `build --certify`).",
)
@click.option(
    "--model", metavar="NAME", help="The model, where the answers of --drawn are of several."
)
@click.option(
    "--task",
    "tasks",
    metavar="NAME",
    multiple=True,
    help="Task of the harness. {value} stands for an item's benchmark or subtask. Repeat "
    "BENCHMARK=NAME to name one task per benchmark.",
)
@click.option(
    "--dataset", metavar="NAME", help="Data set to look items up in: a file or a Hub name."
)
@click.option("--key", metavar="COLUMN", help="Column of the data set that identifies items.")
@click.option("--prefix", metavar="TEXT", help="Text before the key in item ids.")
@click.option("--split", metavar="NAME", help="Split that the task evaluates. [default: test]")
@click.option("--dataset-config", "config", metavar="NAME", help="Configuration of the data set.")
@click.option(
    "--subtask-column", metavar="COLUMN", help="Column of the data set that names the subtask."
)
@overwrite_option
def export_command(
    bank: Path,
    target: str,
    out: Path | None,
    items: int | None,
    drawn: Path | None,
    model: str | None,
    tasks: Sequence[str],
    overwrite: bool,
    **given: str | None,
) -> None:
    """Write the BANK's anchors for a harness or a script.

    lm-evaluation-harness selects documents by number. An item id such as task/17 contains the
    number. Other ids are looked up in a data set, which the bank's recipe (`run:`) or --dataset and
    --key name. SWE-bench and Terminal-Bench take a file of ids, best first. The command that runs
    the anchors is printed on stderr. csv is a sheet with an empty column for the scores, which
    `predict` reads once it is filled in. For a bank of two stages --to lm-eval writes a file for
    its first block and one for each form beside the file of all anchors: OUT with .first, .within,
    .below, .above and .undecided in its name.

    \b
    Example:
      tinyeval export bank --to csv --out answers.csv
      tinyeval export swebench_verified --to swebench --items 30 --out instances.txt
      tinyeval export bank --to lm-eval --out samples.json
      tinyeval export bank --to lm-eval --drawn anchors_output/ --out drawn.json
      tinyeval export bank --to lm-eval --task "mmlu_pro_{value}" --out samples.json
          --dataset TIGER-Lab/MMLU-Pro --key question_id --subtask-column category
    """
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.exporters import export

    if out is not None:
        check_new_file(out, overwrite)
    lookup = {key: value for key, value in given.items() if value is not None}
    if lookup and not EXPORTERS[target].looks_up:
        raise click.UsageError(
            f"--to {target} needs no data set: remove --dataset, --key and the like."
        )
    if drawn is not None and items is not None:
        raise click.UsageError("--drawn exports all items drawn for the model: leave out --items.")
    if drawn is None and model is not None:
        raise click.UsageError("--model names a model of --drawn: give --drawn, too.")
    entry, loaded = EXPORTERS[target], ItemBank.load(bank)
    file = out or Path(entry.file)
    loaded = loaded if items is None else loaded.head(items)
    named, asked = ("", ()) if drawn is None else _drawn(loaded, drawn, model)
    found = export(loaded, target, Request(_task(tasks), lookup, file, asked, named))
    if out is None:
        click.echo(found.text, nl=False)
    else:
        for stage in found.more:
            check_new_file(stage_path(out, stage), overwrite)
        save_text(found.text, out, overwrite)
        for stage, text in found.more.items():
            save_text(text, stage_path(out, stage), overwrite)
    if found.command:
        click.echo(_next(bank, entry, found, out, lookup, drawn), err=True)


def _drawn(bank: ItemBank, answers: Path, model: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the model, and the items drawn for it."""
    from tinyeval.errors import DataError, examples

    found = bank.drawn(answers)
    if model is None and len(found) > 1:
        raise DataError(
            f"{answers}: holds {len(found)} models, and each has drawn items of its own: name one "
            f"with --model: {examples(list(found))}"
        )
    if model is not None and model not in found:
        raise DataError(
            f"{answers}: has no model {model!r}; its models are {examples(list(found))}"
        )
    one = model or next(iter(found))
    return one, found[one]


def _task(tasks: Sequence[str]) -> str | Mapping[str, str] | None:
    """Return one name, or the mapping given by BENCHMARK=NAME ..."""
    if not tasks:
        return None
    pairs = [one.rpartition("=") for one in tasks]
    if len(tasks) == 1 and not pairs[0][1]:
        return tasks[0]
    if not all(group and name for group, _, name in pairs):
        raise click.BadParameter("give one NAME, or BENCHMARK=NAME each time", param_hint="--task")
    return {group: name for group, _, name in pairs}


def _next(
    bank: Path,
    entry: Exporter,
    found: Exported,
    out: Path | None,
    lookup: Mapping[str, str],
    drawn: Path | None,
) -> str:
    """Return the next steps: run the items, then predict."""
    if found.more:
        return _next_stages(bank, entry, found, out)
    lines = ["run, with your own in place of the names in capitals:", f"  {found.command}"]
    if entry.file and out is None:
        lines.insert(0, f"save this as {entry.file}, then")
    if entry.results:
        anchors = [] if drawn is None else [str(drawn)]  # drawn items are read beside them
        predict = ["tinyeval", "predict", str(bank), *anchors, entry.results]
        for name in ("key", "prefix"):
            predict += [f"--{name}", lookup[name]] if name in lookup else []
        lines += ["then:", f"  {shlex.join([*predict, '--complete'])}"]
    return "\n".join(lines)


def _next_stages(bank: Path, entry: Exporter, found: Exported, out: Path | None) -> str:
    """Return the next steps of a bank of two stages."""
    if out is None:
        return (
            "these are all anchors, to be run in one stage; --out FILE also writes a file for each "
            "of the bank's two stages"
        )
    ask = shlex.join(["tinyeval", "next", str(bank), entry.results])
    names = ", ".join(str(stage_path(out, one)) for one in found.more)
    return f"""written beside {out}, which has all anchors for one stage: {names}
run the first block, with your own in place of the names in capitals:
  {found.command}
then see which form the answers choose, run its file in the same way, and predict:
  {ask}
  {shlex.join(["tinyeval", "predict", str(bank), entry.results])}"""
