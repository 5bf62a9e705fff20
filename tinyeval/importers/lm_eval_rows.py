"""The rows of a samples file of lm-evaluation-harness, by filter.

Versions before 0.4.5 do not name the filter of a row: a file has each document once per filter,
in the order of the task's filters, whose names are then those of the results file, or numbers.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tinyeval.errors import DataError
from tinyeval.importers.base import ItemKey
from tinyeval.importers.logged_soft import Logged, logged_soft
from tinyeval.importers.textfiles import json_records

NO_METRICS = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"}
    | {"doc_hash", "prompt_hash", "target_hash"}
)

NO_FILTER = "none"
"""The harness's own name of a filter that changes nothing."""


_DOC_ID = re.compile(r'\{"doc_id": ?(\d+),')


class Row(NamedTuple):
    """What is kept of a line; all of it, ``logged``, for items that are asked for."""

    line: int
    doc_id: str
    item: str
    doc_hash: str
    values: dict[str, object]
    logged: Mapping[str, object] = {}
    soft: Logged = Logged()


def has_samples(path: Path) -> bool:
    """Say whether a file's first line is a sample."""
    try:
        _, row = next(json_records(path), (0, {}))
    except DataError:
        return False
    return {"doc_id", "resps"} <= row.keys()


def read_rows(
    path: Path,
    task: str,
    key: ItemKey | None,
    filters: Sequence[str] = (),
    wanted: Collection[str] | None = None,
) -> dict[str, list[Row]]:
    """Return the rows of each filter, without documents, prompts and answers.

    Args:
        path: the file.
        task: names the items, with ``doc_id``.
        key: names the items in place of these.
        filters: of the task, in order, for files that do not name them.
        wanted: items whose rows are returned whole, and no others; there may be none.

    Raises:
        DataError: no rows; a row without an id, or a damaged file.
    """
    rows: dict[str, list[Row]] = {}
    unnamed: list[Row] = []
    skip = _skipper(task, wanted) if wanted is not None and key is None else None
    for line, row in json_records(path, skip=skip):
        doc_id = row.get("doc_id")
        if isinstance(doc_id, bool) or not isinstance(doc_id, (int, str)):
            raise DataError(f"{path}:{line}: expected an integer doc_id, found {doc_id!r}")
        item = f"{task}/{doc_id}" if key is None else _keyed(row, key, f"{path}:{line}")
        if wanted is not None and item not in wanted:
            continue
        logged = row if wanted is not None else {}
        metrics, soft = _metrics_of(row), logged_soft(row)
        kept = Row(line, str(doc_id), item, _hash_of(row), metrics, logged, soft)
        name = row.get("filter")
        (rows.setdefault(str(name), []) if name else unnamed).append(kept)
    if unnamed and not rows:
        rows = _by_filter(unnamed, filters)
    elif unnamed:
        rows.setdefault(NO_FILTER, []).extend(unnamed)
    if not rows and wanted is None:
        raise DataError(f"{path}: the file is empty; run the task again, or leave it out")
    return rows


def _skipper(task: str, wanted: Collection[str]) -> Callable[[str], bool]:
    """Return what says that a line is of another item, by its beginning, as it is written."""
    ids = {one.removeprefix(f"{task}/") for one in wanted}

    def skip(line: str) -> bool:
        found = _DOC_ID.match(line)
        return found is not None and found[1] not in ids

    return skip


def _by_filter(rows: Sequence[Row], filters: Sequence[str]) -> dict[str, list[Row]]:
    """Tell filters apart by how often a document came before."""
    times = Counter(row.doc_id for row in rows)
    n = max(times.values())
    if n == 1 or min(times.values()) < n:
        return {NO_FILTER: list(rows)}
    names = filters if len(filters) == n else [str(k + 1) for k in range(n)]
    seen: Counter[str] = Counter()
    found: dict[str, list[Row]] = {name: [] for name in names}
    for row in rows:
        found[names[seen[row.doc_id]]].append(row)
        seen[row.doc_id] += 1
    return found


def _keyed(row: Mapping[str, object], key: ItemKey, where: str) -> str:
    """Return the item id that the logged document's own key makes."""
    document = row.get("doc")
    value = document.get(key.column) if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DataError(f"{where}: expected a key {key.column!r} in the document, found {value!r}")
    return f"{key.prefix}{value}"


def _hash_of(row: Mapping[str, object]) -> str:
    """Return the document's hash; where an older version wrote none, made as the harness does."""
    if row.get("doc_hash"):
        return str(row["doc_hash"])
    if not isinstance(row.get("doc"), dict):
        return ""
    text = json.dumps(row["doc"], indent=2, ensure_ascii=False)
    return sha256(text.encode(errors="replace")).hexdigest()


def _metrics_of(row: Mapping[str, object]) -> dict[str, object]:
    named = row.get("metrics")  # older versions do not write it
    names = named if isinstance(named, list) else row.keys() - NO_METRICS
    return {name: row[name] for name in row if name in names}
