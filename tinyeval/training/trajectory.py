"""The predictions of a run by step, read from ``predictions.jsonl``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError, examples
from tinyeval.training.journal import FILE, Entry, read_journal


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The predicted score of a run, step by step.

    Attributes:
        bank: name of the bank, the last it had.
        level: level of the intervals.
        steps: shape (checkpoints,), increasing.
        score, lower, upper: the same shape, in [0, 1].
        ability: shape (checkpoints, dimensions).
        flagged: the same shape as ``steps``; True where a prediction is out of range or a misfit.
    """

    bank: str
    level: float
    steps: NDArray[np.int64]
    score: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    ability: NDArray[np.float64]
    flagged: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if len(self.steps) == 0 or (np.diff(self.steps) <= 0).any():
            raise DataError("a trajectory needs at least one step, and steps that increase")
        lengths = {name: len(value) for name, value in vars(self).items() if np.ndim(value)}
        if len(set(lengths.values())) > 1:
            raise DataError(f"a trajectory's arrays must be of one length, found {lengths}")

    def __len__(self) -> int:
        return len(self.steps)


def read_trajectory(path: str | Path, bank: str | None = None) -> Trajectory:
    """Read the predictions of a run.

    Args:
        path: ``predictions.jsonl``, or the folder of the run that holds it.
        bank: name or digest of the bank, needed if the file holds predictions of several banks.
            A bank is known by its digest: under another name it is the same.

    Returns:
        The last prediction of each step.

    Raises:
        DataError: no predictions, several banks, or intervals of different levels.

    Example:
        >>> from pathlib import Path
        >>> from tinyeval.training import QuickEval, Watcher, read_trajectory
        >>> for step in (100, 200):
        ...     Path(f"run/checkpoint-{step}").mkdir(parents=True)
        ...     _ = Path(f"run/checkpoint-{step}/weights").write_text("...")
        >>> quick = QuickEval(bank, lambda items, checkpoint: [1] * len(items))
        >>> Watcher("run", quick, quiet=0).once()
        >>> read_trajectory("run").steps.tolist()
        [100, 200]
    """
    path = Path(path)
    file = path / FILE if path.is_dir() else path
    entries = read_journal(file)
    asked = {one.digest for one in entries if bank in (None, one.bank, one.digest)}
    entries = [one for one in entries if one.digest in asked]
    if not entries:
        of = "" if bank is None else f" of the bank {bank!r}"
        raise DataError(f"{file}: expected predictions{of}, found none")
    if len(asked) > 1:
        banks = sorted({f"{one.bank} ({one.digest})" for one in entries})
        raise DataError(
            f"{file}: holds the predictions of {len(asked)} banks: {examples(banks)}; name one, by "
            "its digest if names are the same"
        )
    levels = sorted({one.prediction.level for one in entries})
    if len(levels) > 1:
        raise DataError(f"{file}: holds intervals of {len(levels)} levels: {examples(levels)}")
    by_step = {one.step: one for one in entries}
    return _trajectory([by_step[step] for step in sorted(by_step)])


def _trajectory(entries: list[Entry]) -> Trajectory:
    found = [one.prediction for one in entries]
    return Trajectory(
        entries[-1].bank,
        found[0].level,
        np.array([one.step for one in entries], dtype=np.int64),
        np.array([one.score for one in found]),
        np.array([one.lower for one in found]),
        np.array([one.upper for one in found]),
        np.array([one.ability for one in found]).reshape(len(found), -1),
        np.array([not one.in_range or one.misfit for one in found]),
    )
