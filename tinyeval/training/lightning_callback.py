"""Quick evaluation in Lightning.

    Trainer(callbacks=[LightningCallback(quick, model=lambda module: module.model)])

The predicted score and its bounds are logged like any metric of the module, so that
``ModelCheckpoint(monitor="tinyeval/<bank>/score", mode="max")`` and early stopping work on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from tinyeval.training.journal import FILE
from tinyeval.training.loggers import Logger
from tinyeval.training.quick_eval import QuickEval
from tinyeval.training.recording import Recorder, record


def _itself(module: Any) -> Any:
    return module


class LightningCallback(Callback):  # type: ignore[misc]
    """Predicts the full score while a Lightning ``Trainer`` trains.

    Predictions are also appended to ``predictions.jsonl`` in the trainer's root folder.
    """

    def __init__(
        self,
        quick: QuickEval,
        *,
        model: Callable[[Any], Any] = _itself,
        every: int | None = None,
        loggers: Sequence[Logger] = (),
        also: Sequence[str] = (),
    ) -> None:
        """Make a callback for ``Trainer(callbacks=[...])``.

        Args:
            quick: bank and answering function.
            model: takes the module in training, and returns the model that is asked.
            every: steps between two predictions; None: after each validation.
            loggers: loggers in addition to the trainer's own.
            also: values to log beside score, bounds, flags and seconds: ``ability``,
                ``benchmarks``, ``n_answered``.

        Raises:
            ConfigError: ``every`` is less than one, or an unknown value.
        """
        self._recorder = Recorder(quick, every, loggers, also)
        self._model = model

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        """Predict and log every ``every`` steps."""
        if self._recorder.is_due(trainer.global_step):
            self._predict(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Predict and log after each validation, except the sanity check."""
        if self._recorder.every is None and not trainer.sanity_checking:
            self._predict(trainer, pl_module)

    def _predict(self, trainer: Any, pl_module: Any) -> None:
        entry = self._recorder.predict(trainer.global_step, self._model(pl_module))
        # the same number in every process, so there is nothing to average
        values = self._recorder.values(entry)
        self.log_dict(values, sync_dist=False)
        if trainer.is_global_zero:
            journal = Path(trainer.default_root_dir) / FILE
            record(entry, journal, self._recorder.loggers, values)
