"""Watches the folder of a run and predicts the score of every checkpoint in it.

The watcher runs beside any trainer and needs only its folder.  It polls, because file-system events
do not reach network drives.  It never predicts a checkpoint twice, and a checkpoint that is removed
while it is read is not an error.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinyeval.errors import ConfigError, DataError, examples, reason
from tinyeval.training.checkpoints import (
    Checkpoint,
    Settled,
    Signature,
    compile_patterns,
    find_checkpoints,
)
from tinyeval.training.journal import FILE, Entry, Failure, append, read_journal
from tinyeval.training.loggers import Logger
from tinyeval.training.quick_eval import QuickEval
from tinyeval.training.recording import record

ATTEMPTS = 3
"""Attempts per checkpoint while watching; a full disk or a busy GPU may be temporary."""

Report = Callable[[str], None]
"""Called with a one-line message."""


@dataclass
class Watcher:
    """Predicts new checkpoints: :meth:`poll` scans the folder once, :meth:`watch` repeatedly.

    Attributes:
        run_dir: the folder in which the trainer saves checkpoints.
        quick: bank and answering function, which takes the items and the checkpoint's path.
        journal: file to append predictions to; ``predictions.jsonl`` in the folder if None.
        pattern: regular expression of checkpoint names, with the group ``step``.
        quiet: seconds without change after which a checkpoint counts as complete.
        loggers: loggers that get the predictions.
        done: called with each new entry.
        report: called with a message about each problem.
        failed: called with each exception of the answering function, for its traceback.
        clock, sleep: current time and pause, in seconds.
        failures: how often each checkpoint could not be predicted.
        errors: the last exception of each such checkpoint.

    Example:
        >>> from pathlib import Path
        >>> from tinyeval.training import QuickEval, Watcher
        >>> Path("run/checkpoint-100").mkdir(parents=True)
        >>> _ = Path("run/checkpoint-100/weights").write_text("...")
        >>> quick = QuickEval(bank, lambda items, checkpoint: [1] * len(items))
        >>> watcher = Watcher("run", quick, quiet=0, done=lambda entry: print(entry.step))
        >>> watcher.once()
        100
    """

    run_dir: Path
    quick: QuickEval
    journal: Path | None = None
    pattern: str | None = None
    quiet: float = 30.0
    loggers: Sequence[Logger] = ()
    done: Callable[[Entry], None] = lambda entry: None
    report: Report = lambda line: None
    failed: Callable[[Exception], None] = lambda error: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    failures: dict[str, int] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.quiet >= 0:
            raise ConfigError(f"quiet must be 0 seconds or more, found {self.quiet}")
        self.run_dir = Path(self.run_dir)
        if self.run_dir.is_file():
            raise DataError(f"{self.run_dir}: expected the folder of a run, found a file")
        self.journal = Path(self.journal or self.run_dir / FILE)
        self._patterns = compile_patterns(self.pattern)
        self._settled = Settled(self.quiet)
        known = read_journal(self.journal)
        self._known = {one.prediction.model for one in known if one.digest == self.quick.digest}

    def poll(self, attempts: int = 1) -> list[Checkpoint]:
        """Predict every complete checkpoint that is new, in the order of steps.

        Args:
            attempts: number of failures after which a checkpoint is skipped.

        Returns:
            The new checkpoints that are not complete yet.
        """
        waiting = []
        for one in find_checkpoints(self.run_dir, self._patterns):
            if one.name in self._known or self.failures.get(one.name, 0) >= attempts:
                continue
            if not self._settled(one, self.clock()):
                waiting.append(one)
            elif (entry := self._predict(one)) is not None:
                self._record(entry)
        return waiting

    def once(self) -> None:
        """Predict the checkpoints that exist now; those still being written are left for later.

        Raises:
            DataError: no such folder, or checkpoints that could not be predicted; all others are.
                What was raised is its cause, an :class:`ExceptionGroup`.
        """
        if not self.run_dir.is_dir():
            raise DataError(f"{self.run_dir}: there is no such folder; expected that of a run")
        if not find_checkpoints(self.run_dir, self._patterns):
            self.report(f"{self.run_dir}: no checkpoint is here; --pattern says how they are named")
        if self.poll():
            self.sleep(self.quiet)
            for one in self.poll():
                self.report(f"{one.name}: is still being written; left for another time")
        if self.failures:
            raise DataError(
                f"{len(self.failures)} checkpoints could not be predicted: "
                f"{examples(self.failures)}"
            ) from ExceptionGroup("what the answering function raised", [*self.errors.values()])

    def watch(self, interval: float = 30.0) -> None:
        """Scan every ``interval`` seconds until interrupted; the folder may appear later."""
        if not self.run_dir.is_dir():
            self.report(f"{self.run_dir}: there is no such folder yet; waiting for it")
        while True:
            self.poll(ATTEMPTS)
            self.sleep(interval)

    def _predict(self, checkpoint: Checkpoint) -> Entry | None:
        """Return the prediction, or None after reporting why there is none."""
        name, before = checkpoint.name, checkpoint.signature()
        prediction, failure = None, None
        try:
            prediction = self.quick.run(checkpoint.path, name=name)
        except Exception as error:  # whatever the answering function raises
            failure = _without_locals(error)
            self.failed(failure)
        gone = not checkpoint.path.exists()
        if not gone and not _intact(checkpoint, before):
            self.report(f"{name}: changed while it was read; tried again later")
            return None
        if prediction is not None:
            return Entry(checkpoint.step, self.quick.bank.name, self.quick.digest, prediction)
        if gone:
            self.report(f"{name}: was removed before it was read to the end")
        elif failure is not None:
            self.failures[name] = self.failures.get(name, 0) + 1
            self.errors[name] = failure
            self._note(checkpoint, failure)
            self.report(f"{name}: {reason(failure)}")
        return None

    def _note(self, checkpoint: Checkpoint, error: Exception) -> None:
        """Write into the journal what was raised, whole."""
        assert self.journal is not None
        told = "".join(traceback.format_exception(error))
        digest = self.quick.digest
        append(self.journal, Failure(checkpoint.step, checkpoint.name, digest, reason(error), told))

    def _record(self, entry: Entry) -> None:
        assert self.journal is not None
        record(entry, self.journal, self.loggers)
        self._known.add(entry.prediction.model)
        self.failures.pop(entry.prediction.model, None)
        self.errors.pop(entry.prediction.model, None)
        self.done(entry)


def _intact(checkpoint: Checkpoint, before: Signature) -> bool:
    """Return whether every file is unchanged; the answering function may have added others."""
    return set(before) <= set(checkpoint.signature())


def _without_locals(error: Exception) -> Exception:
    """Return an error whose traceback holds no values any more: one may be a whole model."""
    one: BaseException | None = error
    while one is not None:
        traceback.clear_frames(one.__traceback__)
        one = one.__cause__ or one.__context__
    return error
