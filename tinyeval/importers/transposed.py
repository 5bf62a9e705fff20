"""Tables that lie on their side: items in the rows, or outside, and models in the columns.

Ids tell, where they do: names of models have a slash, or a family's name and a size in them; items
are numbered.  Where they do not, and there are many more rows than columns, it is only in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tinyeval.errors import DataError
from tinyeval.importers.aliases import ALIASES, WEAK, plain
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Finding
from tinyeval.importers.rawtable import RawTable

FAMILIES = re.compile(
    r"gpt|claude|llama|mi[sx]tral|qwen|gemini|gemma|\bphi|falcon|deepseek|command-?r|vicuna|alpaca|"
    r"roberta|bert|\bt5|pythia|bloom|\bopt-|olmo|yi-\d|grok|palm|davinci|instruct|-chat|\d+(\.\d+)?b\b|"
    r"^(model|system|agent|llm|m|checkpoint)[-_ ]?\d+$",
    re.IGNORECASE,
)
"""What names of models have in them."""

NUMBERED = re.compile(
    r"^\d+$|^(x|q|v|item|task|question|doc|sample|example|prompt|problem|instance|ex|id)[-_ ]?\d+$|"
    r"^[a-z][\w.+-]*[-_/:#]\d+$",
    re.IGNORECASE,
)
"""How items are numbered."""

ITEMS = frozenset(WEAK["item"]) - {"id", "name"}
"""Names of a first column that say of its rows that they are items."""

MOST, LEAST = 0.6, 0.1
"""Share of ids that look so, and of the others that may."""

MANY = 4
"""Times as many rows as columns that are a doubt."""

SHOWN = 2000


def lies_on_side(rows: Sequence[str], columns: Sequence[str], corner: str) -> str:
    """Say why a wide table seems to have items in its rows and models in its columns, or "".

    Args:
        rows: ids in the first column.
        columns: ids in the header.
        corner: name of the first column.
    """
    name = plain(corner)
    if name in ALIASES["item"] or name in ITEMS:
        return f"its first column {corner!r} names items"
    items, row_items = _share(NUMBERED, columns), _share(NUMBERED, rows)
    if _share(FAMILIES, columns) >= MOST and _share(FAMILIES, rows) <= LEAST:
        return f"its header names models ({columns[0][:40]!r}), its rows do not ({rows[0][:40]!r})"
    slashes, row_slashes = _slashes(columns), _slashes(rows)
    if slashes >= MOST and row_slashes <= LEAST and row_items >= MOST > items:
        return f"its header has names ({columns[0][:40]!r}), its rows numbers ({rows[0][:40]!r})"
    return ""


def may_lie_on_side(
    rows: Sequence[str], columns: Sequence[str], corner: str, many: int = MANY
) -> bool:
    """Say whether nothing tells models from items but that there are ``many`` times more rows."""
    if plain(corner) in ALIASES["model"]:
        return False
    tells = _share(FAMILIES, rows) >= MOST or _share(NUMBERED, columns) >= MOST
    return not tells and len(rows) >= many * len(columns)


def right_way_round(table: RawTable, rules: Rules) -> tuple[RawTable, Rules]:
    """Return {a: {b: score}} as {model: {item: score}}, and rules that turn it no more.

    Args:
        table: columns ``model``, of the outer names, ``item``, of the inner ones, and ``score``.
        rules: ``transpose`` turns it; a column of models says that it is the right way round.

    Raises:
        DataError: its names say that items are outside.
    """
    columns = table.columns
    if rules.transpose:
        turned = {"model": columns["item"], "item": columns["model"], "score": columns["score"]}
        return replace(table, columns=turned), replace(rules, transpose=False)
    if rules.columns.model is not None:
        return table, rules
    outer, inner = (list(dict.fromkeys(map(str, columns[name]))) for name in ("model", "item"))
    if _share(FAMILIES, inner) >= MOST and _share(FAMILIES, outer) <= LEAST:
        why = f"inner names are models ({inner[0][:40]!r}), outer ones are not ({outer[0][:40]!r})"
    elif lies_on_side(outer, inner, ""):
        why = f"outer names are numbered ({outer[0][:40]!r}), inner ones not ({inner[0][:40]!r})"
    elif len(outer) > len(inner) and may_lie_on_side(outer, inner, "", many=1):
        what = (
            f"table of {len(outer):,} outer and {len(inner):,} inner names was read as "
            "{model: {item: score}}, though nothing but the order tells; --transpose turns it"
        )
        found = Finding("doubt", what, 1, (outer[0], inner[0]))
        return replace(table, findings=(*table.findings, found)), rules
    else:
        return table, rules
    raise DataError(
        f"{table.path}: seems to be {{item: {{model: score}}}}, as DataFrame.to_json() writes "
        f"models in the index: {why}; --transpose turns it, or --model-column model says that the "
        "outer names are models"
    )


def _share(pattern: re.Pattern[str], ids: Sequence[str]) -> float:
    some = ids[:SHOWN]
    return sum(bool(pattern.search(one)) for one in some) / max(len(some), 1)


def _slashes(ids: Sequence[str]) -> float:
    some = ids[:SHOWN]
    return sum(bool(re.fullmatch(r"[\w.-]+/[\w.-]*[a-z][\w.-]*", one, re.I)) for one in some) / max(
        len(some), 1
    )
