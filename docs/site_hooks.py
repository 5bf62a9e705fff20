"""Makes one site of the repository's pages: README, docs/, and the measured tables.

Pages link to each other as files of the repository do.  Here the files outside ``docs/`` join the
site, README.md as its first page, and every link is rewritten to where its target lies there.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("paper_repro", "configs", "item_banks", "tinyeval")
SUFFIXES = {".md", ".csv", ".py", ".yaml"}
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add what lies outside ``docs/``."""
    outside = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    for folder in FOLDERS:
        outside += [one for one in (ROOT / folder).rglob("*") if one.suffix in SUFFIXES]
    for path in sorted(outside):
        place = in_site(path.relative_to(ROOT).as_posix())
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(text: str, page: Any, files: Files, **_: Any) -> str:
    """Rewrite links between files of the repository to links between pages of the site."""
    own = page.file.src_uri
    home = Path(page.file.abs_src_path).resolve().relative_to(ROOT).parent.as_posix()

    def rewritten(match: re.Match[str]) -> str:
        words, target, anchor = match.groups(default="")
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        place = posixpath.normpath(posixpath.join(home, target))
        for one in (place, f"{place}/README.md", f"{place}/__init__.py"):
            if files.get_file_from_path(in_site(one)) is not None:
                link = posixpath.relpath(in_site(one), posixpath.dirname(own) or ".")
                return f"[{words}]({link}{anchor})"
        # a folder without a page of its own
        return words if (ROOT / place).is_dir() else match[0]

    return LINK.sub(rewritten, text)


def in_site(place: str) -> str:
    """Return where a file of the repository lies in the site.

    >>> [in_site(one) for one in ("README.md", "docs/cli.md", "paper_repro/README.md")]
    ['index.md', 'cli.md', 'paper_repro/README.md']
    """
    return "index.md" if place == "README.md" else place.removeprefix("docs/")
