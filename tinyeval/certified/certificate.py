"""The result: a score whose interval needs no likeness of models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Certificate:
    """The certified overall score of a model.

    Attributes:
        score: estimate of the overall score, which favours no kind of model.
        lower, upper: its interval by Student's t: the draws must be enough for a mean that is near
            normal.
        sure_lower, sure_upper: a wider interval, which holds at any number of draws.
        level: probability, over draws, with which either contains the score of a full run.
        n_drawn: number of items that were drawn and answered, beside the anchors.

    Example:
        >>> from tinyeval.certified import Certificate
        >>> one = Certificate(0.52, 0.47, 0.57, 0.41, 0.62, 0.9, 100)
        >>> print(one)
        0.520 (0.470 to 0.570)
    """

    score: float
    lower: float
    upper: float
    sure_lower: float
    sure_upper: float
    level: float
    n_drawn: int

    def __str__(self) -> str:
        return f"{self.score:.3f} ({self.lower:.3f} to {self.upper:.3f})"
