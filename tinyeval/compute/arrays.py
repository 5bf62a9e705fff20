"""Names of array types, and the check of array shapes that fitted parts make at construction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import BankError

Array = NDArray[np.float64]
Index = NDArray[np.intp]

Shape = tuple[int | None, ...]


def check_shapes(what: str, values: object, expected: Mapping[str, Shape]) -> None:
    """Check the shapes of some attributes; no array may be empty.

    Args:
        what: name of the part, for the message.
        values: the object with the attributes.
        expected: attribute name -> shape; None stands for any length.

    Raises:
        BankError: an array of another shape, or an empty one.
    """
    for name, shape in expected.items():
        found = np.shape(getattr(values, name))
        fits = len(found) == len(shape) and all(
            length in (None, n) for n, length in zip(found, shape, strict=True)
        )
        if not fits or 0 in found:
            wanted = ", ".join("any" if length is None else str(length) for length in shape)
            raise BankError(f"{what} {name} has shape {found}, expected ({wanted}), not empty")
