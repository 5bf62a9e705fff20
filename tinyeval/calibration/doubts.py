"""Doubts about a prediction in words, and what to do about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOT_KNOWN = (
    "the number of runs behind these answers is not known, and one is assumed; if they are means "
    "of several runs, say of how many (`--trials N`): the interval gets narrower"
)
NOT_REPEATED = (
    "the answers are means of several runs, but the bank's history was run once and does not know "
    "what that is worth; the interval is that of a single run"
)


def doubts_in_words(
    anchors: int,
    answered: int,
    score: float,
    score_range: NDArray,
    in_range: bool,
    misfit: bool,
) -> list[str]:
    """Return the warnings of a prediction.

    Args:
        anchors, answered: number of the bank's anchors, and of those answered.
        score: predicted overall score.
        score_range: lowest and highest overall score of the source models.
        in_range, misfit: flags of the prediction.
    """
    (low, high), warnings = score_range, []
    if answered < anchors:
        warnings.append(
            f"{anchors - answered} of {anchors} anchors are unanswered; "
            "the interval is wider for it: run them to narrow it"
        )
    if not in_range:
        where = "above" if score > high else "below" if score < low else "unlike"
        what = "those" if where == "unlike" else f"the range ({low:.3f} to {high:.3f}) of those"
        warnings.append(
            f"this model looks {where} {what} the bank was built from; the interval is widened:"
            " run more items, or rebuild the bank with newer models"
        )
    if misfit:
        warnings.append(
            "the answers do not fit the item-response model; the interval is widened: check "
            "the prompt format, the metric, and that each answer belongs to its item"
            + ("" if in_range else "; if all are right, the model is of a new kind")
        )
    return warnings


def doubts_about_runs(
    scores: NDArray, trials: NDArray | None, repeated: bool
) -> NDArray[np.object_]:
    """Return every model's warning about its number of runs, "" where there is none.

    Args:
        scores: answers, shape (models, anchors), NaN where unanswered.
        trials: number of runs of each, of the same shape; None where not known.
        repeated: whether the bank's history was repeated.
    """
    if repeated:
        doubtful = ((scores > 0) & (scores < 1)).any(axis=1) & (trials is None)
        return np.where(doubtful, NOT_KNOWN, "").astype(object)
    several = np.zeros(len(scores), bool) if trials is None else (trials > 1).any(axis=1)
    return np.where(several, NOT_REPEATED, "").astype(object)
