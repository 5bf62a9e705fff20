import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import make_history, split_models

from tinyeval.errors import ConfigError
from tinyeval.estimators.mlp import FOLDS, fit_mlp
from tinyeval.selection.random import select_random


def rng(seed=0):
    return np.random.default_rng(seed)


def fitted_on(source, n=15, **options):
    anchors = select_random(source, n, rng=rng())
    return fit_mlp(source, anchors, rng=rng(), **options), source.positions(anchors.items)


@pytest.mark.slow
def test_the_prediction_is_the_mean_of_one_network_per_fold():
    source, test = split_models(make_history(40, 40, seed=1), 30)
    fitted, columns = fitted_on(source)
    outputs = fitted.networks.predict(test.filled[:, columns].astype(float))
    assert outputs.shape == (FOLDS, 10, 1)
    assert outputs.std(axis=0).min() > 0
    found = fitted.predict(test.filled[:, columns]).mean
    np.testing.assert_allclose(found, outputs.mean(axis=0), atol=1e-9)


def test_few_models_have_a_fold_each():
    fitted, _ = fitted_on(make_history(3, 30, seed=2))
    assert fitted.networks.layers[0].shape[0] == 3


@pytest.mark.slow
def test_the_spread_is_that_of_models_the_network_has_not_seen():
    source, test = split_models(make_history(260, 60, seed=3), 200)
    fitted, columns = fitted_on(source, epochs=300)
    errors = [
        np.sqrt(((fitted.networks.predict(h.filled[:, columns]) - h.target_values) ** 2).mean())
        for h in (source, test)
    ]
    spread = np.sqrt(fitted.variance[0])
    assert errors[0] < 0.9 * spread
    assert spread == pytest.approx(errors[1], rel=0.3)


def test_unanswered_anchors_widen_the_spread_by_what_they_could_move():
    source, test = split_models(make_history(40, 40, seed=4, benchmarks=2), 30)
    fitted, columns = fitted_on(source, 6)
    lacking, others = [1, 4], [0, 2, 3, 5]
    answers = test.filled[:, columns].astype(float)
    answers[:, lacking] = np.nan
    found = fitted.predict(answers)

    cov, step = fitted.cov, 1e-4
    pull = np.linalg.solve(cov[np.ix_(others, others)], cov[np.ix_(others, lacking)])
    left = cov[np.ix_(lacking, lacking)] - cov[np.ix_(lacking, others)] @ pull
    x = answers.copy()
    x[:, lacking] = fitted.mean[lacking] + (answers[:, others] - fitted.mean[others]) @ pull
    x = x.clip(0, 1)
    np.testing.assert_allclose(found.mean, fitted.predict(x).mean, atol=1e-6)
    moved = [
        (fitted.predict(x + step * one).mean - fitted.predict(x - step * one).mean) / (2 * step)
        for one in np.eye(6)[lacking]
    ]
    slope = np.stack(moved, axis=1)  # models, lacking, targets
    more = np.einsum("mat,ab,mbt->mt", slope, left, slope)
    np.testing.assert_allclose(found.spread**2, fitted.variance + more, rtol=1e-3)
    assert (more > 0.01 * fitted.variance).any()


@pytest.mark.slow
def test_predicting_needs_no_torch(tmp_path):
    source, test = split_models(make_history(40, 40, seed=6), 30)
    fitted, columns = fitted_on(source, 6)
    answers = test.filled[:, columns].astype(float)
    answers[0, 0] = np.nan
    np.savez(tmp_path / "state.npz", **fitted.state())
    np.save(tmp_path / "answers.npy", answers)
    code = """
import sys
sys.modules["torch"] = None
import numpy as np
from tinyeval.estimators.mlp import NetworkEstimator
fitted = NetworkEstimator.from_state(np.load("state.npz"))
found = fitted.predict(np.load("answers.npy"))
np.save("found.npy", [found.mean, found.spread])
"""
    root = Path(__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    expected = fitted.predict(answers)
    np.testing.assert_allclose(
        np.load(tmp_path / "found.npy"), [expected.mean, expected.spread], rtol=1e-12
    )


@pytest.mark.slow
def test_training_beats_the_first_draw():
    source, test = split_models(make_history(200, 80, seed=5), 150)
    errors = []
    for epochs in (1, 100):
        fitted, columns = fitted_on(source, 30, epochs=epochs)
        estimate = fitted.predict(test.filled[:, columns])
        errors.append(np.abs(estimate.mean - test.target_values).mean())
    assert errors[1] < 0.5 * errors[0]


def test_no_epochs_are_refused():
    with pytest.raises(ConfigError, match="at least 1, found 0"):
        fitted_on(make_history(10, 20), epochs=0)
