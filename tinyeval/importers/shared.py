"""Results that the processes of a build on one machine read once and hold once.

The first process of a machine reads them and writes the scores to a temporary file; all of them
map it into their memory, where the system keeps one copy for all.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.processes import Processes
from tinyeval.errors import DataError
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import SourceModels
from tinyeval.tables import Table

SCORES, MORE = "scores.npy", ("trials", "soft")
"""Name of the file of scores, and of what else a matrix may hold of the same cells."""


class _Note(NamedTuple):
    """What the process that read tells the others of its machine; ids and columns of tables."""

    folder: Path
    models: tuple[tuple[str, ...], dict[str, NDArray]]
    items: tuple[tuple[str, ...], dict[str, NDArray]]
    duplicates: tuple[str, ...]
    more: tuple[str, ...]


def once_a_machine(read: Callable[[], SourceModels], processes: Processes) -> SourceModels:
    """Return what ``read`` returns, called by the first process of every machine alone.

    Raises:
        DataError: the scores cannot be written to a temporary file; whatever ``read`` raises.
        ProcessError: another process could not read them, or ended.
    """
    if processes.size == 1:
        return read()
    own: list[_Note] = []

    def note() -> _Note | None:
        if processes.local:
            return None
        own.append(_write(read()))
        return own[0]

    try:
        told = processes.gather_or_fail(note)[processes.number - processes.local]
        assert told is not None
        scores = np.load(told.folder / SCORES, mmap_mode="r")
        more = {one: np.load(told.folder / f"{one}.npy", mmap_mode="r") for one in told.more}
        processes.gather(None)  # all have opened the files: they may lose their names
    finally:
        for one in own:
            shutil.rmtree(one.folder, ignore_errors=True)
    responses = ResponseMatrix(scores, Table(*told.models), Table(*told.items), **more)
    return SourceModels(responses, told.duplicates)


def _write(found: SourceModels) -> _Note:
    """Write scores, trials and soft scores to files in a new folder."""
    responses, folder = found.responses, Path(tempfile.mkdtemp(prefix="tinyeval-"))
    try:
        np.save(folder / SCORES, responses.scores)
        more = tuple(one for one in MORE if getattr(responses, one) is not None)
        for one in more:
            np.save(folder / f"{one}.npy", getattr(responses, one))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(
            f"{folder}: the scores, {responses.scores.nbytes / 1e6:,.0f} MB, cannot be written to "
            f"a temporary file ({error.strerror}); set TMPDIR to a folder with room for them"
        ) from error
    models, items = ((one.ids, dict(one.columns)) for one in (responses.models, responses.items))
    return _Note(folder, models, items, found.duplicates, more)
