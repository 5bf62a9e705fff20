"""Small feed-forward networks, several at once: trained in torch, evaluated in numpy.

    h_0 = x,    h_k = drop(gelu(h_{k-1} W_k + b_k)),    output = sigmoid(h_{K-1} W_K + b_K)

(GELU: Hendrycks and Gimpel 2016, in its tanh form; dropout: Srivastava et al. 2014), minimising
the mean squared error by full-batch Adam (Kingma and Ba 2015).  The arrays have an axis for the
networks.  A bank holds the arrays, so it predicts without torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.floating]

HIDDEN = (128, 64, 32)
"""Sizes of the hidden layers, as in SparseEval."""

DROPOUT = 0.1

START = (0.01, 0.99)
"""Smallest and largest initial output; nearer to 0 and 1 the sigmoid is flat."""

CHECK = 25
"""Epochs between two measurements of the validation error."""


@dataclass(frozen=True)
class Networks:
    """Networks of the same shape.

    Attributes:
        layers: weights of each layer, shape (networks, inputs + 1, outputs); the last row is the
            bias.
    """

    layers: tuple[Floats, ...]

    @classmethod
    def random(cls, count: int, inputs: int, start: NDArray, rng: np.random.Generator) -> Networks:
        """Draw ``count`` networks with weights uniform within +-1 / sqrt(inputs of the layer).

        Args:
            count: number of networks.
            inputs: number of inputs of each network.
            start: approximate outputs before training, in [0, 1], shape (outputs,): the mean of the
                training outputs, because on the long way to a mean of 0.05, say, the hidden units
                of most networks die.
            rng: draws the weights.
        """
        sizes = (inputs, *HIDDEN, len(start))
        shapes = [(count, a + 1, b) for a, b in pairwise(sizes)]
        layers = [rng.uniform(-1, 1, one) / np.sqrt(one[1] - 1) for one in shapes]
        start = np.clip(start, *START)
        layers[-1][:, -1] = np.log(start / (1.0 - start))
        return cls(tuple(layers))

    def predict(self, x: NDArray) -> Floats:
        """Return outputs, (networks, models, outputs), for inputs of shape (models, inputs)."""
        return self._forward(x)[0]

    def input_gradient(self, x: NDArray, error: NDArray) -> Floats:
        """Derivative of sum(error * output) by the inputs, shape (networks, models, inputs).

        Args:
            x: inputs, shape (models, inputs).
            error: shape (networks, models, outputs), or a shape that broadcasts to it.
        """
        _, slopes = self._forward(x)
        for layer, slope in zip(self.layers[::-1], slopes[::-1], strict=True):
            error = (error * slope) @ np.swapaxes(layer[:, :-1], 1, 2)
        return error

    def train(
        self,
        x: NDArray,
        y: NDArray,
        *,
        epochs: int,
        learning_rate: float,
        rng: np.random.Generator,
        held_out: NDArray[np.bool_] | None = None,
    ) -> Networks:
        """Return the networks trained further, in single precision.

        Args:
            x: inputs, shape (models, inputs).
            y: outputs, shape (models, outputs).
            epochs: number of steps; each uses all models at once.
            learning_rate: learning rate of Adam.
            rng: seeds the dropout.
            held_out: mask of the models that a network does not learn from, shape (networks,
                models); each network then keeps the state that predicts its own best (early
                stopping).
        """
        import torch

        # Single precision halves the time, and its errors are far below the dropout's noise.
        x, y = x.astype(np.float32), y.astype(np.float32)
        best = Networks(tuple(layer.astype(np.float32) for layer in self.layers))
        least = np.full(len(self.layers[0]), np.inf)
        held_out = np.zeros((len(least), len(x)), bool) if held_out is None else held_out
        share = torch.tensor(~held_out / np.sum(~held_out, axis=1, keepdims=True))
        inputs, outputs = torch.tensor(x), torch.tensor(y)
        layers = [torch.tensor(layer, requires_grad=True) for layer in best.layers]
        adam = torch.optim.Adam(layers, lr=learning_rate)
        chance = torch.Generator().manual_seed(int(rng.integers(2**63)))
        for epoch in range(1, epochs + 1):
            adam.zero_grad()
            miss = (_forward_with_dropout(layers, inputs, chance) - outputs).square().mean(2)
            torch.autograd.backward((share * miss).sum())
            adam.step()
            if epoch % CHECK == 0 or epoch == epochs:
                current = Networks(tuple(layer.detach().numpy().copy() for layer in layers))
                found = ((current.predict(x) - y) ** 2).mean(axis=2)
                loss = np.where(held_out, found, 0.0).sum(axis=1)
                better = (loss < least) | ~held_out.any(axis=1)
                best, least = best._replaced(current, better), np.minimum(loss, least)
        return best

    def _forward(self, x: Floats) -> tuple[Floats, list[Floats]]:
        """Return outputs, and the derivative of every layer's activation."""
        slopes = []
        for k, layer in enumerate(self.layers):
            z = x @ layer[:, :-1] + layer[:, -1:]
            x, slope = _gelu(z) if k < len(self.layers) - 1 else _sigmoid(z)
            slopes.append(slope)
        return x, slopes

    def _replaced(self, others: Networks, where: NDArray[np.bool_]) -> Networks:
        """Return these networks, with those in the mask ``where`` taken from ``others``."""
        pairs = zip(self.layers, others.layers, strict=True)
        return Networks(tuple(np.where(where[:, None, None], new, old) for old, new in pairs))


def _forward_with_dropout(
    layers: Sequence[torch.Tensor], x: torch.Tensor, chance: torch.Generator
) -> torch.Tensor:
    """Return outputs in training: hidden units are dropped at random, and the rest scaled up."""
    import torch

    *hidden, last = layers
    for layer in hidden:
        x = torch.nn.functional.gelu(x @ layer[:, :-1] + layer[:, -1:], approximate="tanh")
        # torch's own dropout draws from a generator that all threads share.
        kept = torch.rand(x.shape, generator=chance) >= DROPOUT
        x = x * kept / (1.0 - DROPOUT)
    return torch.sigmoid(x @ last[:, :-1] + last[:, -1:])


def _gelu(z: Floats) -> tuple[Floats, Floats]:
    """Return z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2 and its derivative."""
    square = z * z
    half = 0.5 + 0.5 * np.tanh(z * (0.79788456 + 0.035677408 * square))
    return z * half, half + half * (1.0 - half) * z * (1.5957691 + 0.21406445 * square)


def _sigmoid(z: Floats) -> tuple[Floats, Floats]:
    """Return 1 / (1 + exp(-z)) and its derivative."""
    value = 0.5 + 0.5 * np.tanh(0.5 * z)
    return value, value * (1.0 - value)
