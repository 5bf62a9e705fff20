"""tinyBenchmarks from end to end: gp-IRT, its number of dimensions chosen by the authors' rule.

For each number D of dimensions tried, the item-response model is fitted to four fifths of the
source models.  The abilities of the other models are estimated from every second item, and b(D) is
the mean absolute error of their mean probability on the remaining items.  The smallest D with

    b(D) <= min b + 0.0025

is fitted to all source models, and gp-IRT (``tinyeval.estimators.irt_based``) goes on from that
fit instead of the history's (Maia Polo et al. 2024, "tinyBenchmarks").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyeval.errors import ConfigError
from tinyeval.estimators.irt_based import IRTEstimator, fit_gp_irt, validation_error
from tinyeval.history import History
from tinyeval.selection.base import Anchors

TOLERANCE = 0.0025
"""Largest excess of validation error accepted for fewer dimensions, in score units."""


def fit_tiny_benchmarks(
    history: History,
    anchors: Anchors,
    *,
    rng: np.random.Generator,
    dimensions: Sequence[int] = (5, 10),
) -> IRTEstimator:
    """Fit gp-IRT with the number of dimensions chosen by validation.

    Args:
        history: source models only; only the chance levels of its IRT fit are used.
        anchors: the items that a new model answers.
        rng: draws the source models held out for validation.
        dimensions: numbers to choose from.

    Raises:
        ConfigError: no number of dimensions, or a number below 1.
    """
    seed = int(rng.integers(2**31))
    history = by_published_rule(history, dimensions, seed)
    return fit_gp_irt(history, anchors, rng=np.random.default_rng(seed))


def by_published_rule(history: History, dimensions: Sequence[int], seed: int) -> History:
    """Return the history with the number of dimensions chosen by the authors' rule.

    Args:
        history: source models only.
        dimensions: numbers to choose from.
        seed: seed of the draw of source models held out for validation.

    Raises:
        ConfigError: no number of dimensions, or a number below 1.
    """
    if not dimensions or min(dimensions) < 1:
        raise ConfigError(f"dimensions must be one or more numbers above 0, found {dimensions}")
    tried = [refitted(history, d) for d in sorted(set(dimensions))]
    errors = [validation_error(one, rng=np.random.default_rng(seed))[0] for one in tried]
    return tried[int(np.argmax(np.array(errors) <= min(errors) + TOLERANCE))]


def refitted(history: History, dimensions: int) -> History:
    """Return the history with an item-response model of that number of dimensions."""
    from tinyeval.irt.fit import fit_irt

    guessing = history.fit.model.guessing
    fit = fit_irt(history.responses, dimensions=dimensions, guessing=guessing)
    return replace(history, fit=fit)
