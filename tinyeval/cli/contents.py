"""Content that a bank is given when it is built, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.output import printable
from tinyeval.cli.packing import PATH, packed

if TYPE_CHECKING:
    from tinyeval.bank.codec import Content
    from tinyeval.bank.item_bank import ItemBank

UNLICENSED = (
    "note: no licence is stated for the content ({}); do not pass the bank on before it is clear"
)


@dataclass(frozen=True)
class ContentAsked:
    """What is to become of the items' content.

    Attributes:
        content: a table of it; None: what the results hold of it.
        content_of: ``anchors``, ``all`` or ``none``.
        content_licence: under which it may be passed on.
    """

    content: Path | None
    content_of: str
    content_licence: str

    def __post_init__(self) -> None:
        if self.content is not None and self.content_of == "none":
            raise click.UsageError("--content gives content, and --content-of none leaves it out.")

    def table(self) -> Content | None:
        """Return the content of the table that was given; None if none was."""
        from tinyeval.bank.content import read_content

        return None if self.content is None else read_content(self.content)

    def add(
        self,
        bank: ItemBank,
        table: Content | None,
        found: Callable[[Mapping[str, str]], Content],
    ) -> tuple[ItemBank, str]:
        """Return the bank with its content, and what is wrong with it.

        A bank is never lost for its content's sake: it is saved without.

        Args:
            bank: as it was built.
            table: as :meth:`table` returned it.
            found: returns what the results hold of some items.
        """
        from tinyeval.bank.content import given_content
        from tinyeval.errors import TinyEvalError

        if self.content_of == "none":
            return bank, ""
        given: Any = found if table is None else table
        try:
            filled = given_content(bank, given, of=self.content_of, licence=self.content_licence)
        except TinyEvalError as error:
            return bank, str(error)
        return filled, ""

    def tell(self, problem: str) -> None:
        """Say that a bank was saved without content; raise where a table of it was given."""
        from tinyeval.errors import DataError

        if not problem:
            return
        told = f"the bank was saved without content: {problem}; `tinyeval content` adds it"
        if self.content is not None:
            raise DataError(told)
        click.echo(told, err=True)


def content_options() -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of :class:`ContentAsked`; the command gets them as ``asked``."""
    options = (
        click.option(
            "--content",
            type=PATH,
            metavar="FILE",
            help="Table of the items' prompts, choices and gold answers: see `tinyeval content`. "
            "[default: what the results hold]",
        ),
        click.option(
            "--content-of",
            type=click.Choice(["anchors", "all", "none"]),
            default="anchors",
            show_default=True,
            help="Items whose content is stored.",
        ),
        click.option(
            "--content-licence", metavar="TEXT", default="", help="Licence of the content."
        ),
    )
    return packed("asked", ContentAsked, options)


def content_facts(bank: ItemBank, folder: Path) -> dict[str, Any] | None:
    """Return what is told of a saved bank's content; None if it has none."""
    if not bank.content:
        return None
    return {
        "items": len(bank.content),
        "bytes": (folder / "content.parquet").stat().st_size,
        "fields": sorted({name for one in bank.content.values() for name in one}),
        "licence": bank.source.get("content_licence", ""),
    }


def content_line(facts: Mapping[str, Any]) -> str:
    """Return facts of content as one line."""
    fields, kilobytes = printable(", ".join(facts["fields"])), facts["bytes"] / 1e3
    size = f"{kilobytes:,.0f} kB" if kilobytes < 1e3 else f"{kilobytes / 1e3:,.1f} MB"
    return f"content of {facts['items']} items, {size}; fields: {fields}"
