"""The formats that are known, and which of them a path is.

A new format is one file with an :class:`~tinyeval.importers.base.Importer` and one entry here.
The order counts: the first that recognises all paths reads them, and ``table``, which takes
whatever looks like a table, is the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.base import Importer


class Format(NamedTuple):
    """What is said of a format.

    Attributes:
        importer: ``module:class``.
        title: its name as its users write it.
        looks_like: what there is to see on disk, in one phrase.
        example: a command that reads it.
        tables: whether it is a table, not a harness's own files.
    """

    importer: str
    title: str
    looks_like: str
    example: str
    tables: bool = False


FORMATS: dict[str, Format] = {
    "lm_eval": Format(
        "tinyeval.importers.lm_eval:LmEvalImporter",
        "lm-evaluation-harness",
        "folders with samples_*.jsonl and results_*.json (--log_samples)",
        "tinyeval import lm_eval_output/ --metric acc --out results.parquet",
    ),
    "table": Format(
        "tinyeval.importers.table:TableImporter",
        "table",
        "csv and other text, json, parquet, arrow, npz, xlsx, a saved Dataset, or a folder of "
        "these; one row per model, or one row per answer",
        "tinyeval import results.csv --out results.parquet",
        tables=True,
    ),
}


def get_importer(name: str) -> Importer:
    """Return the importer of that name, or raise :class:`ConfigError` with the known names."""
    if name not in FORMATS:
        raise ConfigError(f"unknown results format {name!r}; known are: {', '.join(FORMATS)}")
    module, importer = FORMATS[name].importer.split(":")
    return getattr(import_module(module), importer)()


def recognise(paths: Sequence[Path]) -> tuple[str, str]:
    """Return the name of the first format that all paths are of, and what the first shows.

    Raises:
        DataError: paths of different formats, or of none.
    """
    for name in FORMATS:
        importer = get_importer(name)
        reasons = [importer.sniff(path) for path in paths]
        if all(reasons):
            return name, reasons[0]
        if any(reasons):
            found = next(k for k, reason in enumerate(reasons) if reason)
            raise DataError(
                f"{paths[found]} looks like {name} ({reasons[found]}), but "
                f"{paths[reasons.index('')]} does not; read one format at a time"
            )
    harnesses = ", ".join(one.title for one in FORMATS.values() if not one.tables)
    raise DataError(
        f"{paths[0]}: found no results here; expected a table (csv, jsonl, json, parquet, npz), a "
        f"folder of tables, or what one of these writes: {harnesses} "
        "(lm-evaluation-harness with --log_samples); --format names it where it is not recognised"
    )


def overview() -> str:
    """Return the formats as a Markdown table, each with a command that reads it."""
    rows = [
        f"| {one.title} | `{key}` | {one.looks_like} | `{one.example}` |"
        for key, one in FORMATS.items()
    ]
    head = ["| format | `--format` | what it looks like | example |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
