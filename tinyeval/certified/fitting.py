"""Makes a certifier of a history."""

from __future__ import annotations

from tinyeval.certified.certifier import Certifier, check_enough
from tinyeval.certified.expected import expected_scores
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ConfigError
from tinyeval.history import History


def fit_certifier(
    history: History, anchors: tuple[str, ...], *, draws: int, uniform: float
) -> Certifier:
    """Return how items are drawn and scores certified, learned from source models.

    Args:
        history: source models only.
        anchors: ids of the anchors.
        draws: number of items drawn for each model.
        uniform: share of the chances for which only the items' weights count.

    Raises:
        ConfigError: an overall score that is not the mean over the items.
        DataError: more draws than items that are no anchors.
    """
    targets = history.targets
    if targets.external[0]:
        raise ConfigError(
            "--certify: the overall score is a column of the models table, and items drawn from "
            "these results cannot certify it; leave out --target"
        )
    weights = targets.weights[0] / targets.weights[0].sum()
    counts = weights > 0
    counts[history.positions(anchors)] = False
    check_enough(draws, int(counts.sum()))
    return Certifier(
        draws=draws,
        uniform=float(uniform),
        weights=weights,
        expected=expected_scores(item_covariance(history)),
    )
