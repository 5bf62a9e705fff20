"""A mark that may know its soft score: a number like any other."""

from __future__ import annotations

import math


class Mark(float):
    """The mark of an answer, and the probability that the model gave to the right answer.

    Attributes:
        soft: that probability, from 0 to 1; NaN where it is not known.

    Example:
        >>> from tinyeval.asking.mark import Mark
        >>> one = Mark(1.0, soft=0.75)
        >>> one == 1, one.soft
        (True, 0.75)
    """

    soft: float

    def __new__(cls, mark: float, soft: float = math.nan) -> Mark:
        """Return a mark with its soft score."""
        made = super().__new__(cls, mark)
        made.soft = float(soft)
        return made

    def __reduce__(self) -> tuple[type[Mark], tuple[float, float]]:
        return Mark, (float(self), self.soft)


def soft_of(mark: object) -> float:
    """Return the soft score of a mark, NaN for a plain number.

    Example:
        >>> soft_of(1.0)
        nan
    """
    return mark.soft if isinstance(mark, Mark) else math.nan
