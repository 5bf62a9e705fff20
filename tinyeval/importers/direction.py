"""Which way a metric points: scores must be better where they are higher, and lie in [0, 1].

What the harness says of a metric counts first, then what the user says, then its name.  A metric
that is better where it is lower is turned (1 - score) where it lies between 0 and 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.base import Rules
from tinyeval.importers.block import Finding
from tinyeval.importers.scales import stand_for_missing

LOWER = frozenset(
    {"error", "err", "error_rate", "loss", "wer", "cer", "per", "mer", "ter", "brier"}
    | {"brier_score", "perplexity", "ppl", "word_perplexity", "byte_perplexity", "bits_per_byte"}
    | {"bpb", "nll", "mae", "mse", "rmse", "ece", "calibration_error", "cross_entropy", "log_loss"}
    | {"edit_distance", "toxicity", "hallucination_rate", "refusal_error", "mean_error"}
)
"""Names of metrics that are better where they are lower."""

UNBOUNDED = frozenset(
    {"loss", "perplexity", "ppl", "word_perplexity", "byte_perplexity", "bits_per_byte", "bpb"}
    | {"nll", "mae", "mse", "rmse", "cross_entropy", "log_loss", "edit_distance"}
)
"""Those of them that have no worst value, whatever the values at hand are."""


def is_lower_better(metric: str) -> bool:
    """Say whether a metric is known by its name to be better where it is lower.

    >>> [is_lower_better(one) for one in ("brier_score", "WER", "eval/ppl", "exact_match")]
    [True, True, True, False]
    """
    return _plain(metric) in LOWER


def orient(
    marks: NDArray[np.float64],
    metric: str,
    where: str,
    rules: Rules,
    higher: bool | None = None,
    lines: Sequence[int] = (),
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """Return marks as scores between 0 and 1, better where they are higher.

    Args:
        marks: of one metric; NaN is missing.
        metric: its name.
        where: the file, for messages.
        rules: whose ``scale`` and ``direction`` are followed.
        higher: whether the file says that higher is better; None: it does not say.
        lines: of the file, of each mark, for messages.

    Returns:
        The scores, and a finding where they were turned.

    Raises:
        DataError: marks outside [0, 1]; a metric without a worst value.
        ConfigError: the user says otherwise than the file.
    """
    if rules.scale is not None:
        low, high = rules.scale
        marks = (marks - low) / (high - low)
    lower = _is_lower(metric, where, rules, higher)
    if lower and _plain(metric) in UNBOUNDED and rules.scale is None:
        raise DataError(
            f"{where}: metric {metric!r} is better where it is lower and has no worst value, so it "
            "makes no score between 0 and 1; choose another metric"
        )
    bad = ~((marks >= 0) & (marks <= 1) | np.isnan(marks))
    if bad.any():
        first = int(np.argmax(bad))
        place = f"{where}:{lines[first]}" if len(lines) else where
        blank = stand_for_missing(marks[bad]) if rules.scale is None else ""
        said = _outside(float(marks[first]), metric, rules, lower)
        raise DataError(f"{place}: {said}{blank and f'; {blank}'}")
    if not lower:
        return marks, ()
    what = f"scores of {metric!r}, better where lower, were turned into 1 - score"
    return 1 - marks, (Finding("turned", what, int((~np.isnan(marks)).sum())),)


def _plain(metric: str) -> str:
    last = re.split(r"[/:]", metric.partition(",")[0].strip())[-1]
    return re.sub(r"[\s-]+", "_", last.strip()).lower()


def _is_lower(metric: str, where: str, rules: Rules, higher: bool | None) -> bool:
    wanted = rules.direction
    if higher is None:
        return is_lower_better(metric) if wanted is None else wanted == "lower"
    if wanted is not None and (wanted == "higher") != higher:
        raise ConfigError(
            f"{where}: says that metric {metric!r} is better where it is "
            f"{'higher' if higher else 'lower'}, but direction={wanted!r} was given; leave that out"
        )
    return not higher


def _outside(mark: float, metric: str, rules: Rules, lower: bool) -> str:
    if rules.scale is not None:
        low, high = rules.scale
        found = low + mark * (high - low)
        return (
            f"metric {metric!r} is {found:g}, outside the scale {low:g} to {high:g} that was given"
        )
    if lower:
        return (
            f"metric {metric!r} is better where it is lower, and is {mark:g}, so it cannot be "
            "turned into a score between 0 and 1; choose another metric, or give its --scale"
        )
    return (
        f"metric {metric!r} is {mark:g}, outside [0, 1]; choose a metric that marks answers "
        "between 0 and 1, or give its --scale"
    )
