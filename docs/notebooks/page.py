"""Makes a page of the site of each notebook: its words, code, and stored outputs.

A hook of mkdocs.  The notebook itself lies beside its page, to download.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

SUFFIX = ".ipynb"
OUTPUT = '<div class="notebook-output">{}</div>'


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each notebook."""
    for one in [one for one in files if one.src_uri.endswith(SUFFIX)]:
        place = f"{one.src_uri.removesuffix(SUFFIX)}.md"
        files.append(File.generated(config, place, abs_src_path=one.abs_src_path))
    return files


def on_page_read_source(page: Any, **_: Any) -> str | None:
    """Return the text of a notebook's page; None for other pages, which mkdocs reads itself."""
    path = Path(page.file.abs_src_path or "")
    return to_markdown(path) if path.suffix == SUFFIX else None


def to_markdown(path: Path) -> str:
    """Return a notebook as Markdown."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts.append(f"```python\n{source}\n```")
            parts += map(_output, cell["outputs"])
    head, *rest = parts
    link = f"[Download this notebook]({path.name})"
    return "\n\n".join([head, link, *(one.strip("\n") for one in rest)]) + "\n"


def _output(output: dict[str, Any]) -> str:
    """Return an output: its picture, or else its table, or else its text."""
    data = output.get("data", {})
    text = "".join(data.get("text/plain", output.get("text", [])))
    if "image/png" in data:
        words = escape(_described(text), quote=True)
        return OUTPUT.format(f'<img alt="{words}" src="data:image/png;base64,{data["image/png"]}">')
    if "text/html" in data:
        return OUTPUT.format("".join(data["text/html"]))
    return f"```text\n{text.rstrip()}\n```"


def _described(text: str) -> str:
    """Return what a figure says of itself, or else the text."""
    found = re.search(r"description=(['\"])(.*)\1\)$", text, re.DOTALL)
    return found[2] if found else text
