"""What an importer is: paths of one format -> scores joined by id.

An importer recognises its own files (``sniff``) and reads any number of them (``read``).  Most
find their files, make a :class:`~tinyeval.importers.parts.Job` of each, and leave the rest to
:func:`tinyeval.importers.harness.read_jobs`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict, Unpack, get_args

from tinyeval.compute.progress import Progress
from tinyeval.errors import ConfigError
from tinyeval.importers.block import Merged
from tinyeval.importers.choices import Choice

Repeats = Literal["refuse", "average"]
Failures = Literal["missing", "wrong"]
Direction = Literal["higher", "lower"]
Changed = Literal["refuse", "drop"]
Zeros = Literal["keep", "missing"]


def silent(done: int, total: int, what: str) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class ItemKey:
    """How an item's id follows from the document that a harness logged.

    Attributes:
        column: field of the document that identifies it in its data set.
        prefix: what the item id has before it: ``mmlu_pro-`` and key 70 give ``mmlu_pro-70``.
    """

    column: str
    prefix: str = ""


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns, where they are not the usual ones; None: the usual ones."""

    model: str | None = None
    item: str | None = None
    score: str | None = None
    benchmark: str | None = None
    trial: str | None = None


@dataclass(frozen=True)
class Rules:
    """All of :class:`Options` that decides how one file is read; a job holds it as a field.

    Attributes are those of :class:`Options`, the metric and filter parsed.
    """

    metric: Choice = field(default_factory=lambda: Choice("metric"))
    filter: Choice = field(default_factory=lambda: Choice("filter"))
    item_key: ItemKey | None = None
    failures: Failures = "missing"
    direction: Direction | None = None
    scale: tuple[float, float] | None = None
    columns: Columns = Columns()
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    transpose: bool = False


@dataclass(frozen=True)
class Options:
    """Choices that only the reader of a result can make.

    Attributes:
        metric: which of several scores per item to read: ``NAME``, ``task=NAME``, or several.
        filter: which of several answer extractions to read.
        item_key: makes item ids from the logged documents, where a harness knows positions only.
        progress: called before each file is read, and once at the end.
        jobs: number of processes that read files.
        parts: folder that keeps what was read of each file (:mod:`tinyeval.importers.parts`).
        partial: keep models that have part of a benchmark only.
        name_by: facts that name models, beside what the harness calls them; empty: those that
            tell runs of one model apart.
        repeats: what to do where two tables have a score for one cell.
        failures: what an answer is that the infrastructure lost.
        direction: what a score means where the file does not say.
        scale: scores from a to b become 0 to 1.
        columns: names of a table's columns.
        drop, keep: columns of a wide table that are not items, and that are.
        transpose: a wide table has items in its rows and models in its columns.
        changed: what to do with items whose documents differ between models.
        zeros: what a benchmark is on which a model has 0 throughout, where it should not.
    """

    metric: str | None = None
    filter: str | None = None
    item_key: ItemKey | None = None
    progress: Progress = silent
    jobs: int = 1
    parts: Path | None = None
    partial: bool = False
    name_by: tuple[str, ...] = ()
    repeats: Repeats = "refuse"
    failures: Failures = "missing"
    direction: Direction | None = None
    scale: tuple[float, float] | None = None
    columns: Columns = Columns()
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    transpose: bool = False
    changed: Changed = "refuse"
    zeros: Zeros = "keep"

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ConfigError(f"expected one or more jobs, found {self.jobs}")
        known = {"repeats": Repeats, "failures": Failures, "direction": Direction}
        for name, kind in {**known, "changed": Changed, "zeros": Zeros}.items():
            value, allowed = getattr(self, name), get_args(kind)
            if value not in allowed and not (name == "direction" and value is None):
                raise ConfigError(f"expected {name} to be {' or '.join(allowed)}, found {value!r}")
        if self.scale is not None:
            low, high = self.scale
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ConfigError(
                    f"expected a scale from a lower to a higher number, found {low:g} to {high:g}"
                )

    @property
    def rules(self) -> Rules:
        """Return what of these decides how one file is read."""
        return Rules(
            Choice.parse("metric", self.metric),
            Choice.parse("filter", self.filter),
            self.item_key,
            self.failures,
            self.direction,
            self.scale,
            self.columns,
            self.drop,
            self.keep,
            self.transpose,
        )


class Asked(TypedDict, total=False):
    """Options as keywords: sequences may be lists, paths text, and None is the default."""

    metric: str | None
    filter: str | None
    item_key: ItemKey | None
    progress: Progress | bool | None
    jobs: int
    parts: str | Path | None
    partial: bool
    name_by: Sequence[str]
    repeats: Repeats
    failures: Failures
    direction: Direction | None
    scale: tuple[float, float] | None
    columns: Columns | None
    drop: Sequence[str]
    keep: Sequence[str]
    transpose: bool
    changed: Changed
    zeros: Zeros


def options_of(**asked: Unpack[Asked]) -> Options:
    """Return options from keywords; an unknown one is a ``TypeError``."""
    given: dict[str, Any] = {name: one for name, one in asked.items() if one is not None}
    for name in given.keys() & {"name_by", "drop", "keep"}:
        given[name] = (given[name],) if isinstance(given[name], str) else tuple(given[name])
    if "parts" in given:
        given["parts"] = Path(given["parts"])
    return Options(**given)


class Importer(Protocol):
    """Reads the results of one format; constructed without arguments."""

    def sniff(self, path: Path) -> str:
        """Say why ``path`` is of this format, from names and little more; "" if it is not.

        A reason is a phrase such as "per_instance_stats.json beside run_spec.json".
        """
        ...

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read ``paths``, or raise :class:`~tinyeval.errors.DataError`.

        A file of this format that holds no scores of single items raises, too, and says what is
        missing.
        """
        ...
