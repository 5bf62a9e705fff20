"""Estimators predict the targets from answers on the anchors.

A new estimator is one file and one line here.  The line names a function (the :class:`Estimator`)
and a class in the same module whose ``from_state`` needs numpy only, so that a bank loads without
scikit-learn or torch.
"""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import NDArray

from tinyeval.estimators.base import Estimate, Estimator, FittedEstimator
from tinyeval.estimators.outside import load_registered, outside_estimator, register_estimator
from tinyeval.registry import Method, is_outside, own_method

ESTIMATORS: dict[str, Method] = {
    "mean": Method(
        "tinyeval.estimators.means:fit_mean",
        "mean of the answers",
        ("cochran1977",),
        fitted="WeightedMean",
    ),
    "weighted_anchors": Method(
        "tinyeval.estimators.means:fit_weighted_anchors",
        "mean of the answers, weighted as the selector says",
        ("maiapolo2024",),
        fitted="WeightedMean",
    ),
    "p_irt": Method(
        "tinyeval.estimators.irt_based:fit_p_irt",
        "answers where given, IRT expectations elsewhere",
        ("maiapolo2024",),
        fitted="IRTEstimator",
    ),
    "gp_irt": Method(
        "tinyeval.estimators.irt_based:fit_gp_irt",
        "p_irt blended with weighted_anchors",
        ("maiapolo2024",),
        fitted="IRTEstimator",
    ),
    "tiny_benchmarks": Method(
        "tinyeval.estimators.tiny_benchmarks:fit_tiny_benchmarks",
        "gp_irt whose number of dimensions is chosen by validation",
        ("maiapolo2024",),
        fitted="IRTEstimator",
    ),
    "aipw": Method(
        "tinyeval.estimators.aipw:fit_aipw",
        "regression over items on the model's own answers, with residual correction",
        ("zhang2025",),
        fitted="AIPW",
    ),
    "score_curve": Method(
        "tinyeval.estimators.score_curve:fit_score_curve",
        "smooth function of ability and mean answer (metabench)",
        ("kipnis2025",),
        fitted="ScoreCurve",
    ),
    "mlp": Method(
        "tinyeval.estimators.mlp:fit_mlp",
        "neural networks from the answers to the score (SparseEval)",
        ("zhang2026",),
        fitted="NetworkEstimator",
    ),
    "ridge": Method(
        "tinyeval.estimators.regression:fit_ridge",
        "ridge regression of the score on the answers",
        ("hoerl1970",),
        fitted="LinearEstimator",
    ),
    "kernel_ridge": Method(
        "tinyeval.estimators.regression:fit_kernel_ridge",
        "kernel ridge regression of degree 2",
        ("saunders1998",),
        fitted="KernelEstimator",
    ),
    "kriging": Method(
        "tinyeval.estimators.kriging:fit_kriging",
        "best linear predictor, averaged over sizes of drift",
        ("goldberger1962",),
        fitted="Kriging",
    ),
    "shift": Method(
        "tinyeval.estimators.shift:fit_shift",
        "item difficulties from the history, one free parameter per model",
        ("rasch1960",),
        fitted="ShiftEstimator",
    ),
    "stack": Method(
        "tinyeval.estimators.stack:fit_stack",
        "kriging and kernel_ridge within the range, kriging and shift beyond it",
        ("goldberger1962", "rasch1960"),
        fitted="Stack",
    ),
}


def get_estimator(name: str) -> Estimator:
    """Return the fitting function of that name, or the function that ``MODULE:FUNCTION`` names.

    Raises:
        ConfigError: an unknown name, or a function that cannot be imported or used.
    """
    if is_outside(name):
        return outside_estimator(name)
    return own_method(name, ESTIMATORS, "estimator").load()


def load_estimator(name: str, state: Mapping[str, NDArray]) -> FittedEstimator:
    """Rebuild a fitted estimator from its saved arrays, with numpy only.

    Raises:
        ConfigError: an unknown name.
        UnregisteredError: a ``MODULE:FUNCTION`` that the caller has not registered; nothing is
            imported.
    """
    if is_outside(name):
        return load_registered(name, state)
    return own_method(name, ESTIMATORS, "estimator").load_fitted().from_state(state)


__all__ = [
    "ESTIMATORS",
    "Estimate",
    "Estimator",
    "FittedEstimator",
    "get_estimator",
    "load_estimator",
    "register_estimator",
]
