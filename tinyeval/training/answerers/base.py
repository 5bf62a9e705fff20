"""What every way of answering has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyeval.training.items import Item

Part = Mapping[str, float]
"""Item -> score of some of the items that were asked."""


class Answerer(ABC):
    """A way of answering items: an answering function that says what its answers depend on.

    Attributes:
        needs_content: whether it asks with the bank's content, and not with its own.
    """

    needs_content: bool = True

    @abstractmethod
    def answer(self, items: Sequence[Item], model: Any) -> Iterator[Part]:
        """Yield the scores of the items, in parts, as soon as they are known.

        Args:
            items: the items, at least one.
            model: what :meth:`models` or a run's folder named.
        """

    @abstractmethod
    def identity(self, model: Any) -> dict[str, Any]:
        """Return what the answers depend on beside the items' content, as JSON values.

        Answers that were kept are used again only if this is the same.
        """

    def check(self, items: Sequence[Item], model: Any) -> str:
        """Raise, before anything is asked, if it is known that the items cannot be answered.

        Returns:
            What is doubtful about the answers, in a line; empty if nothing is.
        """
        return ""

    def name(self, model: Any) -> str:
        """Return the name under which a model's answers are kept and predicted.

        A checkpoint, which is a path, is named as in the journal of its run.
        """
        return model.name if isinstance(model, Path) else str(model)

    def __call__(self, items: Sequence[Item], model: Any = None) -> dict[str, float]:
        """Return item -> score of all the items, as :class:`~tinyeval.training.QuickEval` asks."""
        return {item: score for part in self.answer(items, model) for item, score in part.items()}
