"""Estimators: from answers on the anchors to the targets.  A new one is one file and one line here.

Each entry names a module with a function ``fit_<name>`` (the :class:`Estimator`) and, so that a
bank loads without scikit-learn or torch, a class with ``from_state`` that needs numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

from numpy.typing import NDArray

from tinyeval.errors import ConfigError
from tinyeval.estimators.base import Estimate, Estimator, FittedEstimator


class Entry(NamedTuple):
    """Where an estimator's parts live."""

    module: str
    fit: str
    fitted: str


ESTIMATORS: dict[str, Entry] = {
    "mean": Entry("tinyeval.estimators.means", "fit_mean", "WeightedMean"),
    "weighted_anchors": Entry("tinyeval.estimators.means", "fit_weighted_anchors", "WeightedMean"),
    "p_irt": Entry("tinyeval.estimators.irt_based", "fit_p_irt", "IRTEstimator"),
    "gp_irt": Entry("tinyeval.estimators.irt_based", "fit_gp_irt", "IRTEstimator"),
    "tiny_benchmarks": Entry(
        "tinyeval.estimators.tiny_benchmarks", "fit_tiny_benchmarks", "IRTEstimator"
    ),
    "aipw": Entry("tinyeval.estimators.aipw", "fit_aipw", "AIPW"),
    "score_curve": Entry("tinyeval.estimators.score_curve", "fit_score_curve", "ScoreCurve"),
    "mlp": Entry("tinyeval.estimators.mlp", "fit_mlp", "NetworkEstimator"),
    "ridge": Entry("tinyeval.estimators.regression", "fit_ridge", "LinearEstimator"),
    "kernel_ridge": Entry("tinyeval.estimators.regression", "fit_kernel_ridge", "KernelEstimator"),
    "kriging": Entry("tinyeval.estimators.kriging", "fit_kriging", "Kriging"),
    "shift": Entry("tinyeval.estimators.shift", "fit_shift", "ShiftEstimator"),
    "stack": Entry("tinyeval.estimators.stack", "fit_stack", "Stack"),
}


def _entry(name: str) -> Entry:
    if name not in ESTIMATORS:
        raise ConfigError(f"unknown estimator {name!r}; known are: {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name]


def get_estimator(name: str) -> Estimator:
    """Return the fitting function of that name, or raise :class:`ConfigError`."""
    entry = _entry(name)
    return getattr(import_module(entry.module), entry.fit)


def load_estimator(name: str, state: Mapping[str, NDArray]) -> FittedEstimator:
    """Rebuild a fitted estimator from its saved arrays, with numpy only."""
    entry = _entry(name)
    return getattr(import_module(entry.module), entry.fitted).from_state(state)


__all__ = [
    "ESTIMATORS",
    "Estimate",
    "Estimator",
    "FittedEstimator",
    "get_estimator",
    "load_estimator",
]
