"""Importers: results in other people's formats -> a response matrix.

A new format is one file with an :class:`Importer` and one line in ``IMPORTERS``, before
``table``, which takes whatever looks like a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.base import Importer, ItemKey, Options, silent
from tinyeval.importers.merge import check_hashes
from tinyeval.importers.notes import annotate
from tinyeval.importers.outside import outside_importer
from tinyeval.importers.write import write_results
from tinyeval.progress import Progress
from tinyeval.registry import is_outside
from tinyeval.responses import ResponseMatrix

IMPORTERS: dict[str, str] = {
    "lm_eval": "tinyeval.importers.lm_eval:LmEvalImporter",
    "table": "tinyeval.importers.table:TableImporter",
}


def get_importer(name: str) -> Importer:
    """Return the importer of that name, or the one that ``MODULE:CLASS`` names.

    Raises:
        ConfigError: a name that is not known, or a class that cannot be imported or used.
    """
    if is_outside(name):
        return outside_importer(name)
    if name not in IMPORTERS:
        raise ConfigError(f"unknown results format {name!r}; known are: {', '.join(IMPORTERS)}")
    module, importer = IMPORTERS[name].split(":")
    return getattr(import_module(module), importer)()


def read_results(
    paths: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    metric: str | None = None,
    filter: str | None = None,
    items_table: str | Path | None = None,
    models_table: str | Path | None = None,
    item_key: ItemKey | None = None,
    jobs: int = 1,
    parts: str | Path | None = None,
    progress: Progress | None = None,
) -> ResponseMatrix:
    """Read the results of many models, or the answers of one, into a response matrix.

    Args:
        paths: one or several files or folders, all of one format; models and items are joined
            by id.
        format: a key of ``IMPORTERS``, or ``MODULE:CLASS`` of your own; recognised from the files
            if None.
        metric: which score to read where there are several.  For lm-evaluation-harness a name,
            ``task=name``, or several of these separated by commas; for a long table, the name
            of its score column.
        filter: which answer filter of lm-evaluation-harness to read, in the same syntax.
        items_table: a table with a column ``item`` and notes on the items, which it overrides.
        models_table: the same for models, with a column ``model``.
        item_key: makes item ids from the documents that lm-evaluation-harness logged, where a
            bank knows its items by a key of their data set; tables ignore it.
        jobs: number of processes that read files; a script that asks for more than one starts
            its work under ``if __name__ == "__main__":``, as ``multiprocessing`` wants it.
        parts: folder in which to keep what was read of each file, so that reading the same
            results again, after an interruption too, reads changed files only.
        progress: called with (files done, files in all, file name).

    Returns:
        Scores in [0, 1], NaN where a model was not asked, ids in order of first appearance.

    Raises:
        DataError: files that are missing, damaged, contradictory or not results.
        ConfigError: an unknown format, a metric or filter that the format has not, or no jobs.
    """
    listed = _existing([paths] if isinstance(paths, (str, Path)) else paths)
    importer = get_importer(format or _sniff(listed))
    options = Options(
        metric, filter, item_key, progress or silent, jobs, None if parts is None else Path(parts)
    )
    responses = importer.read(listed, options)
    items, models = responses.items, responses.models
    if items_table is not None:
        items = annotate(items, Path(items_table), "item")
    if models_table is not None:
        models = annotate(models, Path(models_table), "model")
    return replace(responses, items=items, models=models)


def _existing(paths: Sequence[str | Path]) -> list[Path]:
    listed = [Path(path) for path in paths]
    if not listed:
        raise DataError("expected at least one file or folder with results, found none")
    for path in listed:
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder")
    return listed


def _sniff(paths: Sequence[Path]) -> str:
    """Return the name of the first importer that recognises every path."""
    for name in IMPORTERS:
        importer = get_importer(name)
        recognised = [importer.sniff(path) for path in paths]
        if all(recognised):
            return name
        if any(recognised):
            other = paths[recognised.index(False)]
            raise DataError(
                f"{paths[recognised.index(True)]} looks like {name}, but {other} does not; read "
                "one format at a time"
            )
    raise DataError(
        f"{paths[0]}: found no results here; expected a table (csv, jsonl, json, parquet, npz), a "
        "folder with one table called responses.*, or a folder that a harness wrote (for "
        "lm-evaluation-harness with --log_samples)"
    )


__all__ = [
    "IMPORTERS",
    "Importer",
    "ItemKey",
    "Options",
    "Progress",
    "check_hashes",
    "get_importer",
    "read_results",
    "write_results",
]
