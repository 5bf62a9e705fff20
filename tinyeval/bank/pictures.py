"""What a bank shows of itself: a page to send, and figures.

:mod:`tinyeval.report` makes both.  It stands on the bank, which so must not import it, but at run
time.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


class Pictures:
    """The methods of a bank that make pages and figures."""

    def report(self, out: str | Path | None = None, **options: Any) -> str:
        """Return a page on the bank and its predictions, as HTML, and write it to a file.

        Args:
            out: file to write; None writes none.
            options: ``predictions`` (answers, predictions or paths), ``results`` (the history),
                ``title``, ``date``, ``overwrite``; see :func:`tinyeval.report.api.report`.

        Example:
            >>> page = bank.report("report.html", predictions=responses.take([0, 20, 39]))
            >>> page.startswith("<!DOCTYPE html>"), "Report on example" in page
            (True, True)
        """
        text: str = import_module("tinyeval.report.api").report(self, out, **options)
        return text

    def plot(self, predictions: Any = None, *, kind: str = "") -> Any:
        """Return a figure; a notebook shows it, and its ``save`` writes it to a file.

        Args:
            predictions: answers, predictions, or paths; none for a figure of the bank.
            kind: ``error``, ``sight`` or ``anchors`` of the bank; ``models`` or ``runs``.

        Example:
            >>> bank.plot().save("error.svg")
            >>> bank.plot(bank.predict(responses)).title
            'Predicted scores with intervals'
        """
        return import_module("tinyeval.report.api").plot(self, predictions, kind=kind)
