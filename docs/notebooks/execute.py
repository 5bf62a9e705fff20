"""Runs the notebooks and stores what their cells show, as Jupyter does.

    python docs/notebooks/execute.py [NOTEBOOK ...]

from the root of the repository; a minute of one core for all.  Cells run in one namespace, in a
temporary folder.  Of what Jupyter stores this keeps what readers see: printed text, and the last
value of a cell as text, HTML and PNG.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

PARAMETERS, VARIES = "parameters", "varies"
"""Tags of cells: one whose names may be given, and those whose output differs between machines."""


def read(path: Path) -> dict[str, Any]:
    """Return a notebook."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def code_cells(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cells that run."""
    return [one for one in notebook["cells"] if one["cell_type"] == "code"]


def tags(cell: Mapping[str, Any]) -> list[str]:
    """Return the tags of a cell."""
    found: list[str] = cell["metadata"].get("tags", [])
    return found


def run(
    notebook: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Run a notebook's cells in the current folder and yield the outputs of each.

    Args:
        notebook: as it is stored.
        given: name -> value, in place of those that the cell tagged ``parameters`` sets.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(notebook), 1):
        yield _run_cell("".join(cell["source"]), names, number)
        if PARAMETERS in tags(cell):
            names |= given or {}


def _run_cell(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Run a cell and return its outputs."""
    tree, value, printed = ast.parse(source), None, io.StringIO()
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    where = f"<cell {number}>"
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, where, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if value is not None:
        outputs.append(
            {
                "data": _shown(value),
                "execution_count": number,
                "metadata": {},
                "output_type": "execute_result",
            }
        )
    return outputs


def _shown(value: Any) -> dict[str, Any]:
    """Return a value as text and, where it can, as HTML and PNG."""
    data: dict[str, Any] = {}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_().splitlines(keepends=True)
    if hasattr(value, "_repr_png_"):
        data["image/png"] = b64encode(value._repr_png_()).decode()
    data["text/plain"] = repr(value).splitlines(keepends=True)
    return data


def store(path: Path) -> None:
    """Run a notebook and write it with what its cells show."""
    notebook = read(path)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        found = list(run(notebook))
    for number, (cell, outputs) in enumerate(zip(code_cells(notebook), found, strict=True), 1):
        cell["execution_count"], cell["outputs"] = number, outputs
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(f"{text}\n", encoding="utf-8")


def main() -> None:
    """Store the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    named = [one.resolve() for one in parser.parse_args().notebooks]
    for path in named or sorted(FOLDER.glob("*.ipynb")):
        store(path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
