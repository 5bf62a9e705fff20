"""Plain tables, wide or long, in any file or folder that holds one, and what lies beside them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.arrowtables import read_shards
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.beside import notes_beside, with_more
from tinyeval.importers.block import Block, Merged
from tinyeval.importers.folders import STATE, Source, looks_like, shards, sources
from tinyeval.importers.layouts import to_block
from tinyeval.importers.merge import merge
from tinyeval.importers.parts import read_blocks
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.readers import read_raw


class TableImporter:
    """Reads tables: text, JSON, Parquet, Arrow, npz, Excel, and what ``datasets`` saves."""

    def sniff(self, path: Path) -> str:
        """Accept a file with a table's suffix, or a folder with such files."""
        return looks_like(path)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read tables and join them; ``options.metric`` names the score column of long tables."""
        check_filter(options)
        found = [one for path in paths for one in sources(path)]
        with closing(_blocks(found, options)) as blocks:
            merged = merge(blocks, options)
        check_known(merged, str(paths[0]))
        return merged


@dataclass(frozen=True)
class TableJob:
    """How a table is read.

    Attributes:
        path: the file.
        owner: the model whose answers it holds if no column names any.
        metric: name of its score column.
        rules: of the import.
        average: average several scores of one cell.
    """

    path: Path
    owner: str
    metric: str | None
    rules: Rules
    average: bool

    def read(self) -> Block:
        """Read it whatever its suffix and layout."""
        if self.path.name == STATE:
            files = shards(self.path)
            table = RawTable(self.path.parent, read_shards(self.path.parent, files))
        else:
            table = read_raw(self.path)
        return to_block(
            replace(table, owner=table.owner or self.owner), self.rules, self.metric, self.average
        )


def check_known(merged: Merged, where: str) -> None:
    """Raise :class:`DataError` if no cell has a score."""
    scores = merged.responses.scores
    if all(np.isnan(row).all() for row in scores):
        models, items = scores.shape
        raise DataError(
            f"{where}: no score is known of {models:,} models x {items:,} items: all cells are "
            "blank or missing; check that the column or file is the right one"
        )


def check_filter(options: Options) -> None:
    """Raise :class:`ConfigError` if a filter is asked for."""
    if options.filter is not None:
        raise ConfigError(f"tables have no filters, but filter={options.filter!r} was given")


def _blocks(found: Sequence[Source], options: Options) -> Generator[Block]:
    average = options.repeats == "average"
    jobs = [TableJob(one.path, one.owner, options.metric, options.rules, average) for one in found]
    for block in read_blocks(jobs, options):
        yield with_more(block)
        yield from notes_beside(block)
