"""The selector protocol: history + number of items -> anchors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinyeval.display.records import shortened
from tinyeval.errors import ConfigError, DataError
from tinyeval.errors.arguments import wrong_type
from tinyeval.history import History
from tinyeval.tables import as_ids


@dataclass(frozen=True, repr=False)
class Anchors:
    """The chosen items, best first: the first n of them are themselves a good subset.

    Attributes:
        items: ids of the chosen items.
        weights: shape (anchors,), not negative, sum 1; ``weights @ answers`` is the selector's own
            estimate of the overall score.
    """

    items: tuple[str, ...]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", as_ids(self.items, "anchor"))
        weights = np.asarray(self.weights, dtype=np.float64)
        if weights.shape != (len(self.items),):
            raise DataError(
                f"anchors need one weight per item, found {weights.shape} for {len(self.items)}"
            )
        if not np.isfinite(weights).all() or (weights < 0).any() or abs(weights.sum() - 1) > 1e-6:
            raise DataError("anchor weights must be finite, not negative, and sum to 1")
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the items, best first."""
        return iter(self.items)

    def __repr__(self) -> str:
        first = ", ".join(repr(shortened(one)) for one in self.items[:3])
        return f"Anchors({len(self)} items: {first}{', ...' if len(self) > 3 else ''})"

    def head(self, n: int) -> Anchors:
        """Return the first ``n`` anchors, their weights rescaled to sum to 1."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
            raise DataError(wrong_type("the number of anchors", "a whole number", n))
        if not 1 <= n <= len(self):
            raise DataError(f"expected between 1 and {len(self)} anchors, found {n}")
        return self if n == len(self) else Anchors(self.items[:n], scaled(self.weights[:n]))


class Selector(Protocol):
    """Chooses ``n`` items of a history; the same ``rng`` gives the same anchors.

    Options of a selector are keyword arguments with defaults, set under ``selection.options`` of a
    recipe.  A selector that handles costs and quotas itself has a keyword ``budget``, a
    :class:`~tinyeval.selection.budget.Budget`; for other selectors
    :mod:`tinyeval.selection.choose` handles them.
    """

    def __call__(self, history: History, n: int, *, rng: np.random.Generator) -> Anchors: ...


def check_budget(history: History, n: int) -> None:
    """Raise :class:`ConfigError` unless 1 <= n <= items of the benchmark."""
    if not 1 <= n <= history.responses.n_items:
        raise ConfigError(
            f"{n} items were asked for, but the benchmark has {history.responses.n_items}; "
            "ask for at least 1 and at most that many"
        )


def equal_weights(items: tuple[str, ...]) -> Anchors:
    """Return anchors of equal weight."""
    return Anchors(items, np.full(len(items), 1.0 / len(items)))


def scaled(weights: NDArray) -> NDArray[np.float64]:
    """Scale weights to sum 1; weights that are all 0 become equal."""
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1.0 / max(len(weights), 1))
