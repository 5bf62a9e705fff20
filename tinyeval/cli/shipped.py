"""Where the results that ship with tinyeval are: in an installed package, or in a checkout."""

from __future__ import annotations

from pathlib import Path

from tinyeval.errors import DataError


def dump_path(name: str) -> Path:
    """Return the path of a shipped results file, ``<name>/responses.parquet``.

    Raises:
        DataError: no such results beside this package.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "data", package.parent / "item_banks"):
        path = folder / name / "responses.parquet"
        if path.is_file():
            return path
    raise DataError(
        f"the results {name!r} do not lie beside {package}, where this tinyeval should have them; "
        "install it again"
    )
