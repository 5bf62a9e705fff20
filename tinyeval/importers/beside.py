"""What lies beside a table: notes on its items and models, numbers of trials, and soft scores.

Beside ``results.csv`` they are ``results.items.csv``, ``results.models.csv`` (or parquet),
``results.trials.parquet`` and ``results.soft.parquet``, or else ``items.csv`` and ``models.csv``;
beside ``responses.parquet`` soft scores may also be ``soft.parquet``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.arrowtables import check_parquet
from tinyeval.importers.block import Block, Finding
from tinyeval.importers.notes import read_notes
from tinyeval.importers.rawtable import stem_of
from tinyeval.responses.cells import Trials

ENDS = (".csv", ".parquet")
"""Of the names of tables of notes."""

TRIALS = ".trials.parquet"
"""End of the name of a table of trials: a first column of models, then one column per item."""


SOFT = ".soft.parquet"
"""The same of a table of soft scores."""


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


def with_more(block: Block) -> Block:
    """Return a table's block with the trials and soft scores that lie beside it, if any."""
    trials = block.source.with_name(stem_of(block.source) + TRIALS)
    soft = _soft_beside(block.source)
    for path, own, what in (
        (trials, block.trials, "counts its trials itself"),
        (soft, block.soft, "has soft scores itself"),
    ):
        if path.is_file() and (own is not None or block.cells is not None):
            raise DataError(f"{path}: {block.source} {what}; remove the file, or rename it")
    more: dict[str, Any] = {}
    if trials.is_file():
        more["trials"] = read_trials(trials, block.models, block.items)
    if soft.is_file():
        more["soft"] = read_soft(soft, block.models, block.items)
    return replace(block, **more) if more else block


def _soft_beside(table: Path) -> Path:
    """Return where the soft scores of a table may be; a folder of ``responses`` may share them."""
    own, shared = table.with_name(stem_of(table) + SOFT), table.with_name(SOFT.removeprefix("."))
    return own if own.is_file() or stem_of(table) != "responses" else shared


def read_trials(path: Path, models: Sequence[str], items: Sequence[str]) -> Trials:
    """Read numbers of trials, uint16, shape (models, items).

    Raises:
        DataError: a damaged file, or one of other models or items.
    """
    ids, names, table = _read(path, "trials")
    with _damaged(path, "trials"):
        found = np.stack([_counts(column) for column in table.columns[1:]], axis=1)
    if ids != list(models) or names != list(items):
        raise DataError(
            f"{path}: has the trials of {len(ids)} models and {len(names)} items that are not "
            "those of the table beside it; write both anew, or remove it"
        )
    return found


def read_soft(path: Path, models: Sequence[str], items: Sequence[str]) -> NDArray[np.float16]:
    """Read soft scores, float16, shape (models, items); the file may have them in another order.

    Raises:
        DataError: a damaged file, one of other models or items, or a number outside [0, 1].
    """
    ids, names, table = _read(path, "soft scores")
    if sorted(ids) != sorted(models) or sorted(names) != sorted(items):
        raise DataError(
            f"{path}: has the soft scores of {len(ids)} models and {len(names)} items that are not "
            "those of the table beside it; write both anew, or remove it"
        )
    with _damaged(path, "soft scores"):
        place = {one: k for k, one in enumerate(names)}
        columns = table.columns[1:]
        found = np.stack([_probabilities(columns[place[one]]) for one in items], axis=1)
    rows = {one: k for k, one in enumerate(ids)}
    found = found[[rows[one] for one in models]]
    bad = ~((found >= 0) & (found <= 1) | np.isnan(found))
    if bad.any():
        row, column = (int(k[0]) for k in np.nonzero(bad))
        raise DataError(
            f"{path}: the soft score of model {models[row]!r} on item {items[column]!r} is "
            f"{found[row, column]:g}, expected a probability from 0 to 1: exp(log-likelihood) or a "
            "softmax over the choices"
        )
    return found.astype(np.float16)


def _read(path: Path, what: str) -> tuple[list[str], list[str], Any]:
    """Read a table of numbers: the ids of its models and items, and all of it."""
    import pyarrow.parquet as pq

    with _damaged(path, what), pq.ParquetFile(path) as file:
        check_parquet(path, file.metadata, file.schema_arrow)
        table = file.read()
        return table.column(0).to_pylist(), list(table.column_names[1:]), table


@contextmanager
def _damaged(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # pyarrow raises several kinds on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: not a table of {what}, or damaged: {reason}") from error


def _counts(column: Any) -> Trials:
    if str(column.type) != "uint16" or column.null_count:
        return _as_counts(column)
    chunks = [one for one in column.chunks if len(one)]
    parts = [np.frombuffer(one.buffers()[1], "u2", len(one), 2 * one.offset) for one in chunks]
    return np.concatenate([np.empty(0, np.uint16), *parts])


def _as_counts(column: Any) -> Trials:
    """Return counts that another tool wrote, as pandas does: any numbers, 0 where there is none."""
    cells = [0 if one is None or one != one else one for one in column.to_pylist()]
    most = int(np.iinfo(np.uint16).max)
    for one in cells:
        if isinstance(one, bool) or not isinstance(one, (int, float)):
            raise ValueError(f"expected counts, found {column.type}")
        if not (0 <= one <= most and one == int(one)):
            raise ValueError(f"expected whole numbers from 0 to {most:,}, found {one:g}")
    return np.array(cells, dtype=np.uint16)


FLOATS = {"halffloat": "f2", "float": "f4", "double": "f8"}
"""Arrow's names of numbers that soft scores may be."""


def _probabilities(column: Any) -> NDArray[np.float32]:
    kind = FLOATS.get(str(column.type))
    if kind is None:
        raise ValueError(f"expected numbers, found {column.type}")
    if column.null_count:
        cells = column.to_pylist()
        return np.array([np.nan if one is None else one for one in cells], dtype=np.float32)
    width = np.dtype(kind).itemsize
    chunks = [one for one in column.chunks if len(one)]
    parts = [np.frombuffer(one.buffers()[1], kind, len(one), width * one.offset) for one in chunks]
    return np.concatenate([np.empty(0, np.float32), *parts]).astype(np.float32)
