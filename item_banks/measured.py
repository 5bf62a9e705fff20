"""What paper_repro measured of a bank, quoted on its card."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[1] / "paper_repro" / "agent_banks.md"


def measured(title: str, page: Path = PAGE) -> str:
    """Return the table of a section of ``paper_repro/agent_banks.md``.

    Args:
        title: beginning of the section's heading.
        page: the page.

    Raises:
        LookupError: no such section.
    """
    for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
        if section.startswith(title):
            return "\n".join(line for line in section.splitlines() if line.startswith("|"))
    raise LookupError(f"{page} has no section {title!r}; run paper_repro.agent_banks")
