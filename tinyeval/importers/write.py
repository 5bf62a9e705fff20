"""A response matrix -> one wide table, which :func:`tinyeval.importers.read_results` reads back.

Files appear whole or not at all: all are written under hidden names, then renamed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

from tinyeval.atomic import new_file
from tinyeval.errors import DataError
from tinyeval.errors.arguments import as_path, wrong_type
from tinyeval.importers.arrowtables import MARK
from tinyeval.importers.beside import SOFT, TRIALS
from tinyeval.importers.notes import is_unknown
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table


def write_results(responses: ResponseMatrix, path: str | Path, *, overwrite: bool = True) -> None:
    """Write scores as a wide table; the suffix of ``path`` chooses csv, parquet or npz.

    What is known of items and models goes into ``<stem>.items.csv`` and ``<stem>.models.csv``
    beside it, numbers of trials into ``<stem>.trials.parquet``, soft scores into
    ``<stem>.soft.parquet``; older files of these names that no longer apply are removed.

    Args:
        responses: what to write.
        path: ends in ``.csv``, ``.parquet`` or ``.npz``.
        overwrite: replace files that are there; else nothing that exists is touched, even if it
            came while this wrote.

    Raises:
        DataError: another suffix, an item id that a wide table cannot hold, or a folder that
            cannot be written.

    Example:
        >>> from tinyeval import read_results, write_results
        >>> write_results(responses, "results.parquet")
        >>> bool((read_results("results.parquet").scores == responses.scores).all())
        True
    """
    if not isinstance(responses, ResponseMatrix):
        expected = "a ResponseMatrix, as read_results returns it"
        raise DataError(wrong_type("the results", expected, responses))
    path = as_path(path, "the file", DataError)
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise DataError(
            f"{path}: expected one of the suffixes {', '.join(WRITERS)}, found "
            f"{path.suffix or 'no suffix'}"
        )
    reserved = sorted({"model", "item", "score"} & set(responses.items.ids))
    if reserved and path.suffix.lower() != ".npz":
        raise DataError(
            f"{path}: an item is called {reserved[0]!r}, which is a table's own column; write npz"
        )
    cut = [one for one in (*responses.models.ids, *responses.items.ids) if one.endswith("\0")]
    if cut and path.suffix.lower() == ".npz":
        raise DataError(
            f"{path}: {len(cut)} ids end in a NUL character, such as {cut[0][:60]!r}, which numpy "
            "cuts off; write parquet"
        )
    try:
        _write_all(responses, path, write, overwrite)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: an id holds a character that UTF-8 cannot: {error}") from error


def _write_all(
    responses: ResponseMatrix,
    path: Path,
    write: Callable[[ResponseMatrix, Path], None],
    overwrite: bool,
) -> None:
    """Write the table and what belongs beside it; nothing changes unless all could be written."""
    sides = {"item": responses.items, "model": responses.models}
    side_paths = {key: path.with_name(f"{path.stem}.{key}s.csv") for key in sides}
    cells = {TRIALS: responses.trials, SOFT: responses.soft}
    with ExitStack() as files:
        write(responses, files.enter_context(new_file(path, overwrite=overwrite)))
        for key, table in sides.items():
            if table.columns:
                side = files.enter_context(new_file(side_paths[key], overwrite=overwrite))
                _write_side_table(side, key, table)
        for end, known in cells.items():
            if known is not None:
                side = files.enter_context(
                    new_file(path.with_name(path.stem + end), overwrite=overwrite)
                )
                _write_columns(responses, known, side)
    for key, table in sides.items():
        if overwrite and not table.columns:
            side_paths[key].unlink(missing_ok=True)
    for end, known in cells.items():
        if overwrite and known is None:
            path.with_name(path.stem + end).unlink(missing_ok=True)


def _write_csv(responses: ResponseMatrix, path: Path) -> None:
    rows = (
        [model, *("" if score == "nan" else score for score in scores.astype(str))]
        for model, scores in zip(responses.models.ids, responses.scores, strict=True)
    )
    _write_rows(path, ["model", *responses.items.ids], rows)


def _write_parquet(responses: ResponseMatrix, path: Path) -> None:
    _write_columns(responses, responses.scores, path)


def _write_columns(responses: ResponseMatrix, cells: NDArray, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [pa.array(responses.models.ids, pa.string())]
    holes = cells.dtype != np.float16  # of scores, NaN is a null
    columns += [pa.array(np.ascontiguousarray(one), from_pandas=holes) for one in cells.T]
    table = pa.table(columns, names=["model", *responses.items.ids])
    table = table.replace_schema_metadata({MARK: b"all columns but the first"})
    pq.write_table(table, path, write_statistics=False)  # they would take longer than the scores


def _write_npz(responses: ResponseMatrix, path: Path) -> None:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        with archive.open("scores.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, responses.scores)
        for name, ids in (("models", responses.models.ids), ("items", responses.items.ids)):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                _write_ids(file, ids)


def _write_ids(file: IO[bytes], ids: Sequence[str]) -> None:
    """Write ids as numpy's fixed-width text, some at a time: one long id makes all of them long."""
    width = max(map(len, ids))
    kind = np.dtype(f"U{width}")
    header = {"descr": kind.str, "fortran_order": False, "shape": (len(ids),)}
    np.lib.format.write_array_header_1_0(file, header)
    step = max(1, 2**20 // width)
    for k in range(0, len(ids), step):
        file.write(np.array(ids[k : k + step], dtype=kind).tobytes())


def _write_side_table(path: Path, key: str, table: Table) -> None:
    rows = (
        [one, *("" if is_unknown(value) else value for value in values)]
        for one, *values in zip(table.ids, *table.columns.values(), strict=True)
    )
    _write_rows(path, [key, *table.columns], rows)


def _write_rows(path: Path, header: list[str], rows: Iterable[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


WRITERS: dict[str, Callable[[ResponseMatrix, Path], None]] = {
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".npz": _write_npz,
}
