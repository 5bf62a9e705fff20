"""How results and answers are read: the options that ``import``, ``build`` and others share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tinyeval.cli.group import look_here
from tinyeval.cli.output import ProgressBar, printable
from tinyeval.cli.packing import PATH, POSITIVE, packed

if TYPE_CHECKING:
    from tinyeval.bank.codec import Content
    from tinyeval.importers import Imported, ItemKey
    from tinyeval.responses import ResponseMatrix

R = TypeVar("R")


@dataclass(frozen=True)
class Reading:
    """How to read results or answers: see :func:`tinyeval.importers.import_results`.

    Answers may always be partial: commands that read results say whether theirs may.
    """

    format: str | None
    metric: str | None
    filter: str | None
    key: str | None
    prefix: str | None
    name_by: tuple[str, ...] = ()
    repeated: Any = "refuse"
    failures: Any = "missing"
    direction: Any = None
    scale: tuple[float, float] | None = None
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    transpose: bool = False
    model_column: str | None = None
    item_column: str | None = None
    score_column: str | None = None
    benchmark_column: str | None = None
    trial_column: str | None = None
    trials: int | None = None
    items_table: Path | None = None
    models_table: Path | None = None
    partial: bool = True
    changed: Any = "refuse"
    zeros: Any = "keep"

    def __post_init__(self) -> None:
        if self.prefix and self.key is None:
            raise click.UsageError("--prefix is the text before a key: give --key as well.")
        look_here(self.format)

    def read(
        self,
        paths: Sequence[Path],
        progress: ProgressBar,
        item_key: ItemKey | None = None,
        *,
        jobs: int = 1,
        parts: Path | None = None,
        answers: bool = False,
    ) -> ResponseMatrix:
        """Read files; on a terminal each is named while it is read, and findings are told.

        Args:
            paths: files or folders.
            progress: shows them.
            item_key: how a recipe or bank identifies items; the options come first.
            jobs, parts: of :func:`tinyeval.importers.import_results`.
            answers: they are answers to a bank's anchors: few, and 0 on all is nothing to doubt.
        """
        found = self.imported(paths, progress, item_key, jobs=jobs, parts=parts)
        for one in found.findings:
            if not (answers and "--zeros" in one.what):
                progress.say(printable(str(one)))
        return found.responses

    def told(
        self,
        paths: Sequence[Path],
        progress: ProgressBar,
        item_key: ItemKey | None = None,
        *,
        overall: str = "",
    ) -> Imported:
        """Read results as :meth:`read` does, and tell in some five lines what was understood."""
        from tinyeval.importers import describe
        from tinyeval.importers.runcounts import doubts_about_means

        found = self.imported(paths, progress, item_key)
        lines = describe(found, overall=overall).lines()
        for line in (*lines, *doubts_about_means(found.responses)):
            progress.say(printable(line))
        return found

    def content(
        self,
        paths: Sequence[Path],
        wanted: Mapping[str, str],
        progress: ProgressBar,
        item_key: ItemKey | None = None,
        format: str | None = None,
    ) -> Content:
        """Return the content of items out of the results, as far as these hold it; tell of it.

        Args:
            paths: files or folders.
            wanted: item -> hash of its document.
            progress: shows what was found.
            item_key: how a recipe or bank identifies items; the options come first.
            format: of the results, where it is known already.
        """
        from tinyeval.importers import ItemKey, import_content

        if self.key is not None:
            item_key = ItemKey(self.key, self.prefix or "")
        found = import_content(
            paths,
            wanted,
            format=self.format or format,
            metric=self.metric,
            filter=self.filter,
            item_key=item_key,
            failures=self.failures,
        )
        for one in found.findings:
            progress.say(printable(f"content: {one}"))
        return found.content

    def imported(
        self,
        paths: Sequence[Path],
        progress: ProgressBar,
        item_key: ItemKey | None = None,
        *,
        jobs: int = 1,
        parts: Path | None = None,
    ) -> Imported:
        """Return what :meth:`read` reads with all that was understood of it, untold."""
        from tinyeval.importers import Columns, ItemKey, import_results

        if self.key is not None:
            item_key = ItemKey(self.key, self.prefix or "")
        names = (self.model_column, self.item_column, self.score_column)
        return import_results(
            paths,
            format=self.format,
            metric=self.metric,
            filter=self.filter,
            items_table=self.items_table,
            models_table=self.models_table,
            trials=self.trials,
            item_key=item_key,
            jobs=jobs,
            parts=parts,
            progress=progress.files,
            partial=self.partial,
            name_by=self.name_by,
            repeats=self.repeated,
            failures=self.failures,
            direction=self.direction,
            scale=self.scale,
            columns=Columns(*names, self.benchmark_column, self.trial_column),
            drop=self.drop,
            keep=self.keep,
            transpose=self.transpose,
            changed=self.changed,
            zeros=self.zeros,
        )


def _names(
    ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Read A,B and "A,1",B; the option may be given several times."""
    names = [name.strip() for row in csv.reader(value, skipinitialspace=True) for name in row]
    if not all(names):
        raise click.BadParameter("is not NAME,... with names that are not empty")
    return tuple(names)


def _scale(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[float, float] | None:
    """Read 0:100."""
    if value is None:
        return None
    try:
        low, high = map(float, value.split(":"))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not LOWEST:HIGHEST such as 0:100") from error
    return low, high


FORMAT_OPTIONS = (
    click.option("--format", metavar="NAME", help="table, lm_eval ... [default: recognised]"),
    click.option("--metric", metavar="NAME", help="Score to read: NAME, or TASK=NAME,..."),
    click.option("--filter", metavar="NAME", help="lm-eval's answer filter to read, likewise."),
    click.option("--key", metavar="COLUMN", help="What identifies an item in lm-eval's documents."),
    click.option("--prefix", metavar="TEXT", help="What item ids have before the key."),
    click.option(
        "--name-by",
        metavar="FACT,...",
        multiple=True,
        callback=_names,
        help="What names models beside their name: revision, n-shot, date, file ... "
        "[default: what tells their runs apart]",
    ),
    click.option(
        "--failures",
        type=click.Choice(["missing", "wrong"]),
        default="missing",
        help="Answers that the infrastructure lost. [default: missing]",
    ),
    click.option(
        "--direction",
        type=click.Choice(["higher", "lower"]),
        help="Which scores are better, where files do not say.",
    ),
    click.option(
        "--scale", metavar="A:B", callback=_scale, help="Scores from A to B become 0 to 1."
    ),
    click.option(
        "--drop",
        metavar="COLUMN,...",
        multiple=True,
        callback=_names,
        help="Columns or rows of a table that are no items or models.",
    ),
    click.option(
        "--keep",
        metavar="COLUMN,...",
        multiple=True,
        callback=_names,
        help="Columns that are items, whatever they look like.",
    ),
    click.option("--transpose", is_flag=True, help="Models are in columns, items in rows."),
    *(
        click.option(f"--{one}-column", metavar="COLUMN", help=f"A table's column of {one}s.")
        for one in ("model", "item", "score", "benchmark", "trial")
    ),
    click.option(
        "--trials", type=POSITIVE, metavar="N", help="Runs behind every score, if files do not say."
    ),
)
TABLE_OPTIONS = (
    click.option(
        "--items-table", type=PATH, metavar="FILE", help="Notes on items: item, benchmark ..."
    ),
    click.option(
        "--models-table", type=PATH, metavar="FILE", help="Notes on models: model, org, date ..."
    ),
    click.option("--partial", is_flag=True, help="Keep models with part of a benchmark only."),
    click.option(
        "--changed",
        type=click.Choice(["refuse", "drop"]),
        default="refuse",
        help="Items whose documents differ between models. [default: refuse]",
    ),
    click.option(
        "--zeros",
        type=click.Choice(["keep", "missing"]),
        default="keep",
        help="Benchmarks of models that are 0 throughout, and should not. [default: keep]",
    ),
)


def _repeats(*flags: str) -> Callable[[Any], Any]:
    return click.option(
        *flags,
        "repeated",
        type=click.Choice(["refuse", "average"]),
        default="refuse",
        help="Several scores of tables for one cell. [default: refuse]",
    )


def reading_options(
    tables: bool = True, repeats: str = "--repeats"
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Add the options of :class:`Reading`; the command gets them as ``reading``.

    Args:
        tables: whether results are read, not answers.
        repeats: name of the option for repeats, where ``--repeats`` means something else.
    """
    more = TABLE_OPTIONS if tables else ()
    return packed("reading", Reading, (*FORMAT_OPTIONS, _repeats(repeats), *more))
