"""Quick evaluation in ``transformers.Trainer``.

    trainer.add_callback(TransformersCallback(trainer, quick, every=500))

The predicted score and its bounds are logged beside the trainer's loss.  When it evaluates, they
are also metrics, so that ``metric_for_best_model="tinyeval/<bank>/score"`` and early stopping
work on the predicted score.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tinyeval.training.journal import FILE, Entry
from tinyeval.training.loggers import Logger
from tinyeval.training.quick_eval import QuickEval
from tinyeval.training.recording import Recorder, record


class TransformersCallback(TrainerCallback):  # type: ignore[misc]
    """Predicts the full score while a ``transformers.Trainer`` trains.

    Predictions are also appended to ``predictions.jsonl`` in the trainer's output folder.
    """

    def __init__(
        self,
        trainer: Any,
        quick: QuickEval,
        *,
        every: int | None = None,
        loggers: Sequence[Logger] = (),
        also: Sequence[str] = (),
    ) -> None:
        """Make a callback, to be added to the trainer.

        Args:
            trainer: trainer whose log gets the predictions.
            quick: bank and answering function, which takes the items and the model in training.
            every: steps between two predictions; None: only when the trainer evaluates.
            loggers: loggers in addition to the trainer's own ``report_to``.
            also: values to log beside score, bounds, flags and seconds: ``ability``,
                ``benchmarks``, ``n_answered``.

        Raises:
            ConfigError: ``every`` is less than one, or an unknown value.
        """
        self.trainer = trainer
        self._recorder = Recorder(quick, every, loggers, also)
        self._training = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note that training runs: from now on each step has one set of weights."""
        self._training = True

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Forget the last prediction: the best checkpoint may have been loaded since."""
        self._training = False
        self._recorder.last = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Predict and log every ``every`` steps."""
        if self._recorder.is_due(state.global_step):
            self._predict(args, state, control, kwargs["model"])

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any
    ) -> None:
        """Add the prediction to the metrics by which the trainer chooses the best checkpoint."""
        entry = self._recorder.last
        if entry is None or self._recorder.is_new(state.global_step) or not self._training:
            entry = self._predict(args, state, control, kwargs["model"])
        metrics |= {f"eval_{name}": one for name, one in self._recorder.values(entry).items()}

    def _predict(self, args: Any, state: Any, control: Any, model: Any) -> Entry:
        entry = self._recorder.predict(state.global_step, model)
        if self._training:
            # this call marks the trainer's own log of the step as done, although it is not
            logs = control.should_log
            values = self._recorder.values(entry)
            self.trainer.log(values)
            control.should_log = logs
            if state.is_world_process_zero:
                journal = Path(args.output_dir) / FILE
                record(entry, journal, self._recorder.loggers, values)
        return entry
