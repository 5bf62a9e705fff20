"""A full-benchmark score for a checkpoint, from its answers on the anchors alone.

    quick = QuickEval(bank, CausalLM(tokenizer))
    prediction = quick.run(model)

The answering function takes the items and, if ``run`` was given one, the model.  It returns a score
from 0 to 1 for each item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tinyeval.bank.item_bank import ItemBank
from tinyeval.errors import ConfigError, DataError
from tinyeval.prediction import Prediction
from tinyeval.training.items import Item, collect_scores
from tinyeval.training.restore_state import same_modes, same_randomness
from tinyeval.training.stages import ask_stages, first_items

Scores = Sequence[float] | Mapping[str, float]
Answer = Callable[..., Scores]
"""``answer(items)`` or ``answer(items, model)``: scores in [0, 1], in order or by item id."""


@dataclass(frozen=True, init=False)
class QuickEval:
    """A bank and the function that answers its anchors.

    A bank with a continuation is asked in two stages: the answering function is then called twice,
    with the first block and with the form that its answers choose.

    Attributes:
        bank: the item bank.
        answer: called with the items, and the model if there is one.
        level: level of the intervals; None: the bank's own.

    Example:
        >>> from tinyeval.training import QuickEval
        >>> def answer(items, model):  # here a model is how many of the items it solves
        ...     return [k < model for k, _ in enumerate(items)]
        >>> quick = QuickEval(bank, answer)
        >>> quick.run(8).score > quick.run(2).score
        True
    """

    bank: ItemBank
    answer: Answer
    level: float | None = None

    def __init__(
        self,
        bank: ItemBank | str | Path,
        answer: Answer,
        *,
        n_items: int | None = None,
        level: float | None = None,
    ) -> None:
        """Combine a bank with an answering function.

        Args:
            bank: an item bank, or its folder.
            answer: the answering function.
            n_items: ask only the first ``n_items`` anchors, in one stage.
            level: level of the intervals.

        Raises:
            BankError: a folder that is not a valid bank.
            ConfigError: ``answer`` cannot be called, or ``n_items`` exceeds the anchors.
        """
        loaded = bank if isinstance(bank, ItemBank) else ItemBank.load(bank)
        if not callable(answer):
            raise ConfigError(
                f"expected a function answer(items, model), found {type(answer).__name__}"
            )
        if n_items is not None and not 1 <= n_items <= len(loaded.anchors):
            raise ConfigError(f"n_items must lie in 1..{len(loaded.anchors)}, found {n_items}")
        object.__setattr__(self, "bank", loaded if n_items is None else loaded.head(n_items))
        object.__setattr__(self, "answer", answer)
        object.__setattr__(self, "level", level)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The items that are asked first, best first: the anchors, or the first block of them."""
        return first_items(self.bank)

    @cached_property
    def digest(self) -> str:
        """The bank's identity."""
        return self.bank.digest

    def run(self, model: object = None, *, name: str = "model") -> Prediction:
        """Ask the anchors and predict the full score.

        The model's training mode and all random states are restored afterwards.

        Args:
            model: passed to the answering function, if not None: a model in memory, the folder of
                a checkpoint, or anything else that the function accepts.
            name: name of the model in the prediction.

        Raises:
            DataError: answers to other items, or answers that are not numbers from 0 to 1.
        """
        scores = ask_stages(self.bank, lambda items: self.ask(items, model))
        return self.predict(scores, name)

    def ask(self, items: Sequence[Item], model: object = None) -> dict[str, float]:
        """Return item -> score of some items; see :meth:`run`."""
        with same_randomness(), same_modes(model):
            given = self.answer(items) if model is None else self.answer(items, model)
        return collect_scores(items, given)

    def predict(self, scores: Mapping[str, float], name: str = "model") -> Prediction:
        """Return the prediction from item -> score."""
        if not scores:
            raise DataError(f"the answering function returned no score for model {name!r}")
        return self.bank.predict({name: scores}, level=self.level)[0]
