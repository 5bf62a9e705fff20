"""Loggers of predictions: TensorBoard, Weights & Biases, MLflow.

A logger has one method, ``log(step, values)``.  All three services group the logged names into
panels: ``tinyeval/<bank>/score``, ``/lower``, ``/upper`` ...  Each library is imported when its
logger is created.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tinyeval.errors import ConfigError
from tinyeval.prediction import Prediction
from tinyeval.training.optional import load

PREFIX = "tinyeval"

ALSO = ("ability", "benchmarks", "n_answered")
"""Values that are logged if asked for: a bank may have dozens of them."""


class Logger(Protocol):
    """Logs named numbers of a step."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of a step."""
        ...


def log_name(bank: str, value: str) -> str:
    """Return the name under which a value is logged."""
    return f"{PREFIX}/{_plain(bank)}/{value}"


def log_values(
    bank: str, prediction: Prediction, *, seconds: float | None = None, also: Sequence[str] = ()
) -> dict[str, float]:
    """Return a prediction as named numbers: score, bounds, flags, and the seconds it took.

    Args:
        bank: name of the bank.
        prediction: its prediction.
        seconds: that asking and predicting took; None: not known.
        also: more values, of :data:`ALSO`.
    """
    values = {
        "score": prediction.score,
        "lower": prediction.lower,
        "upper": prediction.upper,
        "in_range": float(prediction.in_range),
        "misfit": float(prediction.misfit),
    }
    if seconds is not None:
        values["seconds"] = seconds
    if "n_answered" in also:
        values["n_answered"] = float(prediction.n_answered)
    if "ability" in also:
        single = len(prediction.ability) == 1
        for k, ability in enumerate(prediction.ability, 1):
            values["ability" if single else f"ability_{k}"] = ability
    if "benchmarks" in also:
        for name, one in prediction.benchmarks.items():
            values[f"{_plain(name)}/score"] = one.score
    return {log_name(bank, name): value for name, value in values.items()}


def _plain(name: str) -> str:
    """Replace characters that MLflow refuses, or that would open another panel."""
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII) or "bank"


class TensorBoardLogger:
    """Writes event files; score and interval also appear as one curve with a band."""

    def __init__(self, folder: str | Path) -> None:
        load("tensorboard", "tensorboard")
        self._writer = load("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder))
        self._bands: set[str] = set()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step to disk."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        banks = {name.split("/")[1] for name in values if name.startswith(f"{PREFIX}/")}
        if not banks <= self._bands:
            self._bands |= banks
            parts = ("score", "lower", "upper")
            band = {b: ["Margin", [log_name(b, p) for p in parts]] for b in sorted(self._bands)}
            self._writer.add_custom_scalars({PREFIX: band})
        self._writer.flush()


class WandbLogger:
    """Logs to a run of Weights & Biases: the given one, else the active one, else a new one.

    The step is logged as a value, not as W&B's own step.  W&B's step cannot decrease, but the
    prediction for a checkpoint may arrive when training has moved on.
    """

    def __init__(self, run: Any = None) -> None:
        wandb = load("wandb", "wandb")
        self._run = run or wandb.run or wandb.init(project=PREFIX)
        self._run.define_metric(f"{PREFIX}/step")
        self._run.define_metric(f"{PREFIX}/*", step_metric=f"{PREFIX}/step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values and their step."""
        self._run.log({**values, f"{PREFIX}/step": step})


class MlflowLogger:
    """Logs to a run of MLflow: the one with the given id, else the active one."""

    def __init__(self, run_id: str | None = None) -> None:
        self._mlflow, self._run_id = load("mlflow", "mlflow"), run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of a step."""
        self._mlflow.log_metrics(dict(values), step=step, run_id=self._run_id)


LOGGERS: dict[str, Callable[[Path], Logger]] = {
    "tensorboard": lambda run_dir: TensorBoardLogger(run_dir / PREFIX),
    "wandb": lambda run_dir: WandbLogger(),
    "mlflow": lambda run_dir: MlflowLogger(),
}
"""Name -> function that makes the logger of a run's folder."""


def make_logger(name: str, run_dir: Path) -> Logger:
    """Return the logger of that name.

    Raises:
        ConfigError: an unknown name.
        DependencyError: its library is not installed.
    """
    if name not in LOGGERS:
        raise ConfigError(f"unknown logger {name!r}; known are: {', '.join(LOGGERS)}")
    return LOGGERS[name](run_dir)
