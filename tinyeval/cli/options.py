"""Options that several commands share; each group is passed to the command as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tinyeval.cli.group import look_here
from tinyeval.cli.packing import BANK as BANK
from tinyeval.cli.packing import PATH as PATH
from tinyeval.cli.packing import POINTS as POINTS
from tinyeval.cli.packing import POSITIVE as POSITIVE
from tinyeval.cli.packing import RECIPE, Draws, packed
from tinyeval.cli.reading import Reading as Reading
from tinyeval.cli.reading import reading_options as reading_options

if TYPE_CHECKING:
    from tinyeval.config import Settings
    from tinyeval.importers import ItemKey

R = TypeVar("R")

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON object."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
results_argument = click.argument("results", nargs=-1, required=True, type=PATH)


@dataclass(frozen=True)
class Recipe:
    """A recipe and the options that override it."""

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
    expect: str | None = None
    certify: dict[str, Any] | None = None
    soft: str | None = None
    stages: str | None = None

    def settings(self, reading: Reading, items: int | None = None) -> Settings:
        """Return the settings in force, including how items are identified."""
        from tinyeval.config import Settings, load_settings
        from tinyeval.config.expect import for_models

        recipe = Settings() if self.config is None else load_settings(self.config)
        look_here(recipe.selection.method, recipe.estimator.method)
        return for_models(recipe, self.expect).replace(
            items=items,
            budget=self.budget,
            cost=self.cost,
            quotas=self._quotas(),
            seed=self.seed,
            device=self.device,
            soft=self.soft,
            target=None if self.target is None else self._target(self.target),
            interval=self._interval(),
            certify=self.certify,
            stages=None if self.stages is None else int(self.stages),
            run=None
            if reading.key is None
            else {"key": reading.key, "prefix": reading.prefix or ""},
        )

    def _interval(self) -> dict[str, Any] | None:
        if self.groups == "none":
            return {**(given(level=self.level) or {}), "groups": None}
        return given(level=self.level, groups=self.groups)

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
        help=f"Probability that an interval contains the true score. [default: {default}]",
    )


def item_key(settings: Settings) -> ItemKey | None:
    """Return how items are identified in a harness's documents."""
    from tinyeval.importers import ItemKey

    run = settings.run
    return None if run.key is None else ItemKey(run.key, run.prefix)


expect_option = click.option(
    "--expect",
    type=click.Choice(["similar", "any", "beyond"]),
    help="Models that will be asked: similar to those in RESULTS (fine-tunes, later checkpoints), "
    "beyond their range, or any. [default: any]",
)

SETTINGS_OPTIONS = (
    click.option(
        "--config",
        type=RECIPE,
        metavar="NAME|FILE",
        help="Recipe: one that ships (`tinyeval methods`), or a file; other options override it.",
    ),
    click.option(
        "--budget",
        type=click.FloatRange(min=0, min_open=True),
        metavar="COST",
        help="Upper limit on the total cost of the anchors.",
    ),
    click.option(
        "--cost", metavar="COLUMN", help="Column of the items table with costs. [default: cost]"
    ),
    click.option(
        "--quotas",
        metavar="N|NAME=N,...",
        help="Number of anchors per benchmark; 20+ means at least 20.",
    ),
    click.option(
        "--quotas-by",
        metavar="COLUMN",
        help="Column of the items table with the groups of --quotas. [default: benchmark]",
    ),
    click.option(
        "--target",
        metavar="COLUMN|NAME=COLUMN,...",
        help="Column of known full scores to predict instead of the item mean; NAME=COLUMN sets it "
        "per benchmark.",
    ),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        help="Device of the IRT fit. [default: auto]",
    ),
    click.option(
        "--seed", type=click.IntRange(min=0), metavar="N", help="Seed of random draws. [default: 0]"
    ),
    level_option("0.9"),
    click.option(
        "--groups",
        metavar="COLUMN",
        help="Column of the models table with families or runs; intervals are then calibrated for "
        "new ones. none: every model by itself. [default: near copies are families]",
    ),
    expect_option,
    click.option(
        "--soft",
        type=click.Choice(["auto", "off"]),
        help="Read soft scores, the probabilities of right answers, where RESULTS have them. "
        "[default: auto]",
    ),
)


certify_option = click.option(
    "--certify",
    type=Draws(),
    metavar="N|P%",
    help="Besides the anchors, draw N items (or P % of all) at random for each model: `predict` "
    "then also states a certified score, whose interval does not rest on the source models.",
)

stages_option = click.option(
    "--stages",
    type=click.Choice(["1", "2"]),
    help="2: also choose what is asked after the first half of the anchors, by what its answers "
    "tell; `tinyeval next`, `eval` and `watch` then ask so. [default: 1]",
)


def settings_options(
    certify: bool = False, stages: bool = False
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Add the options of :class:`Recipe`; the command gets them as ``recipe``.

    Args:
        certify, stages: add ``--certify`` and ``--stages``, for a command that makes a bank.
    """
    more = (certify_option,) * certify + (stages_option,) * stages
    return packed("recipe", Recipe, SETTINGS_OPTIONS + more)
