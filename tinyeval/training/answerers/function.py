"""Answers of a function of the user's own, ``MODULE:FUNCTION``."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyeval.errors import TinyEvalError, reason
from tinyeval.registry import load_outside
from tinyeval.training.answerers.base import Answerer, Part
from tinyeval.training.answerers.files import fingerprint
from tinyeval.training.items import Item, collect_scores
from tinyeval.training.quick_eval import Answer


@dataclass(frozen=True)
class FunctionAnswerer(Answerer):
    """Asks a function: ``function(items, model)``, or ``function(items)`` without a model.

    Attributes:
        function: the answering function.
        place: ``MODULE:FUNCTION``, for messages.
    """

    function: Answer
    place: str
    needs_content = False

    @classmethod
    def named(cls, place: str, folder: Path | None = None) -> FunctionAnswerer:
        """Return the function that ``MODULE:FUNCTION`` names; runs the module's code.

        Args:
            place: module and function.
            folder: another folder to import modules from.

        Raises:
            ConfigError: a malformed name, no such module or function, or something not callable.
        """
        return cls(load_outside(place, "evals:answer", folder), place)

    def answer(self, items: Sequence[Item], model: Any) -> Iterator[Part]:
        """Yield all scores at once; items that got none are left out.

        Raises:
            TinyEvalError: the function raised an exception, which is its cause.
        """
        try:
            given = self.function(items) if model is None else self.function(items, as_path(model))
        except TinyEvalError:
            raise
        except (Exception, SystemExit) as error:  # a user's own code may raise anything
            told = f"{self.place} raised {reason(error)}; --debug shows where"
            raise TinyEvalError(told) from error
        yield {
            item: score
            for item, score in collect_scores(items, given).items()
            if score is not None and score == score  # a missing answer is None or NaN
        }

    def identity(self, model: Any) -> dict[str, Any]:
        """Return the function's place, the text of its module, and the files of a folder."""
        return {"function": self.place, "source": _source(self.function), "model": seen(model)}

    def name(self, model: Any) -> str:
        """Return the model's name, or that of the function."""
        return self.place if model is None else super().name(model)


def as_path(model: Any) -> Any:
    """Return the path of a model that lies in a file or folder here, else the model as it is."""
    return Path(model) if isinstance(model, str) and Path(model).exists() else model


def seen(model: Any) -> Any:
    """Return what identifies a model: the files of a path, else its name."""
    path = as_path(model)
    if isinstance(path, Path):
        return fingerprint(path)
    return None if model is None else str(model)


def _source(function: Answer) -> str:
    """Return the digest of the module that holds a function; empty if there is no file."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(function))
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    except (TypeError, OSError):  # an object that can be called, or a function from no file
        return ""
