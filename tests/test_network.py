from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tinyeval.compute import network
from tinyeval.compute.network import HIDDEN, Networks

HALF = np.full(2, 0.5)


def rng(seed=0):
    return np.random.default_rng(seed)


def data(models=30, inputs=6, outputs=2, seed=1):
    x = rng(seed).random((models, inputs))
    y = 1.0 / (1.0 + np.exp(-(x - 0.5) @ rng(seed + 1).normal(0, 3, (inputs, outputs))))
    return x, y


def as_torch(networks, k):
    """One of the networks as a torch module in double precision."""
    modules = []
    for place, layer in enumerate(networks.layers):
        linear = torch.nn.Linear(layer.shape[1] - 1, layer.shape[2], dtype=torch.float64)
        linear.weight.data = torch.tensor(layer[k, :-1].T.astype(float))
        linear.bias.data = torch.tensor(layer[k, -1].astype(float))
        last = place == len(networks.layers) - 1
        modules += [linear, torch.nn.Sigmoid() if last else torch.nn.GELU("tanh")]
    return torch.nn.Sequential(*modules)


def test_outputs_and_input_gradients_are_those_of_torch():
    x, _ = data()
    networks = Networks.random(3, 6, HALF[:2], rng())
    error = rng(5).normal(size=(3, 30, 2))
    for k in range(3):
        inputs = torch.tensor(x, requires_grad=True)
        outputs = as_torch(networks, k)(inputs)
        np.testing.assert_allclose(networks.predict(x)[k], outputs.detach(), atol=1e-6)
        (outputs * torch.tensor(error[k])).sum().backward()
        gradient = networks.input_gradient(x, error)[k]
        np.testing.assert_allclose(gradient, inputs.grad, atol=1e-6)


def test_training_is_that_of_torch(monkeypatch):
    monkeypatch.setattr(network, "DROPOUT", 0.0)
    x, y = data()
    networks = Networks.random(2, 6, HALF[:2], rng())
    trained = networks.train(x, y, epochs=20, learning_rate=0.002, rng=rng())
    for k in range(2):
        oracle = as_torch(networks, k)
        optimiser = torch.optim.Adam(oracle.parameters(), lr=0.002)
        for _ in range(20):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(oracle(torch.tensor(x)), torch.tensor(y)).backward()
            optimiser.step()
        expected = oracle(torch.tensor(x)).detach()
        assert np.abs(networks.predict(x)[k] - expected.numpy()).max() > 0.01
        np.testing.assert_allclose(trained.predict(x)[k], expected, atol=1e-4)


@pytest.mark.slow
def test_a_function_is_learned():
    x, y = data(200)
    trained = Networks.random(1, 6, HALF[:2], rng()).train(
        x[:150], y[:150], epochs=200, learning_rate=0.01, rng=rng()
    )
    error = trained.predict(x[150:])[0] - y[150:]
    assert (error**2).mean() < 0.1 * y.var()


def test_held_out_models_teach_nothing():
    x, y = data()
    held_out = np.array([np.arange(30) < 10, np.arange(30) >= 20])
    networks = Networks.random(2, 6, HALF[:2], rng())

    def train(y):
        # Too few epochs for a choice between stages, which may look at the held-out models.
        return networks.train(
            x, y, epochs=10, learning_rate=0.01, rng=rng(), held_out=held_out
        ).predict(x)

    changed = y.copy()
    changed[:10] = 1.0 - changed[:10]
    before, after = train(y), train(changed)
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[1] - after[1]).max() > 0.01


@pytest.mark.slow
def test_the_stage_that_predicts_held_out_models_best_is_kept():
    x, y = data(12, outputs=1)
    y = rng(9).random(y.shape)  # nothing to learn: more training only fits the noise
    held_out = np.array([np.arange(12) < 6])
    networks = Networks.random(1, 6, HALF[:1], rng())

    def train(epochs, **options):
        return networks.train(x, y, epochs=epochs, learning_rate=0.01, rng=rng(), **options)

    def loss(trained):
        return ((trained.predict(x)[0] - y)[:6] ** 2).mean()

    kept, last = train(400, held_out=held_out), train(400)
    stages = [train(k, held_out=held_out) for k in (25, 50)]
    assert loss(kept) <= min(loss(one) for one in stages) + 1e-9
    assert loss(train(400, held_out=held_out)) == loss(kept)
    assert ((last.predict(x)[0] - y) ** 2).mean() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_units_that_stay_make_up_for_those_left_out(monkeypatch, share):
    monkeypatch.setattr(network, "DROPOUT", share)
    x, y = data(300)
    trained = Networks.random(3, 6, HALF[:2], rng()).train(
        x, y, epochs=150, learning_rate=0.01, rng=rng()
    )
    slopes = [np.polyfit(out.ravel(), y.ravel(), 1)[0] for out in trained.predict(x)]
    np.testing.assert_allclose(slopes, 1.0, atol=0.1)


def test_first_weights_are_as_small_as_the_layer_is_wide():
    networks = Networks.random(4, 9, HALF[:1], rng())
    shapes = [layer.shape for layer in networks.layers]
    assert shapes == [(4, 10, 128), (4, 129, 64), (4, 65, 32), (4, 33, 1)]
    for layer, inputs in zip(networks.layers, (9, *HIDDEN), strict=True):
        assert 0.8 / np.sqrt(inputs) < np.abs(layer).max() <= 1 / np.sqrt(inputs)


def test_networks_start_near_the_mean_that_they_are_to_learn():
    start = np.array([0.05, 0.6, 0.0])
    found = Networks.random(20, 9, start, rng()).predict(rng(1).random((30, 9))).mean(axis=(0, 1))
    np.testing.assert_allclose(found, [0.05, 0.6, 0.01], atol=0.02)


@pytest.mark.slow
def test_a_low_mean_is_learned_as_well_as_any():
    x = rng(1).random((120, 30))
    y = 0.1 * x[:, :1] ** 2
    trained = Networks.random(5, 30, y.mean(axis=0), rng()).train(
        x, y, epochs=100, learning_rate=0.01, rng=rng()
    )
    assert (((trained.predict(x) - y) ** 2).mean(axis=(1, 2)) < 0.5 * y.var()).all()


def test_the_seed_decides():
    x, y = data()
    networks = Networks.random(1, 6, HALF[:2], rng())
    first, second, other = (
        networks.train(x, y, epochs=5, learning_rate=0.01, rng=rng(seed)).predict(x)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_the_seed_is_that_of_the_dropout(monkeypatch):
    monkeypatch.setattr(network, "DROPOUT", 0.0)
    x, y = data()
    networks = Networks.random(1, 6, HALF[:2], rng())
    first, second = (
        networks.train(x, y, epochs=5, learning_rate=0.01, rng=rng(seed)).predict(x)
        for seed in (1, 2)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_training_side_by_side_changes_no_number_and_leaves_torch_as_it_was():
    x, y = data()
    networks = Networks.random(2, 6, HALF[:2], rng())

    def train(seed):
        return networks.train(x, y, epochs=30, learning_rate=0.01, rng=rng(seed)).predict(x)

    before = torch.get_rng_state()
    alone = [train(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(train, range(6)))
    np.testing.assert_array_equal(alone, together)
    assert (torch.get_rng_state() == before).all()
