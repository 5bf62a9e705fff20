"""Content of a bank's items: their prompts, choices and gold answers, added from a table.

Content says how to ask the items, and nothing of what is predicted: the bank's digest stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyeval.asking.item import NO_TEXT, Item
from tinyeval.bank.codec import JSON_SUFFIX, Content, parse_json
from tinyeval.errors import ConfigError, DataError, examples, one_line
from tinyeval.importers.aliases import find
from tinyeval.importers.base import Columns
from tinyeval.importers.in_memory import one_table
from tinyeval.importers.readers import read_raw

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank

OF = ("anchors", "all")
"""Whose content a bank may hold; ``anchors``: all that it asks, in both stages."""

MAY_BE_EMPTY = frozenset({"delimiter"})
"""Fields whose empty text means something."""


def read_content(path: object, item: str | None = None) -> dict[str, dict[str, Any]]:
    """Read the content of items from a table with one row per item.

    Args:
        path: jsonl, json, parquet or another table; or one in memory: a Dataset, a DataFrame, a
            list of dicts.  Every column but that of ids is a field, kept as it is;
            :mod:`tinyeval.asking.item` lists those that the runners read.  Lists and objects may
            be JSON text, as may columns called ``<field>.json``: another bank's content is read.
        item: column of the items' ids; recognised by its name if None.

    Returns:
        Item -> field -> value; a field without a value is left out.

    Raises:
        DataError: a file that is no table, no column of ids, an item with two rows.
    """
    table = read_raw(Path(path)) if isinstance(path, (str, Path)) else one_table(path)
    path = table.path
    name = find("item", table, Columns(item=item)).one("item", table)
    if name is None:
        raise DataError(
            f"{path}: expected a column of item ids, such as 'item', found "
            f"{examples(table.columns, 8)}; name it with --item-column"
        )
    ids = table.unique_ids(name)
    columns = {column: list(cells) for column, cells in table.columns.items() if column != name}
    fields = [column.removesuffix(JSON_SUFFIX) for column in columns]
    if len(set(fields)) < len(fields):
        raise DataError(f"{path}: has a field in two columns: {examples(sorted(columns), 8)}")
    content: dict[str, dict[str, Any]] = {one: {} for one in ids}
    for field, (column, cells) in zip(fields, columns.items(), strict=True):
        for row, (one, cell) in enumerate(zip(ids, map(_plain, cells), strict=True)):
            if cell is not None and (cell != "" or field in MAY_BE_EMPTY):
                content[one][field] = _value(cell, field, column, table.where(row))
    return content


def _plain(cell: Any) -> Any:
    """Return a cell of a frame as a plain value; one without any becomes None."""
    found = cell.tolist() if hasattr(cell, "tolist") else cell
    return None if isinstance(found, float) and found != found else found


def _value(cell: Any, field: str, column: str, where: str) -> Any:
    """Return a cell's value; JSON text becomes what it stands for."""
    if not isinstance(cell, str) or not (column.endswith(JSON_SUFFIX) or field in NO_TEXT):
        return cell
    try:
        return parse_json(cell)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{where}: expected JSON in column {column!r}, found {one_line(repr(cell), 80)}"
        ) from error


Given = Any
"""Content: item -> field -> value, a table (a path, Dataset, DataFrame or list of dicts), or a
function of item -> hash of its document that returns the first."""


def wanted_of(bank: ItemBank, of: str) -> dict[str, str]:
    """Return the items whose content a bank is to hold, each with the hash of its document.

    Raises:
        ConfigError: another ``of``.
    """
    if of not in OF:
        raise ConfigError(f"content is of {' or '.join(OF)}, found {of!r}")
    hashes = dict(zip(bank.items.ids, bank.items.column("hash", ""), strict=True))
    kept = bank.asked_items if of == "anchors" else bank.items.ids
    return {one: str(hashes[one]) for one in kept}


def given_content(
    bank: ItemBank, content: Given, *, of: str = "anchors", licence: str = ""
) -> ItemBank:
    """Return the bank with content in any of the forms of ``Given``.

    A function is called with what is wanted and may know of some items only; a table or a mapping
    must know all anchors.
    """
    if callable(content):
        found = content(wanted_of(bank, of))
        return with_content(bank, found, of=of, licence=licence, partial=True) if found else bank
    read = content if isinstance(content, Mapping) else read_content(content)
    return with_content(bank, read, of=of, licence=licence)


def with_content(
    bank: ItemBank,
    content: Content,
    *,
    of: str = "anchors",
    licence: str = "",
    partial: bool = False,
) -> ItemBank:
    """Return the bank with the content of its items, in place of what it had.

    Args:
        bank: whose items.
        content: item -> field -> JSON value; items that the bank does not have are ignored.
        of: ``anchors``, or ``all`` items.
        licence: under which the content may be passed on, for the bank's card.
        partial: anchors may lack content; those that do are not asked.

    Raises:
        ConfigError: another ``of``.
        DataError: anchors without content, or fields that no runner can use.
        BankError: values that cannot be stored.

    Example:
        >>> from tinyeval.bank.content import with_content
        >>> content = {item: {"prompt": f"What is {item}?"} for item in bank.items.ids}
        >>> asked = with_content(bank, content, licence="MIT")
        >>> len(asked.content) == len(bank.anchors), asked.digest == bank.digest
        (True, True)
    """
    kept = wanted_of(bank, of)
    lacking = [one for one in bank.asked_items if not content.get(one)]
    if lacking and not partial:
        raise DataError(
            f"{len(lacking)} of the bank's {len(bank.asked_items)} anchors have no content: "
            f"{examples(lacking)}; the content names {examples(content)}: give that of every anchor"
        )
    source: Mapping[str, Any] = {**bank.source, "content_licence": licence}
    own = {one: dict(content[one]) for one in kept if content.get(one)}
    for one, fields in own.items():
        Item(one, fields).check()
    return replace(bank, content=own, source=source)
