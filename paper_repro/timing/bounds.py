"""How long a sweep of the fit takes at least, on a machine of known limits.

A sweep reads the answers once, a block of items at a time, and passes twice over a block (items,
then abilities).  Each pass computes as many logits and sigmoids, and multiplies residuals and
weights with the other side's factors and with their pairwise products.
"""

from __future__ import annotations

PASSES = 2
"""Passes over a block in a sweep."""

BYTES = 1
"""Of an answer as the fit holds it, or of a gap."""


def bound(cells: int, dimensions: int, limits: dict[str, float]) -> dict[str, float]:
    """Seconds that a sweep needs at least, by what limits it."""
    dims, factors = dimensions, dimensions + 1
    seconds = {
        "reading": BYTES / max(limits["read"], limits["copy"]),
        "sigmoids": PASSES / limits["sigmoid"],
        "products": PASSES * 2 * dims / limits["logits"]
        + 2 * (dims + factors) / limits["gradients"]
        + 2 * (pairs(dims) + pairs(factors)) / limits["hessians"],
    }
    return {name: cells * each for name, each in seconds.items()}


def pairs(n: int) -> int:
    """Different pairs of ``n`` factors, one of each with itself included."""
    return n * (n + 1) // 2
