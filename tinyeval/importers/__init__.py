"""Importers: results in other people's formats -> a response matrix.

A new format is one file with an :class:`Importer` and one entry in ``FORMATS``
(:mod:`tinyeval.importers.formats`).
"""

from __future__ import annotations

from tinyeval.compute.progress import Progress
from tinyeval.importers.audit.thin import warn_if_thin
from tinyeval.importers.base import Columns, Importer, ItemKey, Options
from tinyeval.importers.block import Finding, Imported
from tinyeval.importers.content import Contents, has_content, import_content
from tinyeval.importers.describe import Description, describe
from tinyeval.importers.formats import FORMATS, Format, get_importer, recognise
from tinyeval.importers.ledger import check_hashes
from tinyeval.importers.lookalikes import suggest
from tinyeval.importers.reading import as_responses, import_results, read_results
from tinyeval.importers.write import write_results

__all__ = [
    "FORMATS",
    "Columns",
    "Contents",
    "Description",
    "Finding",
    "Format",
    "Imported",
    "Importer",
    "ItemKey",
    "Options",
    "Progress",
    "as_responses",
    "check_hashes",
    "describe",
    "get_importer",
    "has_content",
    "import_content",
    "import_results",
    "read_results",
    "recognise",
    "suggest",
    "warn_if_thin",
    "write_results",
]
