"""Groups of models: checkpoints of a run, sizes of a family, fine-tunes of a base model.

A model predicted from its own siblings is predicted better than a new model will be.  So if a
column of the models table names groups, models are held out by whole groups.  A model of unknown
group is a group of its own, and so is every model if no column is named.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, examples
from tinyeval.tables import Table

MIN_GROUPS = 5
"""Smallest number of groups that calibration by groups needs."""

AUTO = "auto"
"""Setting ``interval.groups`` by which near copies are groups (:mod:`tinyeval.families`)."""

NAMED = "group "

Mask = NDArray[np.bool_]


def check_groups(models: Table, column: str | None) -> None:
    """Raise :class:`ConfigError` unless ``column`` is None or names at least MIN_GROUPS groups."""
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
        models: the models table, sorted by id.
        column: column that names groups; None: every model is a group of its own.
        rng: draws the order.
    """
    if column is None:
        return rng.permutation(len(models))
    names, which = np.unique(_names(models, column), return_inverse=True)
    return rng.permutation(len(names))[which.ravel()]


def fold_numbers(group: NDArray[np.intp], folds: int) -> NDArray[np.intp]:
    """Return the number of each model's fold; a group stays in one fold.

    The largest groups come first, and each goes to the fold with the fewest models so far.  Groups
    of equal size come in the order of their numbers.

    Args:
        group: number of each model's group, as from ``number_groups``.
        folds: number of folds; fewer are made if there are fewer groups.
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

    A group on both sides is dropped from one of them.  Groups are treated in the order of their
    numbers, and each choice leaves as many models as possible on the side that has lost most.

    Args:
        group: number of each model's group, as from ``number_groups``.
        source, held_out: masks of models.
    """
    sides = np.array([source, held_out])
    counts = np.array([np.bincount(group[side], minlength=int(group.max()) + 1) for side in sides])
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    left, kept = np.ones(2), np.ones(share.shape, dtype=bool)
    for one in np.flatnonzero((counts > 0).all(axis=0)):
        after = left - np.diag(share[:, one])  # if the group leaves the one side or the other
        side = int(np.argmax(after.min(axis=1)))
        left, kept[side, one] = after[side], False
    learned_from, predicted = sides & kept[:, group]
    return learned_from, predicted


def _names(models: Table, column: str) -> NDArray[np.str_]:
    """Return the name of each model's group; an unknown group gets the model's id."""
    values = models.column(column)
    known = np.isfinite(values) if values.dtype.kind == "f" else values != ""
    rows = zip(models.ids, values, known, strict=True)
    # the prefixes differ, since a group may have the name of a model
    return np.array([f"{NAMED}{value}" if there else f"model {one}" for one, value, there in rows])
