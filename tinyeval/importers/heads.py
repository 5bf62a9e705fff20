"""The beginning of a file, which tells its format where its name does not."""

from __future__ import annotations

import re
from pathlib import Path

LENGTH = 2**16
"""Characters that a sniffer looks at."""


def head(path: Path, length: int = LENGTH) -> str:
    """Return the first characters of a text file; empty where there are none to read.

    Never raises: what cannot be read is of no format, and its reader says why.
    """
    if not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(length)
    except OSError:
        return ""


def has_keys(text: str, *keys: str) -> bool:
    """Say whether the beginning of JSON text has all these keys, at whatever depth.

    >>> has_keys('[{"instance_id": "id1", "stats": [', "instance_id", "stats")
    True
    """
    return all(re.search(rf'"{re.escape(key)}"\s*:', text) for key in keys)
