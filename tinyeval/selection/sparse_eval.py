"""SparseEval: anchor points refined by the gradients of a neural network.

Start from anchor points by correctness.  In every round, a network f is trained to predict the
source models' scores s_m from their answers x_m on the anchors.  The least important anchor is then
replaced by the most promising of the other items:

    importance of anchor a    mean_m |d loss / d x_ma|
    promise of item j         |sum_m (y_mj - 1/2) (f(x_m) - s_m)|

(Zhang et al. 2026, "SparseEval").  The authors train each network for 2000 epochs at a learning
rate of 5e-4; 50 epochs at 0.01 choose equally well.  The last network ranks the anchors.
"""

from __future__ import annotations

import numpy as np

from tinyeval.compute.network import Networks
from tinyeval.compute.row_blocks import whole
from tinyeval.errors import ConfigError
from tinyeval.history import History
from tinyeval.selection.base import Anchors, check_budget, equal_weights
from tinyeval.selection.clustering import select_by_correctness


def select_sparse_eval(
    history: History,
    n: int,
    *,
    rng: np.random.Generator,
    rounds: int = 10,
    epochs: int = 50,
    learning_rate: float = 0.01,
) -> Anchors:
    """Choose ``n`` anchor points and replace one per round; the most important come first.

    Args:
        history: source models only.
        n: number of anchors.
        rng: random generator of clustering, initial weights and dropout.
        rounds: largest number of anchors replaced, one after another.
        epochs: training epochs per round.
        learning_rate: learning rate of Adam.

    Raises:
        ConfigError: ``n`` below 1 or above the number of items, ``rounds`` below 0, ``epochs``
            below 1.
    """
    check_budget(history, n)
    if rounds < 0 or epochs < 1:
        raise ConfigError(f"expected rounds >= 0 and epochs >= 1, found {rounds} and {epochs}")
    scores, target = whole(history.filled), history.target_values[:, :1]
    chosen = history.positions(select_by_correctness(history, n, rng=rng).items)
    for swaps_left in range(rounds if n < scores.shape[1] else 0, -1, -1):
        x = scores[:, chosen]
        network = Networks.random(1, n, target.mean(axis=0), rng).train(
            x, target, epochs=epochs, learning_rate=learning_rate, rng=rng
        )
        error = network.predict(x)[0] - target
        importance = np.abs(network.input_gradient(x, error)[0]).mean(axis=0)
        if swaps_left:
            promise = np.abs(error[:, 0] @ (scores - 0.5))
            promise[chosen] = -1.0
            chosen[np.argmin(importance)] = np.argmax(promise)
    best = np.argsort(-importance, kind="stable")
    return equal_weights(tuple(history.responses.items.ids[k] for k in chosen[best]))
