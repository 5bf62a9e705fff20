"""Answers of a model on an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.training.answerers.base import Answerer, Part
from tinyeval.training.items import Item
from tinyeval.training.runners.endpoint import Endpoint

MODEL = "{model}"
"""Stands for the name of a checkpoint in the name of a model on a server."""


@dataclass(frozen=True)
class ServerAnswerer(Answerer):
    """Asks a server with :class:`~tinyeval.training.Endpoint`.

    Attributes:
        endpoint: the server, and how it is asked.
        template: name of the model on the server, in which ``{model}`` stands for the checkpoint.
    """

    endpoint: Endpoint
    template: str = MODEL

    def check(self, items: Sequence[Item], model: Any) -> str:
        """Raise if the items cannot be asked through this interface and marked."""
        return self.endpoint.check(items)

    def answer(self, items: Sequence[Item], model: Any) -> Iterator[Part]:
        """Yield the score of each item when its answer comes."""
        yield from self.endpoint.answers(items, self._named(model))

    def identity(self, model: Any) -> dict[str, Any]:
        """Return address and name of the model, and what requests ask for."""
        return {"server": self.endpoint.url, "model": self._named(model), **self.endpoint.asked()}

    def name(self, model: Any) -> str:
        """Return the model's name on the server."""
        return self._named(model)

    def _named(self, model: Any) -> str:
        one = model.name if isinstance(model, Path) else str(model)
        return self.template.replace(MODEL, one)
