"""What an importer is: paths of one format -> one response matrix.

An importer recognises its own files (``sniff``) and reads any number of them (``read``).  It
usually turns every file into a :class:`~tinyeval.importers.merge.Block` and hands the blocks to
:func:`~tinyeval.importers.merge.merge`, which joins them by id and refuses contradictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tinyeval.errors import ConfigError
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix


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
class Options:
    """Choices that only the reader of a result can make.

    Attributes:
        metric: which of several scores per item to read; its syntax is the importer's.
        filter: which of several answer extractions to read.
        item_key: makes item ids from the logged documents, where a harness knows positions only.
        progress: called before each file is read, and once at the end.
        jobs: number of processes that read files.
        parts: folder that keeps what was read of each file (:mod:`tinyeval.importers.parts`).
    """

    metric: str | None = None
    filter: str | None = None
    item_key: ItemKey | None = None
    progress: Progress = silent
    jobs: int = 1
    parts: Path | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ConfigError(f"expected one or more jobs, found {self.jobs}")


class Importer(Protocol):
    """Reads the results of one format; constructed without arguments."""

    def sniff(self, path: Path) -> bool:
        """Say, from names and at most a first line, whether ``path`` is of this format."""
        ...

    def read(self, paths: Sequence[Path], options: Options) -> ResponseMatrix:
        """Read ``paths`` into one matrix, or raise :class:`~tinyeval.errors.DataError`."""
        ...
