"""Options that several commands share, each group handed over as one value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from tinyeval.cli.group import look_here
from tinyeval.cli.output import Progress

if TYPE_CHECKING:
    from tinyeval.config import Settings
    from tinyeval.importers import ItemKey
    from tinyeval.responses import ResponseMatrix

P = ParamSpec("P")
R = TypeVar("R")

PATH = click.Path(path_type=Path)
POSITIVE = click.IntRange(min=1)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
results_argument = click.argument("results", nargs=-1, required=True, type=PATH)


@dataclass(frozen=True)
class Reading:
    """How to read results or answers: see :func:`tinyeval.importers.read_results`."""

    format: str | None
    metric: str | None
    filter: str | None
    key: str | None
    prefix: str | None
    items_table: Path | None = None
    models_table: Path | None = None

    def __post_init__(self) -> None:
        if self.prefix and self.key is None:
            raise click.UsageError("--prefix says what comes before a key: give --key as well.")
        look_here(self.format)

    def read(
        self,
        paths: Sequence[Path],
        progress: Progress,
        item_key: ItemKey | None = None,
        *,
        jobs: int = 1,
        parts: Path | None = None,
    ) -> ResponseMatrix:
        """Read files; on a terminal each is named while it is read.

        Args:
            paths: files or folders.
            progress: shows them.
            item_key: how a recipe or bank identifies items; the options come first.
            jobs, parts: of :func:`tinyeval.importers.read_results`.
        """
        from tinyeval.importers import ItemKey, read_results

        if self.key is not None:
            item_key = ItemKey(self.key, self.prefix or "")
        return read_results(
            paths,
            format=self.format,
            metric=self.metric,
            filter=self.filter,
            items_table=self.items_table,
            models_table=self.models_table,
            item_key=item_key,
            jobs=jobs,
            parts=parts,
            progress=progress.files,
        )


@dataclass(frozen=True)
class Recipe:
    """A recipe and what the command line changes of it."""

    config: Path | None
    budget: float | None
    cost: str | None
    quotas: str | None
    quotas_by: str | None
    target: str | None
    device: str | None
    seed: int | None
    level: float | None
    groups: str | None

    def settings(self, reading: Reading, items: int | None = None) -> Settings:
        """Return the settings in force; how items are identified is one of them."""
        from tinyeval.config import Settings, load_settings

        recipe = Settings() if self.config is None else load_settings(self.config)
        look_here(recipe.selection.method, recipe.estimator.method)
        return recipe.replace(
            items=items,
            budget=self.budget,
            cost=self.cost,
            quotas=self._quotas(),
            seed=self.seed,
            device=self.device,
            target=None if self.target is None else self._target(self.target),
            interval=given(level=self.level, groups=self.groups),
            run=None
            if reading.key is None
            else {"key": reading.key, "prefix": reading.prefix or ""},
        )

    def _quotas(self) -> dict[str, Any] | None:
        anchors = None if self.quotas is None else named_values(self.quotas)
        return given(anchors=anchors, by=self.quotas_by)

    def _target(self, text: str) -> dict[str, Any]:
        columns = named_values(text)
        return {"column": columns} if isinstance(columns, str) else {"columns": columns}


def given(**values: Any) -> dict[str, Any] | None:
    """Return the values that are not None, or None if there are none."""
    return {key: value for key, value in values.items() if value is not None} or None


def named_values(text: str) -> str | dict[str, str]:
    """Read VALUE as itself, and NAME=VALUE,... as a mapping."""
    if "=" not in text:
        return text
    pairs = [part.rpartition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    if "" in names or len(set(names)) < len(names):
        raise click.UsageError(f"{text!r} is not NAME=VALUE,... with names that differ.")
    return {name: value.strip() for name, (_, _, value) in zip(names, pairs, strict=True)}


def level_option(default: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Return the option ``--level``."""
    return click.option(
        "--level",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        metavar="P",
        help=f"Probability that an interval holds the true score. [default: {default}]",
    )


def item_key(settings: Settings) -> ItemKey | None:
    """Return how items are identified in a harness's documents."""
    from tinyeval.importers import ItemKey

    run = settings.run
    return None if run.key is None else ItemKey(run.key, run.prefix)


FORMAT_OPTIONS = (
    click.option("--format", metavar="NAME", help="table, lm_eval ... [default: recognised]"),
    click.option("--metric", metavar="NAME", help="Score to read: NAME, or TASK=NAME,..."),
    click.option("--filter", metavar="NAME", help="lm-eval's answer filter to read, likewise."),
    click.option("--key", metavar="COLUMN", help="What identifies an item in lm-eval's documents."),
    click.option("--prefix", metavar="TEXT", help="What item ids have before the key."),
)
TABLE_OPTIONS = (
    click.option(
        "--items-table", type=PATH, metavar="FILE", help="Notes on items: item, benchmark ..."
    ),
    click.option(
        "--models-table", type=PATH, metavar="FILE", help="Notes on models: model, org, date ..."
    ),
)
SETTINGS_OPTIONS = (
    click.option("--config", type=PATH, metavar="FILE", help="Recipe; options override it."),
    click.option(
        "--budget",
        type=click.FloatRange(min=0, min_open=True),
        metavar="COST",
        help="Most that the anchors may cost together.",
    ),
    click.option("--cost", metavar="COLUMN", help="Items' column of costs. [default: cost]"),
    click.option(
        "--quotas",
        metavar="N|NAME=N,...",
        help="Anchors of each benchmark; 20+ is 20 at least.",
    ),
    click.option(
        "--quotas-by", metavar="COLUMN", help="Items' column with quotas. [default: benchmark]"
    ),
    click.option(
        "--target",
        metavar="COLUMN|NAME=COLUMN,...",
        help="Models' column to predict, not a mean; or one for each of some benchmarks.",
    ),
    click.option(
        "--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to fit. [default: auto]"
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), metavar="N", help="Of random draws. [default: 0]"
    ),
    level_option("0.9"),
    click.option(
        "--groups",
        metavar="COLUMN",
        help="Models' column of families or runs; intervals are then for models of new ones.",
    ),
)


def reading_options(tables: bool = True) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Add the options of :class:`Reading`; the command gets them as ``reading``."""
    return _packed("reading", Reading, (*FORMAT_OPTIONS, *(TABLE_OPTIONS if tables else ())))


def settings_options() -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Add the options of :class:`Recipe`; the command gets them as ``recipe``."""
    return _packed("recipe", Recipe, SETTINGS_OPTIONS)


def _packed(
    name: str, kind: Callable[..., Any], options: Sequence[Callable[[Any], Any]]
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Return a decorator that adds ``options`` and passes them on as one value."""

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @wraps(command)
        def packed(**values: Any) -> R:
            own = {key: values.pop(key) for key in kind.__annotations__ if key in values}
            return command(**values, **{name: kind(**own)})

        for option in reversed(options):
            option(packed)
        return packed

    return decorate
