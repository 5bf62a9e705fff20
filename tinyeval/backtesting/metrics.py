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
    one, two = np.triu_indices(len(truth), 1)
    gap, guess = np.sign(truth[one] - truth[two]), np.sign(predicted[one] - predicted[two])
    untied = np.sqrt(float((gap != 0).sum()) * float((guess != 0).sum()))
    differ = gap != 0
    return {
        "kendall": float((gap * guess).sum() / untied) if untied else np.nan,
        "spearman": _correlation(_ranks(truth), _ranks(predicted)),
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


def _ranks(values: NDArray) -> NDArray:
    """Processes from 0, ties averaged."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    return np.asarray((last - (counts - 1) / 2)[inverse.ravel()])


def _correlation(one: NDArray, two: NDArray) -> float:
    one, two = one - one.mean(), two - two.mean()
    scale = np.sqrt((one**2).sum() * (two**2).sum())
    return float(one @ two / scale) if scale else float("nan")
