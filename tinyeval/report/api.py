"""What ``bank.report`` and ``bank.plot`` do: the page and the figures, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.atomic import write_file
from tinyeval.bank.item_bank import ItemBank
from tinyeval.compute.progress import Progress
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import Imported, import_results, read_results
from tinyeval.prediction import Prediction
from tinyeval.report import facts, figures, model_figures
from tinyeval.report.drawing import Figure
from tinyeval.report.page import make_page
from tinyeval.report.shown import Shown, of_answers, read_shown
from tinyeval.responses import ResponseMatrix

KINDS = ("error", "sight", "anchors", "models", "runs")


def report(
    bank: ItemBank,
    out: str | Path | None = None,
    *,
    predictions: Any = None,
    results: Any = None,
    title: str = "",
    date: str = "",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> str:
    """Return a page on a bank and its predictions, and write it to a file.

    Args:
        bank: the bank.
        out: file to write; None writes none.
        predictions: answers in any form that ``bank.predict`` takes, its predictions, or paths of
            what ``tinyeval report --predictions`` reads.
        results: the history that the bank was built from, or its path.
        title, date: texts of the page.
        overwrite: replace the file if it exists.
        progress: called with (done, total, what).

    Raises:
        DataError: predictions or results that cannot be read, or a file that exists.
        DependencyError: jinja2 or matplotlib is not installed.
    """
    path = None if out is None else Path(out)
    if path is not None and path.exists() and not overwrite:
        raise DataError(f"{path}: exists already; choose another name, or give overwrite=True")
    text = make_page(
        bank,
        as_shown(bank, predictions),
        results=as_results(results),
        title=title,
        date=date,
        progress=progress,
    )
    if path is not None:
        write_file(path, text.encode(), overwrite=overwrite)
    return text


def plot(bank: ItemBank, predictions: Any = None, *, kind: str = "") -> Figure:
    """Return a figure of a bank, or of its predictions.

    Args:
        bank: the bank.
        predictions: as in :func:`report`.
        kind: ``error``, ``sight`` or ``anchors`` of the bank, ``models`` or ``runs`` of
            predictions; by default ``error``, or ``models`` or ``runs`` if there are any.

    Raises:
        ConfigError: an unknown kind.
        DataError: predictions that cannot be read, or none for a kind that needs them.
        DependencyError: matplotlib is not installed.
    """
    shown = as_shown(bank, predictions)
    kind = kind or ("runs" if shown.runs else "models" if shown.predictions else "error")
    if kind not in KINDS:
        raise ConfigError(f"kind must be one of {', '.join(KINDS)}, found {kind!r}")
    if kind == "error":
        return figures.error_curve(facts.curve(bank))
    if kind == "sight":
        return figures.sensitivity(facts.sight(bank))
    if kind == "anchors":
        return figures.anchors_plane(bank)
    if not (shown.runs if kind == "runs" else shown.predictions):
        raise DataError(f"a figure of {kind} needs predictions: give answers, or a run's journal")
    if kind == "runs":
        return model_figures.trajectories(shown.runs)
    return model_figures.models(shown.predictions)


def as_shown(bank: ItemBank, given: Any) -> Shown:
    """Read predictions in any form that :func:`report` takes."""
    if given is None:
        return Shown()
    if isinstance(given, Shown):
        return given
    if isinstance(given, str | Path):
        given = [given]
    if isinstance(given, Prediction):
        return Shown((given,))
    if isinstance(given, Sequence) and given:
        if all(isinstance(one, Prediction) for one in given):
            return Shown(tuple(given))
        if all(isinstance(one, str | Path) for one in given):
            return read_shown(bank, map(Path, given), lambda paths: _answers(bank, paths))
    if isinstance(given, Iterable) and not isinstance(given, Mapping | ResponseMatrix):
        given = read_results(given)
    return of_answers(bank, given)


def _answers(bank: ItemBank, paths: Sequence[Path]) -> ResponseMatrix:
    return import_results(paths, item_key=bank.item_key, partial=True).responses


def as_results(given: Any) -> ResponseMatrix | Imported | None:
    """Read a history in any form that ``read_results`` takes."""
    if given is None or isinstance(given, ResponseMatrix | Imported):
        return given
    return import_results(given)
