"""How long a sweep of the fit takes at least, on a machine of known limits.

A sweep passes twice over the answers (items, then abilities).  Each pass reads them, computes as
many logits and sigmoids, and multiplies residuals and weights with the other side's factors and
with their pairwise products.
"""

from __future__ import annotations

PASSES = 2
"""Passes over the answers in a sweep."""

BYTES = 4
"""Of an answer as the fit holds it; answers with gaps are read with a mask of the same size."""


def bound(cells: int, gaps: bool, dimensions: int, limits: dict[str, float]) -> dict[str, float]:
    """Seconds that a sweep needs at least, by what limits it."""
    dims, factors = dimensions, dimensions + 1
    seconds = {
        "reading": PASSES * BYTES * (2 if gaps else 1) / max(limits["read"], limits["copy"]),
        "sigmoids": PASSES / limits["sigmoid"],
        "products": PASSES * 2 * dims / limits["logits"]
        + 2 * (dims + factors) / limits["gradients"]
        + 2 * (pairs(dims) + pairs(factors)) / limits["hessians"],
    }
    return {name: cells * each for name, each in seconds.items()}


def pairs(n: int) -> int:
    """Different pairs of ``n`` factors, one of each with itself included."""
    return n * (n + 1) // 2
