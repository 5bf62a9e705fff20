"""Files of JSON objects, one a line, that are only appended to.

A writer that is stopped within a line leaves the line unfinished; readers skip it, and the next
writer removes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tinyeval.errors import DataError

_LONGEST = 1 << 24
"""Upper limit on the bytes of a line; a bank of a thousand benchmarks needs about 10^5."""


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append lines to a file, and flush it to disk.

    Raises:
        DataError: something that is no regular file.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_regular(path)
    _drop_unfinished(path)
    with path.open("ab") as handle:
        handle.write("".join(f"{line}\n" for line in lines).encode())
        handle.flush()
        os.fsync(handle.fileno())


def finished_lines(path: Path) -> list[tuple[str, bytes]]:
    """Return the finished lines of a file that are not blank, each with its place.

    A file that does not exist has none.

    Raises:
        DataError: something that is no regular file.
    """
    _check_regular(path)
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return []
    *lines, _ = data.split(b"\n")
    return [(f"{path}:{k}", line) for k, line in enumerate(lines, 1) if line.strip()]


def _check_regular(path: Path) -> None:
    """Raise :class:`DataError` for a pipe or a device, which would hang or never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError(
            f"{path}: expected a regular file of predictions or answers, found a pipe, device or "
            "socket; remove it, or name another file"
        )


def _drop_unfinished(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as handle:
        end = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, end - _LONGEST))
        tail = handle.read()
        if tail and not tail.endswith(b"\n"):
            handle.truncate(end - len(tail) + tail.rfind(b"\n") + 1)
