"""Shared by the callbacks of all trainers: predict in all processes, record in one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.errors import ConfigError
from tinyeval.training.journal import Entry, append
from tinyeval.training.loggers import ALSO, Logger, log_values
from tinyeval.training.processes import ask_together
from tinyeval.training.quick_eval import QuickEval


def record(
    entry: Entry,
    journal: Path,
    loggers: Sequence[Logger],
    values: Mapping[str, float] | None = None,
) -> None:
    """Append a prediction to the journal, and pass it, or the given values, to the loggers."""
    append(journal, entry)
    values = log_values(entry.bank, entry.prediction) if values is None else values
    for logger in loggers:
        logger.log(entry.step, values)


class Recorder:
    """Predicts a model in training, once per step.

    Args:
        quick: bank and answering function.
        every: steps between two predictions; None: only when the trainer evaluates.
        loggers: loggers in addition to the trainer's own.
        also: values to log beside score, bounds, flags and seconds.
    """

    def __init__(
        self,
        quick: QuickEval,
        every: int | None,
        loggers: Sequence[Logger],
        also: Sequence[str] = (),
    ) -> None:
        if isinstance(also, str) or not set(also) <= set(ALSO):
            raise ConfigError(f"also must be a list of {', '.join(ALSO)}; found {also!r}")
        if every is not None and every < 1:
            raise ConfigError(f"every must be 1 step or more, found {every}")
        self.quick, self.every, self.loggers = quick, every, tuple(loggers)
        self.also = tuple(also)
        self.last: Entry | None = None
        self._seconds = 0.0

    def is_due(self, step: int) -> bool:
        """Return whether a prediction is due after this step."""
        return self.every is not None and step > 0 and step % self.every == 0 and self.is_new(step)

    def is_new(self, step: int) -> bool:
        """Return whether the last prediction was for another step."""
        return self.last is None or self.last.step != step

    def predict(self, step: int, model: Any) -> Entry:
        """Return the prediction at a step; all processes must call it at the same time."""
        start = time.perf_counter()
        scores = ask_together(self.quick, model)
        prediction = self.quick.predict(scores, f"checkpoint-{step}")
        self._seconds = time.perf_counter() - start
        self.last = Entry(step, self.quick.bank.name, self.quick.digest, prediction)
        return self.last

    def values(self, entry: Entry) -> dict[str, float]:
        """Return the last prediction as named numbers for the trainer's log."""
        return log_values(entry.bank, entry.prediction, seconds=self._seconds, also=self.also)
