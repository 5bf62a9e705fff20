"""Watches the folder of a run and predicts the score of every checkpoint in it.

It runs beside the trainer, whichever that is, and needs nothing from it but its folder.  It looks
again and again (notices of the file system do not reach network drives), never predicts a
checkpoint twice, and takes a checkpoint that is removed while it is read for what it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from tinyeval.errors import ConfigError, DataError, TinyEvalError, examples, one_line
from tinyeval.training.checkpoints import (
    Checkpoint,
    Settled,
    Signature,
    compile_patterns,
    find_checkpoints,
)
from tinyeval.training.journal import FILE, Entry, read_journal
from tinyeval.training.loggers import Logger
from tinyeval.training.quick_eval import Answer, QuickEval
from tinyeval.training.recording import record

ATTEMPTS = 3
"""Times that a checkpoint is tried while watching; a full disk or a busy GPU may pass."""

Report = Callable[[str], None]
"""Called with a line about what happened."""


@dataclass
class Watcher:
    """Predicts new checkpoints; :meth:`poll` is one look, :meth:`watch` many.

    Attributes:
        run_dir: the folder in which the trainer saves checkpoints.
        quick: bank and answering function, which gets the items and the checkpoint's path.
        journal: file to append predictions to; ``predictions.jsonl`` in the folder if None.
        pattern: regular expression of checkpoints' names, with the group ``step``.
        quiet: seconds without change after which a checkpoint counts as complete.
        loggers: that show the predictions.
        done: called with each new entry.
        report: called with each line about what went wrong.
        clock, sleep: of time in seconds.
    """

    run_dir: Path
    quick: QuickEval
    journal: Path | None = None
    pattern: str | None = None
    quiet: float = 30.0
    loggers: Sequence[Logger] = ()
    done: Callable[[Entry], None] = lambda entry: None
    report: Report = lambda line: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    failures: dict[str, int] = field(default_factory=dict)

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
            attempts: failures after which a checkpoint is left alone.

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
        """Predict what is there now; what is still being written is left for another time.

        Raises:
            DataError: no such folder, or checkpoints that could not be predicted; all others are.
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
            )

    def watch(self, interval: float = 30.0) -> None:
        """Look every ``interval`` seconds until interrupted; the folder may come later."""
        if not self.run_dir.is_dir():
            self.report(f"{self.run_dir}: there is no such folder yet; waiting for it")
        while True:
            self.poll(ATTEMPTS)
            self.sleep(interval)

    def _predict(self, checkpoint: Checkpoint) -> Entry | None:
        """Return the prediction, or None where there is none, having said why."""
        name, before = checkpoint.name, checkpoint.signature()
        prediction, failure = None, None
        try:
            prediction = self.quick.run(checkpoint.path, name=name)
        except Exception as error:  # whatever the answering function raises
            failure = _reason(error)
        gone = not checkpoint.path.exists()
        if not gone and not _intact(checkpoint, before):
            self.report(f"{name}: changed while it was read; tried again later")
            return None
        if prediction is not None:
            return Entry(checkpoint.step, self.quick.bank.name, self.quick.digest, prediction)
        if gone:
            self.report(f"{name}: was removed before it was read to the end")
        else:
            self.failures[name] = self.failures.get(name, 0) + 1
            self.report(f"{name}: {failure}")
        return None

    def _record(self, entry: Entry) -> None:
        assert self.journal is not None
        record(entry, self.journal, self.loggers)
        self._known.add(entry.prediction.model)
        self.failures.pop(entry.prediction.model, None)
        self.done(entry)


def _intact(checkpoint: Checkpoint, before: Signature) -> bool:
    """Say whether every file is as it was; an answering function may have put others there."""
    return set(before) <= set(checkpoint.signature())


def _reason(error: BaseException) -> str:
    """Return what an error says; errors that are not ours with their kind."""
    said, kind = one_line(error), type(error).__name__
    return said if isinstance(error, TinyEvalError) or said == kind else f"{kind}: {said}"


def find_answer(name: str, folder: Path | None = None) -> Answer:
    """Return the answering function that ``module:function`` names.

    Args:
        name: module and function, such as ``tinyeval.training:causal_lm``.
        folder: where modules are looked for as well.

    Raises:
        ConfigError: another form, no such module or function, or something else.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise ConfigError(f"expected MODULE:FUNCTION, such as evals:answer, found {name!r}")
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        found: object = import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{name}: cannot be imported ({error})") from None
    if not callable(found):
        raise ConfigError(f"{name}: expected a function, found {type(found).__name__}")
    return found
