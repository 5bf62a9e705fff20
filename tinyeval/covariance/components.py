"""The leading components of a view of the history: a thin factor of models x items.

With few models, or few items, the components are exact, from the Gram matrix of the smaller side.
If both sides are long, that would cost models^2 x items; the components are then found by
randomised subspace iteration (Halko, Martinsson and Tropp 2011) from a fixed start, in single
precision, a slab of models at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.processes import ALONE, Processes
from tinyeval.compute.row_blocks import Matrix, slabs, whole

MAX_RANK = 384
"""Largest number of components; further ones carry less than their sampling noise."""

EXACT_SIDE = 1500
"""Longest smaller side for which components are computed exactly."""

EXTRA = 16
"""Extra components that are sought and dropped; they sharpen the last ones kept."""

ROUNDS = 1
"""Rounds of subspace iteration."""


class Components(NamedTuple):
    """A view in its leading components.

    Attributes:
        factors: shape (components, items).
        targets: the targets in the same components, shape (components, targets).
        left, targets_left: variance of items and of targets that the components leave out.
        basis: the components' directions among the models, orthonormal, shape (models,
            components); None of several views.
    """

    factors: Array
    targets: Array
    left: Array
    targets_left: Array
    basis: Array | None = None


def compress(
    matrix: Matrix, mean: Array, scale: float, targets: Array, processes: Processes = ALONE
) -> Components:
    """Rotate a view, ``(matrix - mean) / scale``, into its leading components.

    Args:
        matrix: shape (models, items).
        mean: shape (items,).
        scale: number by which deviations are divided.
        targets: centred targets of the same models, shape (models, targets).
        processes: processes that hold the same matrix; if both sides are long, each reads its part
            of the models.
    """
    if min(matrix.shape) <= EXACT_SIDE:
        view = whole(matrix)
        view -= mean
        view /= scale
        basis, factors, total = _exact(view)
    else:
        single = mean.astype(np.float32), np.float32(scale)
        basis, factors, total = _sought(matrix, *single, processes)
    signs = np.where(basis[np.abs(basis).argmax(0), range(basis.shape[1])] < 0, -1, 1)
    basis, factors = basis * signs, factors * signs[:, None]
    rotated = basis.T @ targets
    left = np.maximum(total - sum_of_squares(factors), 0.0)
    targets_left = np.maximum((targets**2).sum(0) - (rotated**2).sum(0), 0.0)
    return Components(factors, rotated, left, targets_left, basis)


def blend(shares: Sequence[float], views: Sequence[Components]) -> Components:
    """Return the components of several views, weighted by ``shares``; the views are overwritten."""
    both = list(zip(shares, views, strict=True))
    for share, view in both:
        view.factors[:] *= np.sqrt(share)  # in place: they are the largest arrays of a build
    return Components(
        np.vstack([view.factors for view in views]),
        np.vstack([np.sqrt(share) * view.targets for share, view in both]),
        np.sum([share * view.left for share, view in both], axis=0),
        np.sum([share * view.targets_left for share, view in both], axis=0),
    )


def sum_of_squares(factors: Array) -> Array:
    """Return the sum of squares of every column, adding up row by row."""
    total = np.zeros(factors.shape[1])
    for row in factors:
        total += row * row
    return total


def _exact(view: Array) -> tuple[Array, Array, Array]:
    """Return left singular vectors (models, rank), the items' factors and the items' variance."""
    # The eigenvectors of the smaller side's Gram matrix give those of the other side.
    wide = view.shape[0] <= view.shape[1]
    values, vectors = np.linalg.eigh(view @ view.T if wide else view.T @ view)
    keep = np.flatnonzero(values > 1e-10 * max(values[-1], 1e-300))[-MAX_RANK:]
    basis = vectors[:, keep]
    if not wide:
        basis = view @ (basis / np.sqrt(values[keep]))
    return basis, basis.T @ view, (view**2).sum(0)


def _sought(
    matrix: Matrix, mean: NDArray[np.float32], scale: np.float32, processes: Processes
) -> tuple[Array, Array, Array]:
    """Do the same as ``_exact``, by randomised subspace iteration."""
    models, items = matrix.shape
    width = min(MAX_RANK + EXTRA, models, items)

    def view(cut: slice) -> NDArray[np.float32]:
        part = np.subtract(matrix[cut], mean, dtype=np.float32)
        part /= scale
        return part

    def onto_models(right: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.zeros((models, right.shape[1]), dtype=np.float32)
        for cut in slabs(matrix.shape, processes):
            found[cut] = view(cut) @ right
        processes.add_up_arrays(found)
        return found

    def onto_items(left: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros((items, left.shape[1]), dtype=np.float32)
        for cut in slabs(matrix.shape, processes):
            total += view(cut).T @ left[cut]
        processes.add_up_arrays(total)
        return total

    start = np.random.default_rng(0).standard_normal((items, width), dtype=np.float32)
    basis = np.linalg.qr(onto_models(start))[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(onto_models(onto_items(basis)))[0]
    image = onto_items(basis)
    values, vectors = np.linalg.eigh((image.T @ image).astype(np.float64))
    keep = np.flatnonzero(values > 1e-10 * max(values[-1], 1e-300))[-MAX_RANK:]
    total = np.zeros(items)
    for cut in slabs(matrix.shape, processes):
        total += (view(cut) ** 2).sum(0)
    processes.add_up_arrays(total)
    turn = vectors[:, keep]
    return basis.astype(np.float64) @ turn, (image.astype(np.float64) @ turn).T, total
