"""What the owner of a bank must know of the prompts that it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tinyeval.asking.item import Item
from tinyeval.asking.marks import why_not_marked
from tinyeval.importers.block import Finding, gather


class Mode(StrEnum):
    """How a prompt is kept."""

    PLAIN = "plain"
    CHAT = "chat"
    RAW = "raw"


@dataclass
class Notes:
    """Collects what is told of items' content.

    Attributes:
        templates: whether conversations were logged in chat templates.
        missing: items without content.
        found: what is told so far.
    """

    templates: bool = True
    missing: list[str] = field(default_factory=list)
    found: list[Finding] = field(default_factory=list)

    def add(
        self, item: str, run: str, mode: Mode, modes: Sequence[Mode], alike: int, fields: Mapping
    ) -> None:
        """Note how one item is kept.

        Args:
            item: its id.
            run: whose prompt is kept.
            mode: how it is kept.
            modes: of all runs that were looked at.
            alike: how many of these asked in the same words.
            fields: its content.
        """
        if Mode.PLAIN in modes and len(set(modes)) > 1:
            told = "without" if mode == Mode.PLAIN else "with"
            what = (
                "items were asked through a chat template by some runs and without by others; "
                f"they are kept as most of the runs looked at asked them, {told}"
            )
            self.found.append(Finding("doubt", what, 1, (item,)))
        elif mode == Mode.RAW:
            what = "items keep the chat template of one run, as it could not be taken off"
            self.found.append(Finding("doubt", what, 1, (run,)))
        elif alike < len(modes):
            what = "items were asked in other words by other runs; those of one run are kept"
            self.found.append(Finding("doubt", what, 1, (run,)))
        if mode == Mode.CHAT and self.templates:
            what = (
                "items were asked through chat templates, which are left out: every model is asked "
                "in its own"
            )
            self.found.append(Finding("turned", what))
        reason = why_not_marked(Item(item, fields))
        if reason:
            what = f"items can be kept, but the runners cannot ask them: {reason}"
            self.found.append(Finding("doubt", what, 1, (item,)))

    def findings(self) -> tuple[Finding, ...]:
        """Return what is to be told, each wording once."""
        if self.missing:
            what = "items have no prompts in these results, or none that can be kept"
            missing = Finding("missing", what, len(self.missing), tuple(self.missing[:3]))
            return gather([*self.found, missing])
        return gather(self.found)
