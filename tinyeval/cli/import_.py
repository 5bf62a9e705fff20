"""``tinyeval import``: results in any known format -> one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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


@click.command("import", short_help="Convert results to one table.")
@results_argument
@click.option(
    "--out", type=PATH, metavar="FILE", required=True, help="File to write: .parquet, .csv or .npz."
)
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
    out: Path,
    reading: Reading,
    jobs: int,
    parts: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Read RESULTS in any known format and write them as one wide table.

    Columns that describe items and models are written beside OUT, to files with the endings
    .items.csv and .models.csv, and numbers of trials to .trials.parquet, where `build` finds them.
    What was dropped, joined, guessed or turned round is printed to standard error.

    --jobs reads a large dump in several processes. --parts keeps the contents of each file in DIR,
    so that an interrupted or repeated import reads only new and changed files. Neither option
    changes the table.

    \b
    Example:
      tinyeval import lm_eval_output/ --metric acc --out results.parquet
      tinyeval import 2024.csv 2025.csv --out all.parquet
      tinyeval import huge/ --metric acc --jobs 16 --parts huge.parts --out huge.parquet
    """
    from tinyeval.importers import write_results
    from tinyeval.importers.write import WRITERS

    if out.suffix.lower() not in WRITERS:
        expected = ", ".join(WRITERS)
        raise click.BadParameter(f"{out} must end in one of {expected}", param_hint="--out")
    sides = (".items.csv", ".models.csv", ".trials.parquet")
    for name in (out.name, *(out.stem + side for side in sides)):
        check_new_file(out.with_name(name), overwrite)
    with ProgressBar() as progress:
        responses = reading.read(results, progress, jobs=jobs, parts=parts)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_results(responses, out, overwrite=overwrite)
    facts = {
        "path": str(out),
        "models": responses.n_models,
        "items": responses.n_items,
        "benchmarks": list(responses.benchmarks),
        "missing": round(float(1 - responses.observed.mean()), 6),
    }
    if as_json:
        print_json(facts)
        return
    click.echo(
        f"{printable(str(out))}: {responses.n_models} models, {responses.n_items} items, "
        f"{100 * (1 - responses.observed.mean()):.1f} % missing"
    )
