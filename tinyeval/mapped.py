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

from tinyeval.errors import DataError, RankError
from tinyeval.ranks import Ranks
from tinyeval.responses import ResponseMatrix, Table

SCORES, TRIALS = "scores.npy", "trials.npy"
"""Names of the files; trials are there where a score is the mean of several."""


class Usable(NamedTuple):
    """Responses to learn from.

    Attributes:
        responses: sorted by id.
        duplicates: ids of the models dropped because they equal another one.
    """

    responses: ResponseMatrix
    duplicates: tuple[str, ...] = ()


class _Note(NamedTuple):
    """What the process that read tells the others of its machine; ids and columns of tables."""

    folder: Path
    models: tuple[tuple[str, ...], dict[str, NDArray]]
    items: tuple[tuple[str, ...], dict[str, NDArray]]
    duplicates: tuple[str, ...]
    trials: bool


def once_a_machine(read: Callable[[], Usable], ranks: Ranks) -> Usable:
    """Return what ``read`` returns, called by the first process of every machine alone.

    Raises:
        DataError: the scores cannot be written to a temporary file; whatever ``read`` raises.
        RankError: another process could not read them, or ended.
    """
    if ranks.size == 1:
        return read()
    note, problem = None, None
    try:
        if ranks.local == 0:
            note = _write(read())
    except Exception as error:  # the others wait to be told
        problem = error
    try:
        told = ranks.gather(note or str(problem))[ranks.rank - ranks.local]
        if problem is not None:
            raise problem
        if isinstance(told, str):
            raise RankError(f"the process that reads the results failed: {told}")
        scores = np.load(told.folder / SCORES, mmap_mode="r")
        trials = np.load(told.folder / TRIALS, mmap_mode="r") if told.trials else None
        ranks.gather(None)  # all have opened the files: they may lose their names
    finally:
        if note is not None:
            shutil.rmtree(note.folder, ignore_errors=True)
    responses = ResponseMatrix(scores, Table(*told.models), Table(*told.items), trials)
    return Usable(responses, told.duplicates)


def _write(found: Usable) -> _Note:
    """Write scores and trials to files in a new folder."""
    responses, folder = found.responses, Path(tempfile.mkdtemp(prefix="tinyeval-"))
    try:
        np.save(folder / SCORES, responses.scores)
        if responses.trials is not None:
            np.save(folder / TRIALS, responses.trials)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(
            f"{folder}: the scores, {responses.scores.nbytes / 1e6:,.0f} MB, cannot be written to "
            f"a temporary file ({error.strerror}); set TMPDIR to a folder with room for them"
        ) from error
    models, items = ((one.ids, dict(one.columns)) for one in (responses.models, responses.items))
    return _Note(folder, models, items, found.duplicates, responses.trials is not None)
