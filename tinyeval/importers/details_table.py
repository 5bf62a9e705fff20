"""Rows of details in Parquet files, a column of marks for each metric.

The Open LLM Leaderboard and lighteval wrote marks in four shapes: columns called like the metric,
columns ``metrics.NAME``, a structure ``metrics``, ``metric`` or ``__metric__``, and the text of
such a structure.  Columns with prompts and answers, which make the files large, are not read.
"""

from __future__ import annotations

import ast
import math
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyeval.errors import DataError, examples
from tinyeval.importers.rawtable import parse_score

if TYPE_CHECKING:
    import pyarrow as pa

STRUCTURES = ("metrics", "metric", "__metric__")
DOCUMENTS = ("doc", "__doc__")

NO_METRICS = frozenset(
    {"truncated", "padded", "gold_index", "gold", "num_asked_few_shots", "__index_level_0__"}
    | {"num_effective_few_shots", "id", "doc_id", "index", "fewshots", "split_id"}
)
"""Columns of numbers that are no marks."""

MOST_ROWS = 5_000_000
"""Rows of one task; a file that says it has more is damaged, or was made to do harm."""

TAIL = 8
"""Last bytes of a Parquet file: how long that is which names its columns, and PAR1."""

COMPARED = 2000
"""Letters and digits of a document that are compared between files."""


@dataclass
class Details:
    """What is read of a file.

    Attributes:
        marks: metric -> the mark of each row, NaN where it has none.
        ids: the document's own id of each row; empty where rows have none.
        hashes: digest of each row's document; empty text where it is not there.
        several: metrics with several numbers per row, which are not read.
    """

    marks: dict[str, list[float]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)


def may_name(path: Path, names: Iterable[str]) -> bool:
    """Say whether a file called .parquet may have one of these columns, without reading them all.

    Its last bytes name all columns, which takes long to parse where there are thousands.
    """
    if path.suffix != ".parquet" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL, 0))
            length = int.from_bytes(file.read(4), "little")
            file.seek(max(size - TAIL - length, 0))
            end = file.read(length)
    except OSError:
        return False
    return any(name.encode() in end for name in names)


def schema_of(path: Path) -> pa.Schema | None:
    """Return the columns of a file called .parquet; None where it is none."""
    if path.suffix != ".parquet" or not path.is_file():
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError):
        return None


def count_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file; 0 where it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError, ValueError):
        return 0


def read_details(path: Path) -> Details:
    """Read the marks of every metric, and which document a row is of.

    Raises:
        DataError: a damaged file, no marks, marks that are no numbers.
    """
    with open_parquet(path) as file:
        return _read(path, file)


@contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """Open a Parquet file; raise :class:`DataError` where it, or what is read of it, is damaged."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise DataError(f"{path}: says that it has {file.metadata.num_rows:,} rows")
            yield file
    except DataError:
        raise
    except Exception as error:  # pyarrow raises several kinds on damaged bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: not a Parquet file, or damaged: {reason}") from error


def _read(path: Path, file: Any) -> Details:
    schema = file.schema_arrow
    columns, several, text = _metrics(schema)
    document = next((one for one in DOCUMENTS if one in schema.names), "")
    fields = _fields(schema, document)
    id_ = f"{document}.id" if "id" in fields else ""
    query = f"{document}.query" if "query" in fields else ""
    query = query or next((one for one in ("example", "query") if one in schema.names), "")
    found = Details({name: [] for name in columns}, several=several)
    wanted = {*columns.values(), *filter(None, (id_, query, text))}
    for rows in _batches(file, wanted):
        n = len(next(iter(rows.values()), ()))
        for name, column in columns.items():
            found.marks[name] += _numbers(rows[column], path, name)
        found.ids += [_id(one) for one in rows[id_]] if id_ else [""] * n
        found.hashes += [digest(one) for one in rows[query]] if query else [""] * n
        for value in rows[text] if text else ():
            _add_text(found, value, path)
    if not found.marks:
        raise DataError(
            f"{path}: expected a column of marks (acc, metrics.acc, metrics, metric), found "
            f"columns {examples(schema.names, 12)}"
        )
    if "" in found.ids:
        found.ids = []
    return found


def _metrics(schema: pa.Schema) -> tuple[dict[str, str], list[str], str]:
    """Return metric -> column, metrics of several numbers, and the column of text."""
    structure = next((one for one in STRUCTURES if one in schema.names), "")
    kind = schema.field(structure).type if structure else None
    if kind is not None and str(kind) in ("string", "large_string"):
        return {}, [], structure
    if kind is not None and str(kind).startswith("struct"):
        kinds = {f"{structure}.{one.name}": (one.name, one.type) for one in kind}
    elif any(name.startswith("metrics.") for name in schema.names):
        dotted = [name for name in schema.names if name.startswith("metrics.")]
        kinds = {name: (name.removeprefix("metrics."), schema.field(name).type) for name in dotted}
    else:
        kinds = {name: (name, schema.field(name).type) for name in schema.names}
        kinds = {k: v for k, v in kinds.items() if k not in NO_METRICS and _is_number(v[1])}
    columns = {name: column for column, (name, type_) in kinds.items() if _is_number(type_)}
    several = [name for name, type_ in kinds.values() if str(type_).startswith(("list", "struct"))]
    return columns, several, ""


def _is_number(kind: object) -> bool:
    return str(kind) in ("bool", "halffloat", "float", "double") or "int" in str(kind).split("<")[0]


def _fields(schema: pa.Schema, column: str) -> set[str]:
    if not column or not str(schema.field(column).type).startswith("struct"):
        return set()
    return {one.name for one in schema.field(column).type}


def _batches(file: Any, wanted: Collection[str]) -> Iterator[Mapping[str, list[object]]]:
    """Yield the values of columns, or of fields of structures, some rows at a time."""
    for batch in file.iter_batches(4096, columns=sorted(wanted)):
        rows: dict[str, list[object]] = {}
        for name in wanted:
            if name in batch.schema.names:
                rows[name] = batch.column(name).to_pylist()
            else:
                column, _, inner = name.partition(".")
                values = batch.column(column).to_pylist()
                rows[name] = [None if one is None else one[inner] for one in values]
        yield rows


def _numbers(values: list[object], path: Path, metric: str) -> list[float]:
    try:
        return [parse_score(one) for one in values]
    except ValueError as error:
        raise DataError(f"{path}: metric {metric!r} is not a number but {error}") from error


def _add_text(found: Details, value: object, path: Path) -> None:
    """Take the text of a structure, as Python writes it."""
    try:
        marks = ast.literal_eval(str(value)) if len(str(value)) < 10_000 else None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        marks = None
    if not isinstance(marks, dict):
        raise DataError(f"{path}: expected the marks of a row as text, found {str(value)[:40]!r}")
    n = max(map(len, found.marks.values()), default=0)
    for name, mark in marks.items():
        column = found.marks.setdefault(str(name), [math.nan] * n)
        column += _numbers([mark], path, str(name))
    for column in found.marks.values():
        column += [math.nan] * (n + 1 - len(column))


def _id(value: object) -> str:
    return "" if value is None else str(value)


def digest(text: object) -> str:
    """Return a digest of the letters and digits of a text; empty where there are none."""
    kept = re.sub(r"\W+", "", text if isinstance(text, str) else "")[:COMPARED].casefold()
    return sha256(kept.encode(errors="replace")).hexdigest() if kept else ""
