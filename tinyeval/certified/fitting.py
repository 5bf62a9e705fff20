"""Makes a certifier of a history."""

from __future__ import annotations

from tinyeval.certified.certifier import Certifier, check_enough
from tinyeval.certified.expected import expected_scores
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ConfigError
from tinyeval.history import History
from tinyeval.targets import Targets


def check_certifiable(targets: Targets, draws: int, anchors: int) -> None:
    """Raise unless items that are drawn can certify the overall score.

    Args:
        targets: definitions of the targets.
        draws: number of items drawn for each model.
        anchors: number of anchors.

    Raises:
        ConfigError: an overall score that is not the mean over the items.
        DataError: more draws than items that are no anchors.
    """
    if targets.external[0]:
        raise ConfigError(
            "the overall score is a column of the models table, which items drawn at random cannot "
            "certify: leave out --certify, or --target"
        )
    counted = int((targets.weights[0] > 0).sum())
    others = targets.weights.shape[1] - counted  # anchors may be among these
    check_enough(draws, max(0, counted - max(0, anchors - others)))


def fit_certifier(history: History, *, draws: int, uniform: float) -> Certifier:
    """Return how items are drawn and scores certified, learned from source models.

    Args:
        history: source models only.
        draws: number of items drawn for each model.
        uniform: share of the chances for which only the items' weights count.
    """
    weights = history.targets.weights[0] / history.targets.weights[0].sum()
    return Certifier(
        draws=draws,
        uniform=float(uniform),
        weights=weights,
        expected=expected_scores(item_covariance(history)),
    )
