"""All or nothing on disk: a file or folder appears as a whole, or what was there stays.

Data goes into a hidden sibling, ``.NAME.new``, is flushed to the device, and is then renamed into
place; a rename within one folder is atomic (POSIX ``rename``).  No rename swaps two folders, so an
old folder is first set aside as ``.NAME.old``: whatever interrupts, one whole folder remains.

Whoever writes to a place holds a lock beside it, ``.NAME.lock``, which the system takes back when
the process ends (``flock``).  So of two that write to one place the second waits, and a hidden
sibling that is found under the lock was left by a process that is gone: it is cleared, and what it
holds of the user's is put back.  Where the system has no such locks, the siblings' names are drawn
at random, and leftovers stay.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path
from uuid import uuid4


def write_file(path: Path, data: bytes, *, overwrite: bool = True) -> None:
    """Write ``data`` to ``path``; folders are made as needed.

    Args:
        path: the file; a link to a file is followed.
        data: all of its content.
        overwrite: replace a file that is there.

    Raises:
        FileExistsError: something is there, even if it came while this wrote, and ``overwrite``
            is False.
        OSError: the file cannot be written; the old one is untouched.
    """
    with new_file(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def new_file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a hidden name beside ``path``; in the end the file of that name becomes ``path``.

    An error inside the ``with`` leaves everything as it was; otherwise as :func:`write_file`.
    """
    given, path = path, path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path) as alone:
        if not overwrite and os.path.lexists(given):
            raise _exists(given)
        new = _sibling(path, "new", alone)
        _remove(new)
        try:
            yield new
            _sync_file(new)
            if overwrite:
                os.replace(new, path)
            else:
                _create(new, path)
        finally:
            new.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_folder(
    path: Path,
    files: Mapping[str, bytes],
    *,
    owned: Iterable[str] = (),
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write a folder of files, replacing a folder that is there.

    Args:
        path: the folder; a link to a folder is followed.
        files: name -> content.
        owned: names that belong to the writer.  Everything else in an old folder (notes,
            ``.git``) is carried over; owned names that ``files`` lacks are dropped.
        check: called right before the folder appears; raises where what is at ``path`` by then
            may not be replaced.

    Raises:
        OSError: the folder cannot be written; the old one is untouched.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    own = {*files, *owned}
    with _alone(path) as alone:
        new, old = _sibling(path, "new", alone), _sibling(path, "old", alone)
        _clear(path, new, old, own)
        try:
            new.mkdir()
            for name, data in files.items():
                (new / name).write_bytes(data)
                _sync_file(new / name)
            _sync_folder(new)
            check()
            if path.exists():
                os.rename(path, old)
            os.rename(new, path)  # fails where another folder came in between, unless it is empty
        except BaseException:
            if old.exists() and not path.exists():
                os.rename(old, path)
            shutil.rmtree(new, ignore_errors=True)
            raise
        _sync_folder(path.parent)
        _give_back(old, path, own)


def set_aside(path: Path) -> list[Path]:
    """Return old folders that a killed :func:`write_folder` left beside ``path``.

    The next one that writes to ``path`` puts them back.
    """
    path = path.resolve()
    if not path.parent.is_dir():
        return []
    known = re.compile(re.escape(_sibling(path, "old").name) + "(-[0-9a-f]{8})?")
    return sorted(one for one in path.parent.iterdir() if known.fullmatch(one.name))


def _sibling(path: Path, kind: str, alone: bool = True) -> Path:
    """Return the name of a hidden sibling, which no other place shares."""
    name, drawn = path.name, "" if alone else f"-{uuid4().hex[:8]}"
    if len(os.fsencode(name)) > _NAME_LIMIT:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return path.with_name(f".{name}.{kind}{drawn}")


_NAME_LIMIT = 200
"""Bytes of a name from which its siblings are named by its hash: file systems allow 255."""


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold the lock of a place, waiting for it; False where the system has no locks."""
    lock = _sibling(path, "lock")
    handle = _locked(lock)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                lock.unlink()
            os.close(handle)


def _locked(lock: Path) -> int | None:
    if sys.platform == "win32":
        return None
    from fcntl import LOCK_EX, flock

    while True:
        handle = _opened(lock)
        try:
            flock(handle, LOCK_EX)
        except OSError:  # some network drives
            os.close(handle)
            lock.unlink(missing_ok=True)
            return None
        except BaseException:
            os.close(handle)
            raise
        # whoever had the lock has removed the file, and another may have made a new one
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(lock)):
                return handle
        os.close(handle)


def _opened(lock: Path) -> int:
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not lock.exists():  # the folder cannot be written to
            raise
        return os.open(lock, os.O_RDONLY)  # another user's


def _clear(path: Path, new: Path, old: Path, own: set[str]) -> None:
    """Remove what a killed process left, and put back what it had set aside."""
    _remove(new)
    if path.exists():
        _give_back(old, path, own)
    elif old.exists():
        os.rename(old, path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _give_back(old: Path, path: Path, own: set[str]) -> None:
    """Move what is not the writer's out of a folder that was set aside, and remove the folder."""
    if not old.exists():
        return
    for entry in old.iterdir():
        if entry.name not in own:
            os.rename(entry, _free(path / entry.name))
    shutil.rmtree(old, ignore_errors=True)


def _free(path: Path) -> Path:
    """Return ``path``, or a name like it where that is taken."""
    names = (path.with_name(f"{path.name}.{k}") for k in count(1))
    return next(one for one in chain([path], names) if not os.path.lexists(one))


def _create(new: Path, path: Path) -> None:
    """Give a file its name unless that is taken."""
    try:
        os.link(new, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:  # a file system without hard links: the empty file holds the place
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(new, path)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "exists already", str(path))


def _sync_file(path: Path) -> None:
    with path.open("r+b") as handle:
        os.fsync(handle.fileno())


def _sync_folder(path: Path) -> None:
    # Some systems (Windows, network drives) cannot flush a folder; the rename holds regardless.
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
