"""Answers as Python mappings, ``{item: score}`` for one model or several, turned into a matrix."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.asking.mark import Mark, soft_of
from tinyeval.errors import DataError, examples
from tinyeval.errors.arguments import wrong_type
from tinyeval.importers import ItemKey, read_results
from tinyeval.importers.in_memory import UNNAMED, are_paths
from tinyeval.importers.lookalikes import suggest
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table

Answers = Mapping[str, float]

ACCEPTED = (
    "{item: score}, {model: {item: score}}, a ResponseMatrix, a pandas Series or "
    "DataFrame, a list of records, or the path of a file or folder"
)

MODEL = "model"
"""Name of a single model whose answers do not name it."""

NUMBERS = (bool, int, float, np.number, np.bool_)


def read_answers(
    answers: object, items: Sequence[str] = (), item_key: ItemKey | None = None
) -> tuple[ResponseMatrix, bool]:
    """Return answers as a matrix, and True if they are those of a single, unnamed model.

    Args:
        answers: mappings, a matrix, a pandas Series, or what the importers read.
        items: ids of the bank's items, by which a frame with items in its rows is recognised.
        item_key: how logged documents give item ids.

    Raises:
        DataError: answers of another form, no answers, or a score that is not a number.
    """
    if isinstance(answers, ResponseMatrix):
        return answers, False
    if not isinstance(answers, Mapping):
        return _imported(answers, items, item_key)
    kinds = {kind for kind in set(map(type, answers.values())) if issubclass(kind, Mapping)}
    # by type: an isinstance check of every value would take most of the time
    named: dict[str, Any] = {key: one for key, one in answers.items() if type(one) in kinds}
    single: dict[str, Any] = {key: one for key, one in answers.items() if type(one) not in kinds}
    if named and single:
        raise DataError(
            f"answers mix models ({examples(named)}) and items ({examples(single)}); give "
            "{item: score} of one model, or {model: {item: score}}"
        )
    if named:
        return _as_matrix(named), False
    return _as_matrix({MODEL: single}), True


def _imported(
    answers: Any, items: Sequence[str], item_key: ItemKey | None
) -> tuple[ResponseMatrix, bool]:
    """Read answers that are no mapping; the model is single where they do not name it."""
    pandas = type(answers).__module__.partition(".")[0] == "pandas"
    if pandas and hasattr(answers, "to_frame") and answers.index.nlevels == 1:
        named = isinstance(answers.name, str) and answers.name != "score"
        scores = {str(item): one for item, one in answers.items() if one == one}  # not NaN
        return _as_matrix({answers.name if named else MODEL: scores}), True
    if pandas and _has_items_in_rows(answers, frozenset(items)):
        answers = answers.T
    if not (are_paths(answers) and answers) and not _is_table(answers):
        raise DataError(wrong_type("the answers", ACCEPTED, answers))
    matrix = read_results(answers, partial=True, item_key=item_key)
    if matrix.models.ids != (UNNAMED,):
        return matrix, False
    return replace(matrix, models=Table((MODEL,))), True


def _is_table(answers: Any) -> bool:
    """Say whether the importers may know the form; numbers alone do not say what they are of."""
    if isinstance(answers, (list, tuple)):
        return bool(answers) and not isinstance(answers[0], NUMBERS)
    return not isinstance(answers, (*NUMBERS, str, bytes, type(None), np.ndarray))


def _has_items_in_rows(answers: Any, items: frozenset[str]) -> bool:
    if not hasattr(answers, "columns") or answers.index.nlevels > 1:
        return False
    rows, columns = (set(map(str, one)) for one in (answers.index, answers.columns))
    return bool(rows & items) and not columns & items


def _as_matrix(answers: Mapping[str, Answers]) -> ResponseMatrix:
    """Put ``{model: {item: score}}`` into a matrix, NaN where a model lacks an item."""
    items = tuple(dict.fromkeys(item for one in answers.values() for item in one))
    if not items:
        raise DataError("no answers were given; expected {item: score}")
    scores, soft = np.full((2, len(answers), len(items)), np.nan)
    position = {item: k for k, item in enumerate(items)}
    for row, (model, one) in enumerate(answers.items()):
        if any(issubclass(kind, (tuple, Mark)) for kind in set(map(type, one.values()))):
            one, known = _apart(model, one)
            soft[row, [position[item] for item in known]] = list(known.values())
        wrong = {kind for kind in set(map(type, one.values())) if not issubclass(kind, NUMBERS)}
        if wrong:
            item, score = next(pair for pair in one.items() if type(pair[1]) in wrong)
            raise DataError(
                f"the score of model {model!r} on item {item!r} must be a number from 0 to 1, "
                f"found {score!r}"
            )
        scores[row, [position[item] for item in one]] = [float(score) for score in one.values()]
    return ResponseMatrix.from_arrays(scores, answers, items, soft=soft)


def _apart(model: str, answers: Answers) -> tuple[Answers, dict[str, float]]:
    """Return item -> score, and item -> soft score where there is one."""
    scores: dict[str, Any] = {}
    soft: dict[str, float] = {}
    for item, one in answers.items():
        pair = one if isinstance(one, tuple) else (one, soft_of(one))
        if len(pair) != 2 or not isinstance(pair[1], NUMBERS):
            raise DataError(
                f"the answer of model {model!r} on item {item!r} must be a score from 0 to 1, or a "
                f"pair of a score and a soft score, found {one!r}"
            )
        scores[item], soft[item] = pair[0], float(pair[1])
    return scores, soft


def check_shared(
    answers: ResponseMatrix, items: Mapping[str, object], anchors: tuple[str, ...]
) -> None:
    """Raise :class:`DataError` unless an answer is to an anchor; warn of ids that are no items.

    Args:
        answers: answers of some models.
        items: the bank's items, by id.
        anchors: ids of its anchors.
    """
    foreign = [one for one in answers.items.ids if one not in items]
    told = _told(foreign, items) if foreign else ""
    if not set(answers.items.ids) & set(anchors):
        told = told or f"they name other items of the benchmark: {examples(answers.items.ids)}"
        raise DataError(
            f"the answers share no item with the bank's {len(anchors)} anchors: {told}; the "
            f"anchors are {examples(anchors)}: run those, or check that both use the same item ids"
        )
    if told:
        warnings.warn(told, stacklevel=4)


def _told(foreign: Sequence[str], items: Mapping[str, object]) -> str:
    meant = suggest(foreign, tuple(items))
    hint = "" if meant is None else f"; did you mean {meant!r}?"
    return f"{len(foreign)} answers name no item of this bank: {examples(foreign)}{hint}"


def who_answered(aligned: NDArray, models: tuple[str, ...], least: int = 1) -> NDArray[np.bool_]:
    """Return which models answered an anchor, and warn of the others.

    Args:
        aligned: answers on the anchors, shape (models, anchors), NaN where unanswered.
        models: ids of the models.
        least: number of models that must have answered; all are returned if fewer did.
    """
    some = ~np.isnan(aligned).all(axis=1)
    if some.sum() < least:
        return np.ones_like(some)
    if not some.all():
        others = [models[k] for k in np.flatnonzero(~some)]
        warnings.warn(
            f"{len(others)} models answered none of the {aligned.shape[1]} anchors and are left "
            f"out: {examples(others)}",
            stacklevel=3,
        )
    return some


def unanswered(answers: ResponseMatrix, anchors: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return model -> its unanswered anchors, for models that have any."""
    asked = np.isfinite(answers.align(anchors))
    return {
        model: tuple(item for item, found in zip(anchors, row, strict=True) if not found)
        for model, row in zip(answers.models.ids, asked, strict=True)
        if not row.all()
    }
