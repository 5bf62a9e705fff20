"""The true score of a model that answered more than the anchors: the mean that is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tinyeval.errors import DataError
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table
from tinyeval.targets import Targets, make_targets

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank


def true_scores(bank: ItemBank, scores: Mapping[str, float]) -> dict[str, float]:
    """Return target -> score over the answered items, weighted as the bank weights them.

    Args:
        bank: the bank.
        scores: item -> score of one model.

    Returns:
        ``overall``, and each benchmark of several of which an item is answered.

    Raises:
        DataError: the bank predicts scores that are known from elsewhere.

    Example:
        >>> from tinyeval.training.true_scores import true_scores
        >>> answers = {item: k % 2 for k, item in enumerate(bank.items.ids)}
        >>> round(true_scores(bank, answers)["overall"], 3)
        0.5
    """
    targets = _targets(bank)
    ids = bank.items.ids
    answered = np.array([one in scores for one in ids])
    marks = np.array([scores.get(one, 0.0) for one in ids])
    found = {}
    for name, weights in zip(targets.names, targets.weights, strict=True):
        total = weights[answered].sum()
        if total > 0:
            found[name] = float(weights @ marks / total)
    return found


def check_means(bank: ItemBank) -> None:
    """Raise :class:`DataError` unless a bank predicts means over its items."""
    target = bank.settings["target"]
    if target.get("column") or target.get("columns"):
        raise DataError(
            "the bank predicts scores that a table of models gave, not means over items: there is "
            "no true score to compute from answers; leave out --full"
        )


def _targets(bank: ItemBank) -> Targets:
    check_means(bank)
    target = bank.settings["target"]
    nobody = np.full((1, len(bank.items)), np.nan, dtype=np.float32)
    return make_targets(
        ResponseMatrix(nobody, Table(("nobody",)), bank.items),
        benchmark_weights=target.get("benchmark_weights", "items"),
        average=target.get("average", "items"),
    )
