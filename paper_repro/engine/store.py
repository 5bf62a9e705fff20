"""Results of cells on disk: one file each, written whole or not at all.

A file lies at METHOD/DIGEST/SET/SPLIT-REPEAT-ITEMS.npz, so a method whose settings change is
measured again, and a method whose code changed is forgotten by deleting its folder.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyeval.atomic import write_file
from tinyeval.backtesting.backtest import Row, figures
from tinyeval.backtesting.trial import Trial


@dataclass(frozen=True)
class Cell:
    """One thing to be measured."""

    set: str
    split: str
    repeat: int
    method: str
    items: int


@dataclass(frozen=True)
class Result:
    """What was measured: the test models' ids, the trial, and its figures of merit."""

    models: tuple[str, ...]
    trial: Trial
    figures: Row

    @classmethod
    def of_figures(cls, known: Row) -> Result:
        """Return a result of which only the figures are known."""
        return cls((), Trial(np.empty(0), np.empty((1, 0)), None, 0.0), known)


class Store:
    """Results below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, cell: Cell, digest: str) -> Path:
        """Return where the result of a cell lies."""
        split = cell.split.replace(":", "=")
        name = f"{split}-{cell.repeat}-{cell.items}.npz"
        return self.folder / cell.method / digest / cell.set.replace(":", "=") / name

    def put(self, cell: Cell, digest: str, models: tuple[str, ...], trial: Trial) -> None:
        """Keep a result."""
        out = io.BytesIO()
        np.savez(
            out,
            models=np.array(models, dtype=np.str_),
            truth=trial.truth,
            scores=trial.scores,
            bounds=np.empty(0) if trial.bounds is None else trial.bounds,
            seconds=np.array(trial.seconds),
            figures=np.array(json.dumps(figures(trial))),
        )
        write_file(self.path(cell, digest), out.getvalue())

    def get(self, cell: Cell, digest: str) -> Result | None:
        """Return a result, or None where there is none or the file is damaged."""
        try:
            data = io.BytesIO(self.path(cell, digest).read_bytes())
            with np.load(data, allow_pickle=False) as file:
                arrays = dict(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        bounds = arrays["bounds"] if arrays["bounds"].size else None
        trial = Trial(arrays["truth"], arrays["scores"], bounds, float(arrays["seconds"]))
        models = tuple(str(one) for one in arrays["models"])
        return Result(models, trial, json.loads(str(arrays["figures"])))
