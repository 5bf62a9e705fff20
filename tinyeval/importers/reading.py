"""Paths -> a response matrix, and what was understood of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import ParamSpec, Unpack

from tinyeval.compute.progress import Progress, shown
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.audit.zeros import treat_zeros
from tinyeval.importers.base import Asked, Columns, Options, options_of, silent
from tinyeval.importers.block import Imported, Merged
from tinyeval.importers.formats import FORMATS, get_importer, recognise
from tinyeval.importers.in_memory import are_paths, read_objects
from tinyeval.importers.notes import annotate
from tinyeval.importers.runcounts import with_trials
from tinyeval.responses import ResponseMatrix

P = ParamSpec("P")

WARNED = frozenset({"dropped", "joined", "turned", "doubt"})
"""Kinds of findings of which :func:`read_results` warns."""


def import_results(
    paths: object,
    *,
    format: str | None = None,
    items_table: str | Path | None = None,
    models_table: str | Path | None = None,
    trials: int | None = None,
    **asked: Unpack[Asked],
) -> Imported:
    """Read the results of many models, or the answers of one, and say what was understood.

    Args:
        paths: one or several files or folders, all of one format; models and items are joined
            by id.  Or what holds results in memory: a pandas or polars DataFrame, a pyarrow Table,
            a Dataset or DatasetDict, a list of dicts, ``{model: {item: score}}``,
            ``(scores, models, items)``, a ResponseMatrix, or a list of several.
        format: a key of ``FORMATS``; recognised from the files if None.
        metric: which score to read where there are several: a name, ``task=name``, or several of
            these separated by commas; for a long table, the name of its score column.
        filter: which answer filter of lm-evaluation-harness to read, in the same syntax.
        items_table: a table with a column ``item`` and notes on the items, which it overrides.
        models_table: the same for models, with a column ``model``.
        trials: number of runs that every score is the mean of, if the files do not say.
        item_key: makes item ids from the documents that lm-evaluation-harness logged, where a
            bank knows its items by a key of their data set; tables ignore it.
        jobs: number of processes that read files; a script that asks for more than one starts
            its work under ``if __name__ == "__main__":``, as ``multiprocessing`` wants it.
        parts: folder in which to keep what was read of each file, so that reading the same
            results again, after an interruption too, reads changed files only.
        progress: called with (files done, files in all, file name); True shows a bar on standard
            error.
        partial: keep models of which only a part of a benchmark is there (a run cut short by
            ``--limit``), instead of refusing them.
        name_by: facts that name models: ``revision``, ``n-shot``, ... or ``file`` for the folders
            they lie in; by default those that tell runs of one model apart.
        repeats: ``average`` where tables have several scores for one cell, instead of refusing.
        failures: answers that the infrastructure lost are ``missing``, or ``wrong``.
        direction: ``lower`` where lower scores are better and the files do not say so.
        scale: (a, b): scores from a to b become 0 to 1.
        columns: names of a table's columns, where they are not the usual ones.
        drop, keep: columns of a wide table that are not items; that are items all the same.
        transpose: a wide table has its models in the columns.
        changed: ``drop`` items whose documents differ between models, instead of refusing.
        zeros: ``missing`` where a benchmark on which a model has 0 throughout, while such models
            do not, was not run.

    Returns:
        Scores in [0, 1], NaN where a model was not asked, ids in order of first appearance; how
        they were read, and what was found on the way.

    Raises:
        DataError: files that are missing, damaged, contradictory or not results.
        ConfigError: an unknown format, a metric or filter that the format has not, or no jobs.

    Example:
        >>> from pathlib import Path
        >>> from tinyeval.importers import import_results
        >>> _ = Path("results.csv").write_text("model,item,score\\na,q1,1\\na,q2,0\\nb,q1,0.5\\n")
        >>> results = import_results("results.csv").responses
        >>> results.models.ids, results.items.ids
        (('a', 'b'), ('q1', 'q2'))
        >>> results.scores.tolist()
        [[1.0, 0.0], [0.5, nan]]
    """
    with shown(asked.get("progress")) as report:
        options = replace(options_of(**asked), progress=report or silent)
        merged, name, why = _merged(paths, format, options)
    responses = _annotated(merged.responses, items_table, models_table)
    responses, blocks = treat_zeros(with_trials(responses, trials), options.zeros)
    findings = (*merged.findings, *blocks)
    return Imported(responses, name, why, merged.files, merged.chosen, findings)


def _merged(paths: object, format: str | None, options: Options) -> tuple[Merged, str, str]:
    """Return the results, the name of their format, and what shows that they are of it."""
    if are_paths(paths):
        listed = _existing([paths] if isinstance(paths, (str, Path)) else paths)  # type: ignore[arg-type]
        name, why = recognise(listed) if format is None else (format, "")
        importer = get_importer(name)
        _check_for_tables(name, options)
        return importer.read(listed, options), name, why
    if format not in (None, "table"):
        raise ConfigError(f"an object in memory is a table, but format={format!r} was given")
    merged, why = read_objects(paths, options)
    return merged, "table", why


def _responses_alone(read: Callable[P, Imported]) -> Callable[P, ResponseMatrix]:
    @wraps(read)
    def read_results(*args: P.args, **options: P.kwargs) -> ResponseMatrix:
        found = read(*args, **options)
        told = [str(one) for one in found.findings if one.kind in WARNED]
        if told:
            warnings.warn("; ".join(told), stacklevel=2)
        return found.responses

    read_results.__name__ = read_results.__qualname__ = "read_results"
    read_results.__doc__ = """Read results into a response matrix, and warn of what was changed.

    Takes what :func:`import_results` takes, and returns its ``responses``.  What was dropped,
    joined, turned round or is in doubt is told in one warning.

    Example:
        >>> from pathlib import Path
        >>> from tinyeval import read_results
        >>> _ = Path("results.csv").write_text("model,item,score\\na,q1,1\\na,q2,0\\nb,q1,0.5\\n")
        >>> results = read_results("results.csv")
        >>> results.scores.tolist()
        [[1.0, 0.0], [0.5, nan]]
    """
    return read_results


read_results = _responses_alone(import_results)


def as_responses(given: object, progress: Progress | None = None) -> ResponseMatrix:
    """Return a matrix as it is, and read anything else that :func:`read_results` takes."""
    return given if isinstance(given, ResponseMatrix) else read_results(given, progress=progress)


def _check_for_tables(name: str, options: Options) -> None:
    """Refuse options that only tables have, where something else is read."""
    given = [one for one in ("columns", "drop", "keep", "transpose") if getattr(options, one)]
    if options.columns == Columns():
        given = [one for one in given if one != "columns"]
    if given and not FORMATS[name].tables:
        raise ConfigError(
            f"{', '.join(given)}: tables have these, but {FORMATS[name].title} files were given"
        )


def _annotated(
    responses: ResponseMatrix, items_table: str | Path | None, models_table: str | Path | None
) -> ResponseMatrix:
    items, models = responses.items, responses.models
    if items_table is None and models_table is None:
        return responses
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
        if not (path.is_file() or path.is_dir()):
            raise DataError(
                f"{path}: expected a file or a folder, found a device or pipe; write it to a file"
            )
    return listed
