"""tinyeval: score a language model on a whole benchmark from its answers on a few items.

    bank = tinyeval.build(tinyeval.read_results("results.parquet"), items=100)
    prediction = bank.predict({"item-17": 1, "item-3": 0, ...})

Results: `read_results`, `write_results`, `ResponseMatrix`.
Banks: `build`, `load`, `ItemBank`; `Settings` and `load_settings` say how one is built.
Answers: `ItemBank.predict` returns a `Prediction`, `ItemBank.compare` a `Comparison`.
How good is it: `backtest`.  Errors: `TinyEvalError`.  Methods of your own: `register_estimator`.
In training: `tinyeval.training`.

Names are imported on first use, so ``import tinyeval`` is cheap and prediction needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tinyeval.version import __version__

if TYPE_CHECKING:
    from tinyeval.backtesting.backtest import backtest as backtest
    from tinyeval.backtesting.plan import plan as plan
    from tinyeval.backtesting.planned import Plan as Plan
    from tinyeval.bank.item_bank import ItemBank as ItemBank
    from tinyeval.bank.loading import load as load
    from tinyeval.building import build as build
    from tinyeval.comparison import Comparison as Comparison
    from tinyeval.config import Settings as Settings
    from tinyeval.config import load_settings as load_settings
    from tinyeval.errors import TinyEvalError as TinyEvalError
    from tinyeval.estimators import register_estimator as register_estimator
    from tinyeval.importers import read_results as read_results
    from tinyeval.importers import write_results as write_results
    from tinyeval.prediction import Prediction as Prediction
    from tinyeval.responses import ResponseMatrix as ResponseMatrix

_HOME = {
    "Comparison": "comparison",
    "ItemBank": "bank.item_bank",
    "Plan": "backtesting.planned",
    "Prediction": "prediction",
    "ResponseMatrix": "responses",
    "Settings": "config",
    "TinyEvalError": "errors",
    "backtest": "backtesting.backtest",
    "build": "building",
    "load": "bank.loading",
    "load_settings": "config",
    "plan": "backtesting.plan",
    "read_results": "importers",
    "register_estimator": "estimators",
    "write_results": "importers",
}

__all__ = [*sorted(_HOME), "__version__"]


def __dir__() -> list[str]:
    return [*__all__, "training"]


def __getattr__(name: str) -> object:
    if name == "training":
        return import_module("tinyeval.training")
    if name not in _HOME:
        raise AttributeError(f"module 'tinyeval' has no attribute {name!r}")
    value = getattr(import_module(f"tinyeval.{_HOME[name]}"), name)
    globals()[name] = value
    return value
