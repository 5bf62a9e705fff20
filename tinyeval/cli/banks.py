"""``tinyeval banks``: the banks that ship, by the names that every command knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tinyeval.cli.options import json_option
from tinyeval.cli.output import print_json, table
from tinyeval.errors import BankError
from tinyeval.shipped import banks

TITLES = {
    "digits": "images of digits, for classifiers of your own",
    "language_bank": "small text items, for checkpoints of small models",
    "mmlu_pro": "MMLU-Pro",
    "swebench_verified": "SWE-bench Verified",
    "terminal_bench_2": "Terminal-Bench 2.0",
}


@click.command("banks", short_help="List the banks that ship.")
@json_option
def banks_command(as_json: bool) -> None:
    """List the banks that ship with tinyeval. Every command that takes a BANK takes their names.

    The error is the mean absolute error with all anchors answered, on held-out source models. A
    folder of the same name in the current folder is taken before a bank that ships.

    \b
    Example:
      tinyeval banks
      tinyeval show swebench_verified
      tinyeval predict swebench_verified answers.csv
    """
    found = {name: _facts(folder) for name, folder in banks().items()}
    if as_json:
        print_json(found)
        return
    rows = [
        [
            name,
            f"{one['anchors']} of {one['items']}",
            str(one["models"]),
            f"{one['expected_error']:.3f}",
            TITLES.get(name, ""),
        ]
        for name, one in found.items()
    ]
    click.echo(table(["name", "anchors", "models", "error", "benchmark"], rows))
    click.echo("\ntinyeval show NAME says where a bank comes from and how to run it.")


def _facts(folder: Path) -> dict[str, Any]:
    """Return what the manifest says; the bank itself is not loaded."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        sizes, errors, source = (manifest[name] for name in ("sizes", "expected_error", "source"))
        return {
            "source": str(source["origin"]),
            "anchors": sizes["anchors"],
            "items": sizes["items"],
            "models": source["models"],
            "expected_error": errors[max(errors, key=int)],
            "digest": manifest["digest"],
            "path": str(folder),
        }
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BankError(f"{path}: cannot be read ({error}); install tinyeval again") from error
