"""Importers from outside the package, ``MODULE:CLASS``: read only where ``format`` names them.

docs/extending.md says how to write one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import ConfigError
from tinyeval.importers.base import Importer, Options
from tinyeval.importers.block import Merged
from tinyeval.registry import load_outside
from tinyeval.responses import ResponseMatrix


@dataclass(frozen=True)
class OutsideImporter:
    """An importer of somebody's own, whose result is checked.

    Attributes:
        name: ``MODULE:CLASS``.
        importer: what the class makes.
    """

    name: str
    importer: Importer

    def sniff(self, path: Path) -> Any:
        """Say what the importer says."""
        return self.importer.sniff(path)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read what the importer reads; raise :class:`ConfigError` unless it makes a matrix."""
        found: object = self.importer.read(paths, options)
        if isinstance(found, ResponseMatrix):
            return Merged(found, len(paths))
        if not isinstance(found, Merged):
            raise ConfigError(
                f"importer {self.name}: expected read to return a tinyeval.ResponseMatrix, found "
                f"{type(found).__name__}"
            )
        return found


def outside_importer(name: str) -> Importer:
    """Import an importer and make it.

    Raises:
        ConfigError: a class that cannot be imported, or one without ``read``.
    """
    made = load_outside(name, "my_package.my_module:MyImporter")()
    if not callable(getattr(made, "read", None)):
        raise ConfigError(
            f"importer {name}: expected an object with sniff and read, found {type(made).__name__}"
        )
    return OutsideImporter(name, made)
