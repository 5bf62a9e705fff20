"""SparseEval's estimator: a neural network from the answers to the targets.

A network with hidden layers of 128, 64 and 32 units maps the answers on the anchors to all targets
at once (Zhang et al. 2026, "SparseEval"; see ``tinyeval.compute.network``).  Unanswered anchors are
replaced by their expectation.  The authors stop the training early, by the error on 200 models set
aside.  Here the source models are divided into five folds.  Each fold has a network that learns
without the fold and stops by its error on it; the networks are averaged, and these errors give the
spread.  Unanswered anchors add to the spread as in ridge regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tinyeval.compute.arrays import Array
from tinyeval.compute.network import Networks
from tinyeval.errors import ConfigError
from tinyeval.estimators.base import Estimate, State
from tinyeval.estimators.common import SMALLEST_SPREAD, source_arrays
from tinyeval.estimators.unanswered import fill_unanswered, unanswered_variance
from tinyeval.history import History
from tinyeval.selection.base import Anchors

FOLDS = 5


@dataclass(frozen=True)
class NetworkEstimator:
    """The average of a few networks.

    Attributes:
        networks: from anchors to targets.
        mean, cov: moments of the anchors over source models, shapes (anchors,) and (anchors,
            anchors).
        variance: mean square error on models that a network has not seen, shape (targets,).
    """

    networks: Networks
    mean: Array
    cov: Array
    variance: Array

    @cached_property
    def precision(self) -> Array:
        """Inverse of ``cov``."""
        return np.asarray(np.linalg.inv(self.cov))

    def predict(self, answers: NDArray) -> Estimate:
        """Estimate targets from answers of shape (models, anchors), NaN where unanswered."""
        missing = np.isnan(answers)
        x = fill_unanswered(answers, self.mean, self.precision)
        mean = self.networks.predict(x).mean(axis=0)
        variance = np.tile(self.variance, (len(x), 1))
        if missing.any():
            variance += unanswered_variance(missing, self.precision, self._gradient(x))
        spread = np.maximum(np.sqrt(variance), SMALLEST_SPREAD)
        return Estimate(mean=mean, spread=spread, novelty=np.zeros(len(x)))

    def _gradient(self, x: Array) -> Array:
        """Derivative of the targets by the answers, shape (models, anchors, targets)."""
        outputs = np.eye(len(self.variance))
        gradients = [self.networks.input_gradient(x, one).mean(axis=0) for one in outputs]
        return np.stack(gradients, axis=2)

    def state(self) -> State:
        """Return plain arrays from which ``from_state`` rebuilds this estimator."""
        layers = {f"layer{k}": layer for k, layer in enumerate(self.networks.layers)}
        return layers | {"mean": self.mean, "cov": self.cov, "variance": self.variance}

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray]) -> NetworkEstimator:
        """Rebuild a fitted estimator from ``state()``."""
        layers = tuple(state[f"layer{k}"] for k in range(len(state) - 3))
        return cls(Networks(layers), state["mean"], state["cov"], state["variance"])


def fit_mlp(
    history: History,
    anchors: Anchors,
    *,
    rng: np.random.Generator,
    epochs: int = 100,
    learning_rate: float = 0.01,
) -> NetworkEstimator:
    """Train the networks.

    Args:
        history: source models only, at least two.
        anchors: the items that a new model answers.
        rng: random generator of folds, initial weights and dropout.
        epochs: largest number of epochs.  The authors allow 20,000 at a learning rate of 5e-4; 4000
            at that rate predict no better than the default.
        learning_rate: learning rate of Adam.

    Raises:
        ConfigError: ``epochs`` below 1.
    """
    if epochs < 1:
        raise ConfigError(f"epochs must be at least 1, found {epochs}")
    source, y, mean, cov = source_arrays(history, anchors)
    count = min(FOLDS, len(y))
    fold = rng.permutation(len(y)) % count
    held_out = fold == np.arange(count)[:, None]
    networks = Networks.random(count, source.shape[1], y.mean(axis=0), rng).train(
        source, y, epochs=epochs, learning_rate=learning_rate, rng=rng, held_out=held_out
    )
    unseen = networks.predict(source)[fold, np.arange(len(y))]
    return NetworkEstimator(networks, mean, cov, ((y - unseen) ** 2).mean(axis=0))
