"""What a bank with a certifier adds: the items drawn for each model, and certified scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tinyeval.certified import Certifier
from tinyeval.certified.drawing import key_of
from tinyeval.compute.arrays import Array, Index
from tinyeval.errors import BankError, DataError, examples
from tinyeval.prediction import Prediction
from tinyeval.responses import ResponseMatrix

NONE = (
    "no items are drawn for the models of this bank: build it with --certify to draw some for each"
)


MODELS_AT_ONCE = 100
"""Models whose answers to all items are held at a time."""


@dataclass(frozen=True, eq=False)
class Certifying:
    """A certifier and the bank that it is of.

    Attributes:
        certifier: draws items and certifies scores.
        items: ids of the bank's items.
        anchors: positions of its anchors.
        digest: its identity, on which the draws depend.
    """

    certifier: Certifier
    items: tuple[str, ...]
    anchors: Index
    digest: str

    def drawn(self, answers: ResponseMatrix) -> dict[str, tuple[str, ...]]:
        """Return model -> the items drawn for it, in the order in which they were drawn.

        Raises:
            DataError: a model that has not answered all anchors.
        """
        found = {}
        for model, scores in self._rows(answers):
            lacking = self._lacking(scores)
            if lacking:
                raise DataError(
                    f"model {model!r} has not answered {lacking} of the bank's "
                    f"{len(self.anchors)} anchors, and what is drawn for it depends on them: run "
                    "those first (`tinyeval export` lists them)"
                )
            found[model] = tuple(self.items[k] for k in self._draw(model, scores))
        return found

    def certified(
        self, predictions: list[Prediction], answers: ResponseMatrix, level: float
    ) -> list[Prediction]:
        """Return predictions with certified scores, or with a warning why there is none.

        Args:
            predictions: of the same models as ``answers``.
            answers: on all items asked.
            level: level of the intervals.
        """
        rows = zip(predictions, self._rows(answers), strict=True)
        return [self._one(prediction, scores, level) for prediction, (_, scores) in rows]

    def _one(self, prediction: Prediction, scores: Array, level: float) -> Prediction:
        lacking = self._lacking(scores)
        if lacking:
            why = f"{lacking} anchors are unanswered, and what is drawn depends on them"
            return _without(prediction, why)
        drawn = self._draw(prediction.model, scores)
        unasked = [self.items[k] for k in drawn if np.isnan(scores[k])]
        if unasked:
            why = f"{len(unasked)} of the {len(drawn)} items drawn for this model are unanswered"
            return _without(prediction, f"{why} ({examples(unasked)}); --drawn lists them")
        found = self.certifier.certify(self.anchors, drawn, scores, level)
        return replace(prediction, certified=found)

    def _lacking(self, scores: Array) -> int:
        return int(np.isnan(scores[self.anchors]).sum())

    def _draw(self, model: str, scores: Array) -> Index:
        key = key_of(self.digest, model)
        return self.certifier.draw(self.anchors, scores[self.anchors], key)

    def _rows(self, answers: ResponseMatrix) -> Iterator[tuple[str, Array]]:
        """Yield each model and its scores on all items of the bank."""
        for start in range(0, answers.n_models, MODELS_AT_ONCE):
            some = answers.take(np.arange(start, min(start + MODELS_AT_ONCE, answers.n_models)))
            for model, scores in zip(some.models.ids, some.align(self.items), strict=True):
                yield model, scores.astype(np.float64)


def _without(prediction: Prediction, why: str) -> Prediction:
    return replace(prediction, warnings=(*prediction.warnings, f"no certified score: {why}"))


def needed(found: Certifying | None) -> Certifying:
    """Return it; raise :class:`BankError` for a bank without a certifier."""
    if found is None:
        raise BankError(NONE)
    return found
