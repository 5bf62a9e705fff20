"""The state of an IRT fit, and its start from a singular value decomposition of the scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from tinyeval.compute.processes import ALONE, Processes
from tinyeval.irt.packed import Packed

Tensor = torch.Tensor


@dataclass
class FitState:
    """The state of a fit: abilities, item parameters and the prior of the item parameters."""

    ability: Tensor  # (models, D)
    items: Tensor  # (items, D + 1): discriminations, then the intercept
    mean: Tensor  # (D + 1,)
    precision: Tensor  # (D + 1,)

    @property
    def dims(self) -> int:
        """Number of dimensions."""
        return self.ability.shape[1]


def warm_start(data: Packed, dims: int, processes: Processes = ALONE) -> FitState:
    """Return abilities from the leading singular vectors of the scores, intercepts from item means.

    Args:
        data: responses of this process's items.
        dims: number of dimensions.
        processes: processes that hold the other items.
    """
    mean = item_means(data, processes)
    ability = _leading_vectors(data, mean, dims, processes)
    items = torch.zeros(data.n_items, dims + 1, device=mean.device)
    items[:, -1] = torch.logit(mean.clamp(0.01, 0.99))
    prior_mean = torch.zeros(dims + 1, device=mean.device)
    prior_mean[-1] = processes.mean(items[:, -1:])[0]
    precision = torch.ones(dims + 1, device=mean.device)
    precision[-1] = 0.2
    return FitState(ability, items, prior_mean, precision)


def item_means(data: Packed, processes: Processes = ALONE) -> Tensor:
    """Return the mean score of every item, shrunk a little to the overall mean, shape (items,)."""
    answered, right = data.counts()
    totals = torch.stack([right.sum(), answered.sum()]).double()
    processes.add_up(totals)
    return (right + 0.5 * (totals[0] / totals[1]).float() + 0.25) / (answered + 1.0)


def _leading_vectors(data: Packed, mean: Tensor, dims: int, processes: Processes) -> Tensor:
    """Leading left singular vectors, scaled to unit variance, shape (models, dims).

    They are found by subspace iteration from fixed columns (Halko, Martinsson and Tropp 2011),
    which is deterministic and takes two products with the matrix per round.
    """
    models = data.n_models
    width = min(models, dims + 6)
    steps = torch.arange(models, device=mean.device, dtype=torch.float32)
    basis = torch.stack([torch.cos((k + 1) * (steps + 0.5) * 2.399963) for k in range(width)], 1)
    average = torch.zeros_like(steps)
    for centred in _centred(data, mean):
        average += centred.sum(0)
    processes.add_up(average)
    basis[:, 0] = average
    for _ in range(4):
        image = torch.zeros_like(basis)
        for centred in _centred(data, mean):
            image.addmm_(centred.T, centred @ basis)
        processes.add_up(image)
        basis, _ = torch.linalg.qr(image)
    gram = torch.zeros(width, width, dtype=torch.float64, device=mean.device)
    for centred in _centred(data, mean):
        small = centred @ basis
        gram += (small.T @ small).double()
    processes.add_up(gram)
    _, vectors = torch.linalg.eigh(gram)
    leading = basis @ vectors.flip(1)[:, :dims].float()
    flip = torch.sign((average @ leading) + 1e-12)
    return leading * flip * models**0.5


def _centred(data: Packed, mean: Tensor) -> Iterator[Tensor]:
    """Yield every block's scores minus the items' means, 0 where missing."""
    for block in data.blocks():
        expected = mean[block.cut, None]
        if block.observed is not None:
            expected = torch.mul(expected, block.observed, out=block.room[0])
        yield block.scores.sub_(expected)
