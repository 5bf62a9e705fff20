"""Tables in JSON: lines, lists of objects, what pandas' ``to_json`` writes, and plain mappings.

``{item: score}`` are the answers of one model, ``{model: {item: score}}`` those of several.
pandas' orients are told by their keys: ``split`` and ``table`` by ``data``, ``columns`` and
``index`` by a column of models or items among the keys.  ``values`` has no names, and is refused.
A frame with its models in the index is written as ``{item: {model: score}}``, which is told by ids.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.aliases import (
    ALIASES,
    USUAL_SPLITS,
    WEAK,
    is_answer,
    is_named,
    plain,
    short,
)
from tinyeval.importers.block import Finding
from tinyeval.importers.jsonarray import LONGEST, check_values, parse_json
from tinyeval.importers.opening import check_cells
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.textfiles import json_records, open_text, read_json, starts_array
from tinyeval.importers.values import read_marks

SHAPES = "expected {item: score}, {model: {item: score}}, a list of objects, or a line each"


def read_json_table(path: Path) -> RawTable:
    """Read a table of JSON in any shape but bare values."""
    if starts_array(path):
        if _starts_with(path, "[["):
            raise DataError(
                f"{path}: holds values without names of columns; write it with "
                "DataFrame.to_json(orient='split'), or as a list of objects"
            )
        records = json_records(path, unique_keys=True)
        return RawTable(path, columns_of((record for _, record in records), path))
    if _has_lines(path):
        return read_json_lines(path)
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"{path}: {SHAPES}; found {type(value).__name__}")
    return from_object(path, value)


def read_json_lines(path: Path) -> RawTable:
    """Read an object a line, or one array of objects."""
    lines = array("q")

    def records() -> Iterator[dict[str, object]]:
        for line, record in json_records(path, unique_keys=True):
            lines.append(line)
            yield record

    columns = columns_of(records(), path)
    if not lines:
        raise DataError(f"{path}: the file is empty")
    return RawTable(path, columns, lines)


def from_object(path: Path, value: Mapping[str, Any]) -> RawTable:
    """Return the table that one object holds."""
    data = value.get("data")
    if isinstance(data, list) and isinstance(value.get("columns"), list):
        return RawTable(path, _split(path, value["columns"], value.get("index"), data))
    if isinstance(data, list) and "schema" in value:
        columns = columns_of(_objects(path, data))
        if columns.get("index") == list(range(len(data))):  # pandas numbers its rows so
            del columns["index"]
        return RawTable(path, columns)
    if (found := _of_models(path, value)) is not None:
        return found
    if isinstance(value.get("model"), str):
        return RawTable(path, columns_of([value]))
    lists = [name for name, one in value.items() if isinstance(one, list) and one]
    inside = [name for name in lists if isinstance(value[name][0], dict)]
    if len(inside) > 1:  # of answers, and of what else there is to say
        inside = [name for name in inside if sum(map(is_named, value[name][0])) > 1]
    if len(inside) == 1:
        what = "list of objects in the file was read as the table"
        said = Finding("guessed", what, 1, (*inside,))
        return RawTable(path, columns_of(_objects(path, value[inside[0]])), findings=(said,))
    if lists and len(lists) == len(value) and any(map(is_named, value)):
        return RawTable(path, _even(path, value))
    inner = [one for one in value.values() if isinstance(one, dict)]
    if inner and len(inner) == len(value):
        if any(is_named(name) and _is_text(value[name].values()) for name in value):
            return RawTable(path, _by_column(value))
        if all(any(is_named(name) for name in one) for one in inner[:20]):
            return RawTable(path, columns_of(inner))
    columns = columns_of(_answers(path, value))
    _check_answers(path, value, columns.get("score", []))
    return RawTable(path, columns, nested=bool(inner))


def _of_models(path: Path, value: Mapping[str, Any]) -> RawTable | None:
    """Return the answers of a run whose model stands beside them, or of {model: [answers]}."""
    lists = {
        name: one for name, one in value.items() if isinstance(one, list) and _are_answers(one)
    }
    model = next((one for name, one in value.items() if plain(name) in ALIASES["model"]), None)
    if len(lists) == 1 and isinstance(model, str):
        name, answers = next(iter(lists.items()))
        of_model = [{"model": model, **one} for one in _objects(path, answers)]
        what = "list of objects in the file was read as the answers of its model"
        said = Finding("guessed", what, 1, (name,))
        return RawTable(path, columns_of(of_model, path), findings=(said,))
    if len(lists) < 2 or len(lists) < len(value) or USUAL_SPLITS & lists.keys():
        return None
    if any("model" in answers[0] for answers in lists.values()):
        return None
    of_models = [
        {"model": name, **one} for name, answers in lists.items() for one in _objects(path, answers)
    ]
    _check_shared(path, lists)
    said = Finding("guessed", "lists in the file are called like models", len(lists), (*lists,)[:3])
    return RawTable(path, columns_of(of_models, path), findings=(said,))


def _check_shared(path: Path, lists: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
    """Raise where lists of answers have other items each: they may be of one model's benchmarks."""
    first, *others = lists.values()
    key = next(name for name in first[0] if plain(str(name)) in (*ALIASES["item"], *WEAK["item"]))
    known = {str(one.get(key)) for one in first}
    for answers in others:
        found = {str(one.get(key)) for one in answers}
        if 2 * len(found & known) < min(len(found), len(known)):
            raise DataError(
                f"{path}: has lists of answers called {short(list(lists), 4)}, which share few of "
                f"their items ({key!r}): nothing tells whether these are models or benchmarks; "
                "write 'model' or 'benchmark' into every answer, or a file for each model"
            )


def _are_answers(values: Sequence[object]) -> bool:
    """Say whether a list begins with an answer: an object with an item and its score."""
    return bool(values) and is_answer(values[0])


def _check_answers(path: Path, value: Mapping[str, Any], scores: Sequence[object]) -> None:
    """Raise where most of an object is plainly something else than scores by item."""
    wrong = read_marks(scores).wrong
    nested = any(isinstance(scores[k], (list, dict)) for k in wrong)
    if nested or len(wrong) > max(1, 0.1 * len(scores)):
        raise DataError(
            f"{path}: expected answers ({{model: {{item: score}}}}, {{item: score}}, or a list of "
            f"objects), found an object with {short(list(value), 5)}: settings, a summary of a "
            "run, or a shape that is not known; give the file that has a mark for each answer"
        )


def columns_of(
    records: Iterable[Mapping[str, object]], path: Path | None = None
) -> dict[str, list[object]]:
    """Return records as columns; what a record lacks is None.

    Raises:
        DataError: more cells than a file, if one is named, may hold.
    """
    columns: dict[str, list[object]] = {}
    n = known = 0
    for record in records:
        for name, value in record.items():
            column = columns.setdefault(name, [])
            column.extend([None] * (n - len(column)))
            # Interned, an id that fills many rows is held once.
            column.append(sys.intern(value) if type(value) is str else value)
        n += 1
        if path is not None and (len(columns) > known or n % 4096 == 0):
            known = len(columns)
            check_cells(path, n, known)
    for column in columns.values():
        column.extend([None] * (n - len(column)))
    return columns


def _answers(path: Path, value: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    nested = [isinstance(inner, dict) for inner in value.values()]
    if any(nested) and not all(nested):
        raise DataError(f"{path}: expected either {{item: score}} or {{model: {{item: score}}}}")
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from ({"model": key, "item": item, "score": s} for item, s in inner.items())
        else:
            yield {"item": key, "score": inner}


def _objects(path: Path, listed: list[Any]) -> Iterator[dict[str, object]]:
    for k, one in enumerate(listed):
        if not isinstance(one, dict):
            raise DataError(f"{path}, row {k + 1}: expected an object, found {type(one).__name__}")
        yield one


def _split(path: Path, names: list[Any], index: Any, rows: list[Any]) -> dict[str, list[object]]:
    for k, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise DataError(f"{path}, row {k + 1}: expected a list of {len(names)} values")
    if len({str(name) for name in names}) < len(names):
        raise DataError(f"{path}: columns appear more than once")
    columns = {str(name): [row[k] for row in rows] for k, name in enumerate(names)}
    if isinstance(index, list) and len(index) == len(rows) and _is_text(index):
        columns = {"": index, **columns}
    return columns


def _by_column(value: Mapping[str, Mapping[str, object]]) -> dict[str, list[object]]:
    rows = dict.fromkeys(row for column in value.values() for row in column)
    return {name: [column.get(row) for row in rows] for name, column in value.items()}


def _even(path: Path, value: Mapping[str, list[object]]) -> dict[str, list[object]]:
    if len({len(column) for column in value.values()}) > 1:
        raise DataError(f"{path}: its columns are of different lengths")
    return dict(value)


def _is_text(values: Iterable[object]) -> bool:
    listed = list(values)
    return bool(listed) and all(isinstance(one, str) for one in listed)


def _starts_with(path: Path, start: str) -> bool:
    with open_text(path) as file:
        return "".join(file.read(4096).split()).startswith(start)


def _has_lines(path: Path) -> bool:
    """Say whether the first line is a whole object and another line follows."""
    with open_text(path) as file:
        first = ""
        for line in iter(lambda: file.readline(LONGEST), ""):
            if first and line.strip():
                return True
            if not first and line.strip():
                if len(line) == LONGEST:
                    return False
                check_values(path, line)
                try:
                    parse_json(line)
                except ValueError:
                    return False
                first = line
    return False
