"""Quick evaluation while a model trains: predicted full-benchmark scores within seconds.

    quick = QuickEval(bank, CausalLM(tokenizer))
    trainer.add_callback(TransformersCallback(trainer, quick, every=500))

Names are imported on first use, so that only the training frameworks in use are loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tinyeval.training.optional import load

if TYPE_CHECKING:
    from tinyeval.training.answerers import Answerer as Answerer
    from tinyeval.training.answerers import FunctionAnswerer as FunctionAnswerer
    from tinyeval.training.answerers import HarnessAnswerer as HarnessAnswerer
    from tinyeval.training.answerers import LanguageModel as LanguageModel
    from tinyeval.training.answerers import ServerAnswerer as ServerAnswerer
    from tinyeval.training.evaluating import Asking as Asking
    from tinyeval.training.evaluating import evaluate as evaluate
    from tinyeval.training.items import Item as Item
    from tinyeval.training.items import bank_items as bank_items
    from tinyeval.training.lightning_callback import LightningCallback as LightningCallback
    from tinyeval.training.loggers import MlflowLogger as MlflowLogger
    from tinyeval.training.loggers import TensorBoardLogger as TensorBoardLogger
    from tinyeval.training.loggers import WandbLogger as WandbLogger
    from tinyeval.training.plotting import plot_trajectories as plot_trajectories
    from tinyeval.training.quick_eval import QuickEval as QuickEval
    from tinyeval.training.runners.causal_lm import CausalLM as CausalLM
    from tinyeval.training.runners.causal_lm import causal_lm as causal_lm
    from tinyeval.training.runners.endpoint import Endpoint as Endpoint
    from tinyeval.training.smoothing import smooth as smooth
    from tinyeval.training.trajectory import Trajectory as Trajectory
    from tinyeval.training.trajectory import read_trajectory as read_trajectory
    from tinyeval.training.transformers_callback import TransformersCallback as TransformersCallback
    from tinyeval.training.watching import Watcher as Watcher

_HOME = {
    "Answerer": "answerers",
    "Asking": "evaluating",
    "CausalLM": "runners.causal_lm",
    "Endpoint": "runners.endpoint",
    "FunctionAnswerer": "answerers",
    "HarnessAnswerer": "answerers",
    "Item": "items",
    "LanguageModel": "answerers",
    "LightningCallback": "lightning_callback",
    "MlflowLogger": "loggers",
    "QuickEval": "quick_eval",
    "ServerAnswerer": "answerers",
    "TensorBoardLogger": "loggers",
    "Trajectory": "trajectory",
    "TransformersCallback": "transformers_callback",
    "WandbLogger": "loggers",
    "Watcher": "watching",
    "bank_items": "items",
    "causal_lm": "runners.causal_lm",
    "evaluate": "evaluating",
    "plot_trajectories": "plotting",
    "read_trajectory": "trajectory",
    "smooth": "smoothing",
}

_NEEDS = {
    "LightningCallback": ("lightning", "lightning"),
    "TransformersCallback": ("transformers", "hf"),
}
"""Names whose modules import an optional library, and the extra that installs it."""

__all__ = sorted(_HOME)


def __dir__() -> list[str]:
    return list(__all__)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'tinyeval.training' has no attribute {name!r}")
    if name in _NEEDS:
        load(*_NEEDS[name])
    value = getattr(import_module(f"tinyeval.training.{_HOME[name]}"), name)
    globals()[name] = value
    return value
