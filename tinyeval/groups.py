"""Models that are alike: checkpoints of a run, sizes of a family, fine-tunes of a base model.

A model predicted from its own siblings is predicted better than a new one will be.  Where a column
of the models table names groups, held-out models are therefore taken with their whole group.  A
model whose group is unknown, and every model where no column is named, is a group of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, examples
from tinyeval.tables import Table

MIN_GROUPS = 5
"""Groups that calibration by groups needs, as it needs five models."""

NAMED = "group "

Mask = NDArray[np.bool_]


def check_groups(models: Table, column: str | None) -> None:
    """Raise :class:`ConfigError` unless a column names MIN_GROUPS groups of models, or is None."""
    if column is None:
        return
    if column not in models.columns:
        known = ", ".join(sorted(models.columns)) or "none"
        raise ConfigError(
            f"interval.groups: the models table has no column {column!r}; its columns are: {known}"
        )
    found = sorted(set(_names(models, column)))
    named = [one.removeprefix(NAMED) for one in found if one.startswith(NAMED)]
    if len(found) < MIN_GROUPS or not named:
        raise ConfigError(
            f"interval.groups: calibration needs at least {MIN_GROUPS} groups of models, found "
            f"{len(named)} in the column {column!r}: {examples(named) or 'it is empty'}; name "
            "another column, add models, or leave the setting out"
        )


def number_groups(models: Table, column: str | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the number of each model's group; groups are numbered in a random order.

    Args:
        models: one row per model, in the order of their ids.
        column: of ``models``; None: every model is a group of its own.
        rng: draws the order.
    """
    if column is None:
        return rng.permutation(len(models))
    names, which = np.unique(_names(models, column), return_inverse=True)
    return rng.permutation(len(names))[which.ravel()]


def fold_numbers(group: NDArray[np.intp], folds: int) -> NDArray[np.intp]:
    """Return the number of each model's fold, the same for all of a group.

    The largest groups come first, each to the fold that has the fewest models so far; groups of one
    size come in the order of their numbers.

    Args:
        group: of each model, as ``number_groups`` gives it.
        folds: their number; fewer where there are fewer groups.
    """
    sizes = np.bincount(group)
    filled = np.zeros(min(folds, len(sizes)), dtype=np.intp)
    fold = np.empty(len(sizes), dtype=np.intp)
    for one in np.argsort(-sizes, kind="stable"):
        fold[one] = np.argmin(filled)
        filled[fold[one]] += sizes[one]
    return fold[group]


def keep_apart(group: NDArray[np.intp], source: Mask, held_out: Mask) -> tuple[Mask, Mask]:
    """Drop models until no group is both learned from and predicted.

    Of a group that is on both sides one side is kept.  Groups are taken in the order of their
    numbers, and each is kept on the side that leaves more of the side that has lost most.

    Args:
        group: of each model, as ``number_groups`` gives it.
        source, held_out: masks of models.
    """
    sides = np.array([source, held_out])
    counts = np.array([np.bincount(group[side], minlength=int(group.max()) + 1) for side in sides])
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    left, kept = np.ones(2), np.ones(share.shape, dtype=bool)
    for one in np.flatnonzero((counts > 0).all(axis=0)):
        after = left - np.diag(share[:, one])  # if the group leaves the one side, or the other
        side = int(np.argmax(after.min(axis=1)))
        left, kept[side, one] = after[side], False
    learned_from, predicted = sides & kept[:, group]
    return learned_from, predicted


def _names(models: Table, column: str) -> NDArray[np.str_]:
    """Names of the models' groups; an unknown one is called by the model's id."""
    values = models.column(column)
    known = np.isfinite(values) if values.dtype.kind == "f" else values != ""
    rows = zip(models.ids, values, known, strict=True)
    # a group may be called like a model
    return np.array([f"{NAMED}{value}" if there else f"model {one}" for one, value, there in rows])
