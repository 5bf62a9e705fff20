"""The anchors as plain tables: csv and JSON lines, best first."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from tinyeval.exporters import Exported, Request

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank

_FIELDS = ("rank", "item", "benchmark", "subject")


def export_csv(bank: ItemBank, request: Request) -> Exported:
    """Return the anchors as csv: rank from 1, item, benchmark, subject, and an empty score.

    Items drawn for a model have its name in a column ``model``.

    ``tinyeval predict`` reads the file once the scores are filled in.
    """
    out = io.StringIO()
    rows = _rows(bank, request)
    writer = csv.DictWriter(out, (*rows[0], "score"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return Exported(out.getvalue())


def export_jsonl(bank: ItemBank, request: Request) -> Exported:
    """Return the anchors as JSON lines: rank from 1, item, benchmark, subject (and model)."""
    return Exported("".join(json.dumps(row) + "\n" for row in _rows(bank, request)))


def _rows(bank: ItemBank, request: Request) -> list[dict[str, object]]:
    asked = request.asked(bank)
    chosen = bank.items.take(bank.items.index(asked, "anchor"))
    columns = (
        range(1, len(asked) + 1),
        asked,
        chosen.column("benchmark", ""),
        chosen.column("subject", ""),
    )
    named = {"model": request.model} if request.model else {}
    return [named | dict(zip(_FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]
