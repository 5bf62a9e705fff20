"""All or nothing on disk: a file or folder is replaced as a whole, or stays as it was.

Data goes into a hidden sibling, is flushed to the device, and is then renamed into place; a
rename within one folder is atomic (POSIX ``rename``).  No rename swaps two folders, so an old
folder is first set aside under a hidden name: whatever interrupts, one whole folder remains.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import uuid4


def write_file(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing a file that is there; folders are made as needed.

    Raises:
        OSError: the file cannot be written; the old one is untouched.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _sibling(path, "new")
    try:
        _write_synced(new, data)
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes], *, owned: Iterable[str] = ()) -> None:
    """Write a folder of files, replacing a folder that is there.

    Args:
        path: the folder; a link to a folder is followed.
        files: name -> content.
        owned: names that belong to the writer.  Everything else in an old folder (notes,
            ``.git``) is carried over; owned names that ``files`` lacks are dropped.

    Raises:
        OSError: the folder cannot be written; the old one is untouched.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    new, old = _sibling(path, "new"), _sibling(path, "old")
    try:
        new.mkdir()
        for name, data in files.items():
            _write_synced(new / name, data)
        _sync_folder(new)
        if path.exists():
            os.rename(path, old)
        os.rename(new, path)
    except BaseException:
        if old.exists() and not path.exists():
            os.rename(old, path)
        shutil.rmtree(new, ignore_errors=True)
        raise
    _sync_folder(path.parent)
    if old.exists():
        _carry_over(old, path, {*files, *owned})
        shutil.rmtree(old, ignore_errors=True)


def set_aside(path: Path) -> list[Path]:
    """Return old folders that a killed :func:`write_folder` left beside ``path``."""
    path = path.resolve()
    if not path.parent.is_dir():
        return []
    prefix = f".{path.name[:_NAME_LIMIT]}.old-"
    return sorted(one for one in path.parent.iterdir() if one.name.startswith(prefix))


_NAME_LIMIT = 200
"""Characters of a name kept in its hidden sibling's: file systems allow 255 bytes."""


def _sibling(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name[:_NAME_LIMIT]}.{kind}-{uuid4().hex[:8]}")


def _carry_over(old: Path, new: Path, owned: set[str]) -> None:
    for entry in old.iterdir():
        if entry.name not in owned:
            os.rename(entry, new / entry.name)


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _sync_folder(path: Path) -> None:
    # Some systems (Windows, network drives) cannot flush a folder; the rename holds regardless.
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
