"""Metrics of predicted scores, over test models only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def error_metrics(truth: NDArray, predicted: NDArray) -> dict[str, float]:
    """Return mae, rmse, bias, worst, kendall, spearman and pairs of predicted scores.

    Args:
        truth: true full-benchmark scores, shape (models,).
        predicted: shape (models,).

    Returns:
        Errors in score units; rank correlations (Kendall's tau-b, Spearman's rho) and the share
        of pairs with different true scores that are ordered correctly, NaN below two models.
    """
    error = predicted - truth
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "bias": float(error.mean()),
        "worst": float(np.abs(error).max()),
        **rank_metrics(truth, predicted),
    }


def rank_metrics(truth: NDArray, predicted: NDArray) -> dict[str, float]:
    """Return Kendall's tau-b, Spearman's rho and the share of pairs ordered correctly."""
    from scipy.stats import kendalltau, spearmanr

    one, two = np.triu_indices(len(truth), 1)
    gap, guess = np.sign(truth[one] - truth[two]), np.sign(predicted[one] - predicted[two])
    differ = gap != 0
    ranked = differ.any() and guess.any()  # scipy warns where there is no order
    return {
        "kendall": float(kendalltau(truth, predicted).statistic) if ranked else np.nan,
        "spearman": float(spearmanr(truth, predicted).statistic) if ranked else np.nan,
        "pairs": float((gap == guess)[differ].mean()) if differ.any() else np.nan,
    }


def interval_metrics(truth: NDArray, lower: NDArray, upper: NDArray) -> dict[str, float]:
    """Return the share of intervals that contain the truth, and their mean width.

    Args:
        truth: shape (models,).
        lower, upper: ends of the intervals, shape (models,) or (draws, models).
    """
    inside = (lower <= truth + 1e-9) & (truth - 1e-9 <= upper)
    return {"coverage": float(inside.mean()), "width": float((upper - lower).mean())}
