"""Optional libraries: imported when they are needed; a missing one is a one-line error."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tinyeval.errors import DependencyError


def load(module: str, extra: str) -> Any:
    """Return a module of an optional library.

    Args:
        module: dotted name.
        extra: extra of tinyeval that installs it.

    Raises:
        DependencyError: the library, or one that it needs, is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DependencyError(
            f"this needs {module.partition('.')[0]}, which cannot be imported ({error}): "
            f"pip install 'tinyeval[{extra}]'"
        ) from error
