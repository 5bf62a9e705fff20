"""What one run answered at its checkpoints: measured, and kept in a file of its own.

A part is a plain ``npz`` (no pickle) that appears whole or not at all.  Its key says what it was
made from; a part with another key is measured again.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from item_banks.language.benchmark import TextItem, digest
from item_banks.language.runs import Mix, Run
from tinyeval.atomic import write_file
from tinyeval.errors import DataError


@dataclass(frozen=True)
class Part:
    """Answers of a run's checkpoints.

    Attributes:
        run: that was trained.
        items: ids, in the order of ``scores``.
        parameters: number of weights.
        steps, tokens, loss: of every checkpoint, shape (checkpoints,).
        train_seconds, answer_seconds: spent before and at every checkpoint, shape (checkpoints,).
        scores: 0 or 1, shape (checkpoints, items).
    """

    run: Run
    items: tuple[str, ...]
    parameters: int
    steps: NDArray[np.int64]
    tokens: NDArray[np.int64]
    loss: NDArray[np.float64]
    train_seconds: NDArray[np.float64]
    answer_seconds: NDArray[np.float64]
    scores: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.steps), len(self.items)):
            raise DataError(
                f"{self.run.name}: {len(self.steps)} checkpoints and {len(self.items)} items do "
                f"not fit scores of shape {self.scores.shape}"
            )
        if self.scores.max(initial=0) > 1:
            raise DataError(f"{self.run.name}: scores other than 0 and 1")

    def save(self, path: Path, key: str) -> None:
        """Write the part, replacing an older one."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        about = {"run": asdict(self.run), "items": self.items, "parameters": self.parameters}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, key=key, about=json.dumps(about), **arrays)
        write_file(path, buffer.getvalue())


_ARRAYS = ("steps", "tokens", "loss", "train_seconds", "answer_seconds", "scores")


def key_of(run: Run, items: Sequence[TextItem], at: Sequence[int]) -> str:
    """Return what identifies a part: the run's settings, its checkpoints and the items."""
    return sha256(json.dumps([asdict(run), list(at), digest(items)]).encode()).hexdigest()


def read_part(path: Path) -> tuple[Part, str]:
    """Return a part and its key.

    Raises:
        DataError: no part, or a damaged one.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            arrays = {name: file[name] for name in _ARRAYS}
            run = Run(**{**about["run"], "mix": Mix(**about["run"]["mix"])})
            found = Part(run, tuple(about["items"]), about["parameters"], **arrays)
            return found, str(file["key"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path}: expected the answers of a run, found a file that cannot be read ({reason}); "
            "delete it and run python -m item_banks.language.population again"
        ) from None


def measure(
    run: Run,
    items: Sequence[TextItem],
    at: Sequence[int],
    device: str,
    said: Callable[[str], None] | None = None,
) -> Part:
    """Train a run and let every checkpoint answer every item.

    Args:
        run: to train.
        items: of the benchmark.
        at: steps of the checkpoints.
        device: ``cpu``, ``cuda`` ...
        said: told how far it is.
    """
    from item_banks.language.answering import make_answer, to_ask
    from item_banks.language.learning import train

    answer, asked = make_answer(), to_ask(items)
    rows: list[list[float]] = []
    scores: list[list[float]] = []
    parameters = 0
    for one in train(run, at, device):
        start = time.perf_counter()
        found = answer(asked, one.model)
        spent = time.perf_counter() - start
        parameters = sum(weights.numel() for weights in one.model.parameters())
        scores.append([found[item.id] for item in items])
        rows.append([one.step, one.tokens, one.loss, one.seconds, spent])
        if said:
            said(f"{run.name} step {one.step} score {np.mean(scores[-1]):.3f}")
    steps, tokens, loss, trained, answered = np.array(rows).T
    ids = tuple(item.id for item in items)
    return Part(
        run,
        ids,
        parameters,
        steps.astype(np.int64),
        tokens.astype(np.int64),
        loss,
        trained,
        answered,
        np.array(scores).astype(np.uint8),
    )
