"""Results that are objects, not files: frames, data sets, arrays with ids, lists and mappings.

Libraries are not imported for it: an object tells by its class's module what it is, and what can
hand itself over as Arrow does so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyeval.errors import DataError
from tinyeval.importers.aliases import ALIASES, USUAL_SPLITS, WEAK, plain
from tinyeval.importers.arrowtables import from_arrow
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged
from tinyeval.importers.jsontables import columns_of, from_object
from tinyeval.importers.layouts import to_block
from tinyeval.importers.merge import merge
from tinyeval.importers.npfiles import NAMES, from_arrays
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.table import check_filter, check_known
from tinyeval.responses import ResponseMatrix

ACCEPTED = (
    "paths, a pandas or polars DataFrame, a pyarrow Table, a Dataset or DatasetDict, a list of "
    "dicts, {model: {item: score}}, (scores, models, items), or a ResponseMatrix"
)


UNNAMED = "unnamed model"
"""Id of a model that a table in memory does not name."""


def are_paths(source: object) -> bool:
    """Say whether something is a path, or a list of paths (perhaps none)."""
    if isinstance(source, Sequence) and not isinstance(source, (str, bytes, bytearray)):
        return all(isinstance(one, (str, Path)) for one in source)
    return isinstance(source, (str, Path))


def read_objects(source: object, options: Options) -> tuple[Merged, str]:
    """Read what is in memory.

    Returns:
        The results, and what they were in.

    Raises:
        DataError: an object of no known type, or one that holds no results.
    """
    check_filter(options)
    if isinstance(source, ResponseMatrix):
        return Merged(source, 1), "a ResponseMatrix"
    average = options.repeats == "average"
    tables = list(_tables(source))

    def blocks() -> Iterator[Block]:
        for k, table in enumerate(tables):
            options.progress(k, len(tables), str(table.path))
            if not len(table):
                raise DataError(f"{table.path}: the table has no rows")
            yield to_block(table, options.rules, options.metric, average)
        options.progress(len(tables), len(tables), "")

    merged, what = merge(blocks(), options), str(tables[0].path)
    check_known(merged, what)
    return merged, what


def one_table(source: object) -> RawTable:
    """Return the raw table that an object holds.

    Raises:
        DataError: an object of no known type, or one that holds several tables.
    """
    found = list(_tables(source))
    if len(found) != 1:
        raise DataError(f"expected one table, found {len(found)}; give one of them")
    return found[0]


def _tables(source: Any) -> Iterator[RawTable]:
    """Yield the raw tables that an object holds; one at least."""
    if _are_arrays(source):
        yield from_arrays(Path("arrays"), *source)
    elif isinstance(source, Mapping):
        yield from _of_mapping(source)
    elif isinstance(source, (list, tuple)) and source:
        if all(isinstance(one, Mapping) for one in source):
            yield RawTable(Path("list of dicts"), columns_of(_named(source)), owner=UNNAMED)
        else:
            for one in source:
                yield from _tables(one)
    else:
        yield _of_frame(source)


def _of_frame(source: Any) -> RawTable:
    library = type(source).__module__.partition(".")[0]
    what = Path(f"{library} {type(source).__name__}")
    if library == "pandas" and hasattr(source, "columns"):
        return _of_pandas(source, what)
    if library == "pandas" and hasattr(source, "to_frame") and hasattr(source, "index"):
        return _of_series(source, what)
    if library == "datasets" and hasattr(source, "with_format"):
        return from_arrow(source.with_format("arrow")[:], what)
    if library == "polars" and hasattr(source, "collect"):
        source = source.collect()  # a LazyFrame
    if hasattr(source, "__arrow_c_stream__"):
        import pyarrow as pa

        try:
            table = pa.table(source)
        except (TypeError, ValueError) as error:  # a series: one column, and no name
            found = type(source).__name__
            raise DataError(f"expected {ACCEPTED}, found {found}, which is no table") from error
        return from_arrow(table, what)
    if isinstance(source, np.ndarray):
        raise DataError(
            "an array alone does not say which models and items it is of; give "
            "(scores, models, items) with the ids of its rows and columns"
        )
    raise DataError(f"expected {ACCEPTED}, found {type(source).__name__}")


def _of_pandas(frame: Any, what: Path) -> RawTable:
    """Return a frame's columns; row labels that are named, or are text, come before them."""
    labels = frame.index
    plain = labels.nlevels == 1 and labels.name is None and labels.dtype.kind in "iuf"
    columns: dict[str, Sequence[object]] = {}
    for level in range(0 if plain else labels.nlevels):
        values = labels.get_level_values(level)
        columns[str(values.name) if values.name is not None else ""] = _cells(values)
    names = ["/".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in frame]
    if len({*names, *columns}) < len(names) + len(columns):
        raise DataError(f"{what}: column names appear more than once; give each one of its own")
    for k, name in enumerate(names):
        columns[name] = _cells(frame.iloc[:, k])
    if not columns:
        raise DataError(f"{what}: has no columns")
    levels = tuple(name for name, one in zip(names, frame, strict=True) if isinstance(one, tuple))
    told = "names of columns of several levels were joined by '/'"
    findings = (Finding("joined", told, len(levels), levels[:3]),) if levels else ()
    return RawTable(what, columns, owner=UNNAMED, findings=findings)


def _of_series(series: Any, what: Path) -> RawTable:
    """Return a long table of the scores of a series, whose index names models and items."""
    levels = [plain(str(name)) if name is not None else "" for name in series.index.names]
    known = [(*ALIASES["model"], *WEAK["model"]), (*ALIASES["item"], *WEAK["item"])]
    named = [[k for k, one in enumerate(levels) if one in names] for names in known]
    if len(levels) < 2 or any(len(one) != 1 for one in named):
        raise DataError(
            f"{what}: expected an index with levels 'model' and 'item', found "
            f"{', '.join(repr(name) for name in series.index.names)}; name them with "
            "rename_axis(index=['model', 'item']), or give the DataFrame"
        )
    score = "score" if series.name is None or not _is_score(series.name) else str(series.name)
    return _of_pandas(series.to_frame(score), what)


def _is_score(name: object) -> bool:
    return plain(str(name)) in ALIASES["score"]


def _cells(values: Any) -> Sequence[object]:
    if getattr(values.dtype, "kind", "O") in "fiub" and isinstance(values.dtype, np.dtype):
        return values.to_numpy()
    return [None if missing else one for one, missing in zip(values, values.isna(), strict=True)]


def _of_mapping(source: Mapping[Any, Any]) -> Iterator[RawTable]:
    """Yield the tables of splits, arrays with ids, columns, or answers."""
    values = list(source.values())
    if set(NAMES) <= source.keys():
        yield from_arrays(Path("arrays"), *(source[name] for name in NAMES))
    elif values and not any(isinstance(one, (Mapping, list, int, float, str)) for one in values):
        for name, one in source.items():
            table = next(_tables(one))
            owner = "" if str(name) in USUAL_SPLITS else str(name)
            yield RawTable(table.path, table.columns, owner=owner or UNNAMED)
    else:
        table = from_object(Path("dict"), next(_named([source])))
        yield replace(table, owner=UNNAMED)


def _named(records: Sequence[Mapping[Any, Any]]) -> Iterator[dict[str, object]]:
    return ({str(name): value for name, value in one.items()} for one in records)


def _are_arrays(source: Any) -> bool:
    """Say whether something is (scores, models, items)."""
    if not (isinstance(source, tuple) and len(source) == 3):
        return False
    scores, *ids = source
    return np.ndim(scores) == 2 and all(np.ndim(one) == 1 for one in ids)
