"""Small feed-forward networks, several at once, trained by full-batch Adam.

    h_0 = x,    h_k = drop(gelu(h_{k-1} W_k + b_k)),    output = sigmoid(h_{K-1} W_K + b_K)

(GELU: Hendrycks and Gimpel 2016, in its tanh form; dropout: Srivastava et al. 2014), minimising
the mean squared error by Adam (Kingma and Ba 2015).  At the size of an answer sheet this needs no
framework: forward and backward are one matrix product a layer each, and several networks are one
more axis of the same arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

HIDDEN = (128, 64, 32)
"""Sizes of the hidden layers, those of SparseEval."""

DROPOUT = 0.1

START = (0.01, 0.99)
"""Least and greatest output to start from; at the ends the sigmoid has no slope."""

CHECK = 25
"""Epochs between two looks at the validation error."""


@dataclass(frozen=True)
class Networks:
    """Networks of the same shape.

    Attributes:
        layers: each of shape (networks, inputs + 1, outputs), the bias as last row.
    """

    layers: tuple[Array, ...]

    @classmethod
    def random(cls, count: int, inputs: int, start: NDArray, rng: np.random.Generator) -> Networks:
        """Draw ``count`` networks with weights uniform within +-1 / sqrt(inputs of the layer).

        Args:
            count: of networks.
            inputs: of each.
            start: about what they answer before any training, in [0, 1], shape (outputs,): the
                mean of what they are to learn, because on the long way down to a mean of, say,
                0.05 the hidden units of most networks die.
            rng: draws the weights.
        """
        sizes = (inputs, *HIDDEN, len(start))
        shapes = [(count, a + 1, b) for a, b in pairwise(sizes)]
        layers = [rng.uniform(-1, 1, one) / np.sqrt(one[1] - 1) for one in shapes]
        start = np.clip(start, *START)
        layers[-1][:, -1] = np.log(start / (1.0 - start))
        return cls(tuple(layers))

    def predict(self, x: NDArray) -> Array:
        """Outputs, shape (networks, models, outputs), of inputs of shape (models, inputs)."""
        return _forward(self.layers, x)[0][-1]

    def input_gradient(self, x: NDArray, error: NDArray) -> Array:
        """Derivative of sum(error * output) by the inputs, shape (networks, models, inputs).

        Args:
            x: inputs, shape (models, inputs).
            error: shape (networks, models, outputs), or one that broadcasts to it.
        """
        return _backward(self.layers, *_forward(self.layers, x), error)[1]

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
        """Return the networks trained further.

        Args:
            x: inputs, shape (models, inputs).
            y: outputs, shape (models, outputs).
            epochs: steps, each on all models at once.
            learning_rate: of Adam.
            rng: of the dropout.
            held_out: models that a network does not learn from, shape (networks, models); of its
                stages it then keeps the one that predicts these best (early stopping).
        """
        # Single precision halves the time, and is far finer than the dropout's noise.
        x, y = x.astype(np.float32), y.astype(np.float32)
        count = len(self.layers[0])
        held_out = np.zeros((count, len(x)), dtype=bool) if held_out is None else held_out
        share = ~held_out / np.sum(~held_out, axis=1, keepdims=True)
        slope = (2.0 / y.shape[1] * share[..., None]).astype(np.float32)
        current = Networks(tuple(layer.astype(np.float32) for layer in self.layers))
        adam = _Adam(current.layers, learning_rate)
        best, least = current, np.full(count, np.inf)
        for epoch in range(1, epochs + 1):
            masks = [_mask((count, len(x), size), rng) for size in HIDDEN]
            values, slopes = _forward(current.layers, x, masks)
            gradients, _ = _backward(current.layers, values, slopes, slope * (values[-1] - y))
            current = Networks(adam.step(current.layers, gradients))
            if epoch % CHECK == 0 or epoch == epochs:
                miss = ((current.predict(x) - y) ** 2).mean(axis=2)
                loss = np.where(held_out, miss, 0.0).sum(axis=1)
                better = (loss < least) | ~held_out.any(axis=1)
                best, least = best._replaced(current, better), np.minimum(loss, least)
        return best

    def _replaced(self, others: Networks, where: NDArray[np.bool_]) -> Networks:
        """Return these networks, some of them replaced by the others."""
        pairs = zip(self.layers, others.layers, strict=True)
        return Networks(tuple(np.where(where[:, None, None], new, old) for old, new in pairs))


class _Adam:
    """Moments of the gradients, and the step they say to take."""

    def __init__(self, layers: Sequence[Array], rate: float) -> None:
        self.rate, self.steps = rate, 0
        self.first = [np.zeros_like(layer) for layer in layers]
        self.second = [np.zeros_like(layer) for layer in layers]

    def step(self, layers: Sequence[Array], gradients: Sequence[Array]) -> tuple[Array, ...]:
        """Return the layers after one step."""
        self.steps += 1
        for m, v, g in zip(self.first, self.second, gradients, strict=True):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
        rate, least = self.rate / (1.0 - 0.9**self.steps), 1.0 - 0.999**self.steps
        moments = zip(layers, self.first, self.second, strict=True)
        return tuple(w - rate * m / (np.sqrt(v / least) + 1e-8) for w, m, v in moments)


def _mask(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """0 with probability DROPOUT, else what keeps the expectation."""
    return (rng.random(shape, dtype=np.float32) >= DROPOUT) / np.float32(1.0 - DROPOUT)


def _forward(
    layers: Sequence[Array], x: Array, masks: Sequence[Array] = ()
) -> tuple[list[Array], list[Array]]:
    """Values of every layer, the input first, and slopes of every activation."""
    values, slopes = [x], []
    for k, layer in enumerate(layers):
        z = values[-1] @ layer[:, :-1] + layer[:, -1:]
        value, slope = _gelu(z) if k < len(HIDDEN) else _sigmoid(z)
        if k < len(masks):
            value, slope = value * masks[k], slope * masks[k]
        values.append(value)
        slopes.append(slope)
    return values, slopes


def _backward(
    layers: Sequence[Array], values: list[Array], slopes: list[Array], error: Array
) -> tuple[list[Array], Array]:
    """Derivatives by the layers and by the input, from those by the output."""
    gradients = []
    for layer, value, slope in zip(layers[::-1], values[-2::-1], slopes[::-1], strict=True):
        delta = error * slope
        weights, bias = np.swapaxes(value, -1, -2) @ delta, delta.sum(axis=1, keepdims=True)
        gradients.append(np.concatenate([weights, bias], axis=1))
        error = delta @ np.swapaxes(layer[:, :-1], 1, 2)
    return gradients[::-1], error


def _gelu(z: Array) -> tuple[Array, Array]:
    """Return z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2 and its derivative."""
    square = z * z
    half = 0.5 + 0.5 * np.tanh(z * (0.79788456 + 0.035677408 * square))
    return z * half, half + half * (1.0 - half) * z * (1.5957691 + 0.21406445 * square)


def _sigmoid(z: Array) -> tuple[Array, Array]:
    """Return 1 / (1 + exp(-z)) and its derivative."""
    value = 0.5 + 0.5 * np.tanh(0.5 * z)
    return value, value * (1.0 - value)
