"""What ships with tinyeval and is known by name: recipes, banks, and results to try them on.

An installed package has them in ``tinyeval/data``, a checkout in ``configs`` and ``item_banks``.
Where a name is given, a file or folder of that name comes first.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

from tinyeval.errors import BankError, ConfigError, DataError
from tinyeval.errors.arguments import as_path

PACKAGE = Path(__file__).parent
DATA, CHECKOUT = PACKAGE / "data", PACKAGE.parent


def recipes() -> dict[str, Path]:
    """Return the recipes that ship: name -> file.

    Example:
        >>> "mrmr" in recipes()
        True
    """
    return {one.stem: one for one in _first("configs", "configs", "*.yaml")}


def banks() -> dict[str, Path]:
    """Return the banks that ship: name -> folder.

    Example:
        >>> "mmlu_pro" in banks()
        True
    """
    return {one.parent.name: one.parent for one in _first("banks", "item_banks", "*/manifest.json")}


def find_recipe(given: str | Path) -> Path:
    """Return the file of a recipe, given by its path or by the name of one that ships."""
    return _find(given, recipes(), "recipe")


def find_bank(given: str | Path) -> Path:
    """Return the folder of a bank, given by its path or by the name of one that ships."""
    return _find(given, banks(), "bank")


def is_shipped(given: str | Path, known: Mapping[str, Path]) -> bool:
    """Say whether a name stands for what ships: nothing of that name exists in this folder."""
    return str(given) in known and not Path(given).exists()


def dump_path(name: str) -> Path:
    """Return the path of results that ship, ``<name>/responses.parquet``.

    Raises:
        DataError: no such results beside this package.
    """
    for folder in (DATA, CHECKOUT / "item_banks"):
        path = folder / name / "responses.parquet"
        if path.is_file():
            return path
    raise DataError(
        f"the results {name!r} do not lie beside {PACKAGE}, where this tinyeval should have them; "
        "install it again"
    )


def _first(packed: str, checkout: str, pattern: str) -> list[Path]:
    """Return what an installed package has, or else the checkout, sorted by name."""
    for folder in (DATA / packed, CHECKOUT / checkout):
        found = sorted(folder.glob(pattern))
        if found:
            return found
    return []


def _find(given: str | Path, known: Mapping[str, Path], what: str) -> Path:
    """Return an existing path, or what ships under this name, or else the path as it is."""
    error = BankError if what == "bank" else ConfigError
    path, shipped = as_path(given, f"the {what}", error), known.get(str(given))
    if shipped is None:
        return path
    if not path.exists():
        return shipped
    if not path.samefile(shipped):
        warnings.warn(
            f"{given}: what lies here was taken, not the {what} of that name that ships with "
            "tinyeval",
            stacklevel=4,
        )
    return path


def others(given: str | Path, known: Mapping[str, Path], what: str) -> str:
    """Return the names that are known, for an error about one that is not; "" for a real path."""
    if len(Path(given).parts) > 1 or not known:
        return ""
    return f"; {what} that ship: {', '.join(known)}"
