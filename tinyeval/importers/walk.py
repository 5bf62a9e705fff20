"""Files below a folder, links followed, none reached twice."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path


def files_below(path: Path, pattern: str | re.Pattern[str] = "") -> Iterator[Path]:
    """Yield the regular files at or below a path whose names match, in order of their paths.

    Links to folders and files are followed; a folder or file that two ways lead to is met once,
    so that a link to a folder above ends, and a FIFO or device is never opened.

    Args:
        path: a file or a folder.
        pattern: a regular expression that the whole name matches; empty: any name.
    """
    wanted = re.compile(pattern or r"(?s:.*)")
    if not path.is_dir():
        if path.is_file() and wanted.fullmatch(path.name):
            yield path
        return
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        folders[:] = [one for one in sorted(folders) if _is_new(Path(folder, one), seen)]
        for name in sorted(names):
            file = Path(folder, name)
            if wanted.fullmatch(name) and _is_new(file, seen):
                yield file


def _is_new(path: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        found = path.stat()
    except OSError:  # a link that leads nowhere, or in a ring
        return False
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return False
    key = found.st_dev, found.st_ino
    new = key not in seen
    seen.add(key)
    return new
