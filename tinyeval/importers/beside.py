"""What lies beside a table: notes on its items and models, and numbers of trials.

Beside ``results.csv`` they are ``results.items.csv``, ``results.models.csv`` (or parquet) and
``results.trials.parquet``, or else ``items.csv`` and ``models.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyeval.errors import DataError
from tinyeval.importers.arrowtables import check_parquet
from tinyeval.importers.block import Block, Finding
from tinyeval.importers.notes import read_notes
from tinyeval.importers.rawtable import stem_of
from tinyeval.responses import Trials

ENDS = (".csv", ".parquet")
"""Of the names of tables of notes."""

TRIALS = ".trials.parquet"
"""End of the name of a table of trials: a first column of models, then one column per item."""


def notes_beside(block: Block) -> Iterator[Block]:
    """Yield the items' and models' tables beside a file as blocks without scores of their own.

    ``results.items.csv`` beside ``results.csv`` is of these items, or refused; ``items.csv`` may be
    of other results of the folder, and is then left alone and named.
    """
    for key, ids in (("item", block.items), ("model", block.models)):
        own, shared = side_tables(block.source, f"{key}s")
        path = own or shared
        if path is None or path == block.source:
            continue
        notes: dict[str, dict[str, object]] = {}
        what = f"tables of {key}s beside the results were read"
        said = Finding("guessed", what, 1, (path.name,)) if own is None else None
        try:
            notes = read_notes(path, key, set(ids))
        except DataError as error:
            if own is not None or block.source.stem == "responses":
                raise
            reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
            what = f"tables of {key}s beside the results were not read: {reason}"
            said = Finding("doubt", what, 1, (path.name,))
        both = (notes, {}) if key == "item" else ({}, notes)
        yield Block(
            path, [], [], np.empty((0, 0), np.float32), *both, findings=(said,) if said else ()
        )


def side_tables(table: Path, which: str) -> tuple[Path | None, Path | None]:
    """Return the ``items`` or ``models`` table of a table, and the one of its folder, if any."""
    if not table.parent.is_dir() or not table.is_file():  # results in memory have none
        return None, None
    names = [[stem + end for end in ENDS] for stem in (f"{stem_of(table)}.{which}", which)]
    own, shared = ((table.with_name(name) for name in listed) for listed in names)
    return next(filter(Path.is_file, own), None), next(filter(Path.is_file, shared), None)


def with_trials(block: Block) -> Block:
    """Return a table's block with the numbers of trials that lie beside it, if any."""
    path = block.source.with_name(stem_of(block.source) + TRIALS)
    if not path.is_file():
        return block
    if block.trials is not None or block.cells is not None:
        raise DataError(
            f"{path}: {block.source} counts its trials itself; remove the file, or rename it"
        )
    return replace(block, trials=read_trials(path, block.models, block.items))


def read_trials(path: Path, models: Sequence[str], items: Sequence[str]) -> Trials:
    """Read numbers of trials, uint16, shape (models, items).

    Raises:
        DataError: a damaged file, or one of other models or items.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            check_parquet(path, file.metadata, file.schema_arrow)
            names, table = list(file.schema_arrow.names), file.read()
        ids = table.column(0).to_pylist()
        found = np.stack([_counts(column) for column in table.columns[1:]], axis=1)
    except DataError:
        raise
    except Exception as error:  # pyarrow raises several kinds on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: not a table of trials, or damaged: {reason}") from error
    if ids != list(models) or names[1:] != list(items):
        raise DataError(
            f"{path}: has the trials of {len(ids)} models and {len(names) - 1} items that are not "
            "those of the table beside it; write both anew, or remove it"
        )
    return found


def _counts(column: Any) -> Trials:
    if str(column.type) != "uint16" or column.null_count:
        raise ValueError(f"expected counts, found {column.type}")
    chunks = [one for one in column.chunks if len(one)]
    parts = [np.frombuffer(one.buffers()[1], "u2", len(one), 2 * one.offset) for one in chunks]
    return np.concatenate([np.empty(0, np.uint16), *parts])
