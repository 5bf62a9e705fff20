"""How many runs a score is the mean of, where the files do not say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyeval.compute.row_blocks import slabs
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.audit.sample import spread
from tinyeval.responses import ResponseMatrix

MOST_TRIALS = 65_535

MOST_GUESSED = 10
"""Largest number of runs that scores are recognised as means of."""

LEAST_SHARE = 0.02
"""Smallest share of the scores that must lie between 0 and 1."""

MODELS = 500
"""Number of models that are looked at."""

ROUNDED = 0.006
"""Largest difference of a score, rounded to two digits, from the mean that it is."""


def with_trials(responses: ResponseMatrix, trials: int | None) -> ResponseMatrix:
    """Return results whose every score is the mean of ``trials`` runs; None: as they are.

    Raises:
        ConfigError: not a number of runs, or the results say themselves how many there were.
        DataError: a score that is no share of that many runs.

    Example:
        >>> from tinyeval.importers.runcounts import with_trials
        >>> with_trials(responses, 3).usual_trials
        3
    """
    if trials is None:
        return responses
    if isinstance(trials, bool) or not isinstance(trials, (int, np.integer)):
        raise ConfigError(f"trials must be a whole number of runs, found {trials!r}")
    if not 1 <= trials <= MOST_TRIALS:
        raise ConfigError(f"trials must lie from 1 to {MOST_TRIALS:,}, found {trials}")
    if responses.trials is not None:
        raise ConfigError(
            f"the results say themselves how many runs a score is the mean of (usually "
            f"{responses.usual_trials}); leave out --trials"
        )
    counts = np.zeros(responses.scores.shape, dtype=np.uint16)
    for cut in slabs(counts.shape):
        scores = responses.scores[cut]
        counts[cut] = np.where(np.isnan(scores), 0, trials)
        bad = np.abs(scores * trials - np.rint(scores * trials)) > max(ROUNDED * trials, 1e-3)
        if bad.any():
            row, column = (int(k[0]) for k in np.nonzero(bad))
            raise DataError(
                f"the score {scores[row, column]:g} of model "
                f"{responses.models.ids[cut.start + row]!r} on item "
                f"{responses.items.ids[column]!r} is no share of {trials} runs that are right or "
                "wrong; check the number, or give it by score in a column of trials"
            )
    return replace(responses, trials=counts)


def recognised_means(responses: ResponseMatrix) -> int | None:
    """Return the number of runs that the scores look like means of, if nothing says how many.

    Example:
        >>> from tinyeval.importers.runcounts import recognised_means
        >>> recognised_means(responses) is None  # every answer is right or wrong
        True
        >>> fifths = ResponseMatrix.from_arrays([[0.2, 1, 0.6]], ["a"], ["x", "y", "z"])
        >>> recognised_means(fifths)
        5
    """
    if responses.trials is not None:
        return None
    some = responses.scores[spread(responses.n_models, MODELS)]
    between = some[(some > 0) & (some < 1)]
    if between.size < LEAST_SHARE * max((~np.isnan(some)).sum(), 1):
        return None
    for n in range(2, MOST_GUESSED + 1):
        if (np.abs(between * n - np.rint(between * n)) <= ROUNDED * n).all():
            return n
    return None


def doubts_about_means(responses: ResponseMatrix) -> list[str]:
    """Return a line if the scores look like means of several runs, and nothing says so."""
    runs = recognised_means(responses)
    if runs is None:
        return []
    return [
        f"doubt: the scores are multiples of 1/{runs}; if they are means of {runs} runs, say "
        f"--trials {runs}: intervals of models that run once are too narrow otherwise"
    ]
