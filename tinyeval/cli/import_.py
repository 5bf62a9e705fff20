"""``tinyeval import``: results in any known format -> one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.options import (
    PATH,
    POSITIVE,
    Reading,
    json_option,
    overwrite_option,
    reading_options,
    results_argument,
)
from tinyeval.cli.output import ProgressBar, check_new_file, print_json, printable

if TYPE_CHECKING:
    from tinyeval.responses import ResponseMatrix


@click.command("import", short_help="Convert results to one table.")
@results_argument
@click.option("--out", type=PATH, metavar="FILE", help="File to write: .parquet, .csv or .npz.")
@click.option("--describe", is_flag=True, help="Print in full what was understood, and audit it.")
@reading_options()
@click.option(
    "--jobs", type=POSITIVE, default=1, metavar="N", help="Number of processes. [default: 1]"
)
@click.option(
    "--parts", type=PATH, metavar="DIR", help="Folder that keeps what was read, to resume from."
)
@overwrite_option
@json_option
def import_command(
    results: Sequence[Path],
    out: Path | None,
    describe: bool,
    reading: Reading,
    jobs: int,
    parts: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Read RESULTS in any known format and write them as one wide table.

    Columns that describe items and models are written beside OUT, to files with the endings
    .items.csv and .models.csv, and numbers of trials to .trials.parquet, where `build` finds them.

    What was understood is printed to standard error in some five lines: the format, the shape, what
    is missing, what was dropped, joined, guessed or turned round, and what is in doubt: items that
    speak against the rest, near copies of models, benchmarks of zeros. --describe prints it in full
    to standard output; then OUT is not needed.

    --jobs reads a large dump in several processes. --parts keeps the contents of each file in DIR,
    so that an interrupted or repeated import reads only new and changed files. Neither option
    changes the table.

    \b
    Example:
      tinyeval import lm_eval_output/ --metric acc --out results.parquet
      tinyeval import lm_eval_output/ --metric acc --describe
      tinyeval import 2024.csv 2025.csv --out all.parquet
      tinyeval import huge/ --metric acc --jobs 16 --parts huge.parts --out huge.parquet
    """
    from tinyeval.importers import describe as described
    from tinyeval.importers import write_results

    if out is None and not describe:
        raise click.UsageError("give --out FILE to write a table, or --describe, or both.")
    if out is not None:
        _check(out, overwrite)
    with ProgressBar() as progress:
        found = reading.imported(results, progress, jobs=jobs, parts=parts)
        description = described(found)
        for line in () if describe else description.lines():
            progress.say(printable(line))
    responses = found.responses
    facts: dict[str, Any] = description.to_dict() if describe else {}
    if describe and not as_json:
        for line in str(description).splitlines():
            click.echo(printable(line))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_results(responses, out, overwrite=overwrite)
        facts = {**_facts(out, responses), **facts}
    if as_json:
        print_json(facts)
    elif out is not None:
        click.echo(
            f"{printable(str(out))}: {responses.n_models} models, {responses.n_items} items, "
            f"{100 * description.missing:.1f} % missing"
        )


def _check(out: Path, overwrite: bool) -> None:
    """Raise before anything is read if the table cannot be written."""
    from tinyeval.importers.write import WRITERS

    if out.suffix.lower() not in WRITERS:
        expected = ", ".join(WRITERS)
        raise click.BadParameter(f"{out} must end in one of {expected}", param_hint="--out")
    sides = (".items.csv", ".models.csv", ".trials.parquet")
    for name in (out.name, *(out.stem + side for side in sides)):
        check_new_file(out.with_name(name), overwrite)


def _facts(out: Path, responses: ResponseMatrix) -> dict[str, Any]:
    """Return what ``import --json`` prints."""
    return {
        "path": str(out),
        "models": responses.n_models,
        "items": responses.n_items,
        "benchmarks": list(responses.benchmarks),
        "missing": round(float(1 - responses.observed.mean()), 6),
    }
