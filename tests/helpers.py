"""Simulated benchmarks with known parameters, and the place of real results."""

import os
from pathlib import Path

import numpy as np
import pytest

from tinyeval.history import History
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table
from tinyeval.targets import OVERALL, make_targets

ROOT = Path(__file__).parents[1]

DATA = Path(os.environ.get("TINYEVAL_TEST_DATA") or ROOT.parent / "shared" / "data")
"""Folder of real result sets, one folder each; samples of other formats lie in ``../formats``."""


def real(*parts: str) -> Path:
    """A file or folder of the real results; the test that asks is skipped where there is none."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {'/'.join(parts)} in TINYEVAL_TEST_DATA ({DATA})")
    return path


def simulate(
    n_models: int,
    n_items: int,
    dimensions: int = 1,
    seed: int = 0,
    missing: float = 0.0,
    graded: bool = False,
    benchmarks: int = 1,
    column: bool = False,
) -> tuple[ResponseMatrix, IRTFit]:
    """Answers of simulated models, and the true parameters in place of a fit.

    Every model and item keeps at least one answer.  ``graded`` scores are means of five answers.
    Items alternate between ``benchmarks`` benchmarks of two subjects each; ``column`` adds a
    column ``full`` to the models table, a noisy affine function of the mean probability.
    """
    rng = np.random.default_rng(seed)
    rng.permutation(n_items), rng.permutation(n_models)  # the tests' seeds were chosen after these
    items = tuple(f"item{k:04d}" for k in range(n_items))
    models = tuple(f"model{k:04d}" for k in range(n_models))
    discrimination = rng.lognormal(0.0, 0.4, (n_items, dimensions))
    discrimination[:, 1:] *= rng.choice([-0.7, 0.7], (n_items, dimensions - 1))
    intercept = rng.normal(0.3, 1.3, n_items)
    ability = rng.normal(size=(n_models, dimensions))
    model = IRTModel(
        items,
        discrimination,
        intercept,
        np.zeros(n_items),
        ability.mean(axis=0),
        np.cov(ability, rowvar=False).reshape(dimensions, dimensions) + 1e-6 * np.eye(dimensions),
    )
    p = model.probability(ability)
    scores = rng.binomial(5, p) / 5.0 if graded else (rng.random(p.shape) < p).astype(float)
    hidden = rng.random(p.shape) < missing
    hidden[np.arange(n_models), np.arange(n_models) % n_items] = False
    hidden[np.arange(n_items) % n_models, np.arange(n_items)] = False
    scores[hidden] = np.nan
    columns = {"full": np.clip(0.2 + 0.6 * p.mean(axis=1) + rng.normal(0, 0.01, n_models), 0, 1)}
    table = Table(
        items,
        {
            "benchmark": np.array([f"bench{k % benchmarks}" for k in range(n_items)]),
            "subject": np.array([f"subject{k // benchmarks % 2}" for k in range(n_items)]),
        },
    )
    responses = ResponseMatrix(scores, Table(models, columns if column else {}), table)
    return responses, IRTFit(model, ability, float("nan"), {})


def history_of(responses: ResponseMatrix, fit: IRTFit, column: str | None = None) -> History:
    """The history of these responses and this fit."""
    return History(responses, make_targets(responses, column), fit)


def make_history(
    n_models: int = 40, n_items: int = 60, dimensions: int = 1, seed: int = 0, **options
) -> History:
    """The history of simulated models, with their true parameters as the IRT fit."""
    column = "full" if options.get("column") else None
    return history_of(*simulate(n_models, n_items, dimensions, seed, **options), column)


def take_models(history: History, index: np.ndarray) -> History:
    """The history of some of the models, by position, under the same item parameters."""
    fit = history.fit
    part = IRTFit(fit.model, fit.ability[index], fit.log_likelihood, fit.held_out)
    return history_of(
        history.responses.take(models=index), part, history.targets.columns.get(OVERALL)
    )


def take_items(history: History, index: np.ndarray) -> History:
    """The history on some of the items, or on all in another order, by position."""
    fit = history.fit
    part = IRTFit(fit.model.take(index), fit.ability, fit.log_likelihood, fit.held_out)
    return history_of(
        history.responses.take(items=index), part, history.targets.columns.get(OVERALL)
    )


def split_models(history: History, n_source: int) -> tuple[History, History]:
    """The first ``n_source`` models as a history of its own, and the rest."""
    index = np.arange(history.responses.n_models)
    return take_models(history, index[:n_source]), take_models(history, index[n_source:])


def reliability(said, seen, least=100):
    """Rows of share seen minus mean probability said, and cases, of six bins of probability."""
    edges = np.array([0, 0.1, 0.3, 0.5, 0.7, 0.9])
    which = np.searchsorted(edges, said, side="right")
    found = [(seen[which == k].mean() - said[which == k].mean(), (which == k).sum())
             for k in range(1, 7) if (which == k).sum() >= least]  # fmt: skip
    return np.array(found).reshape(-1, 2)
