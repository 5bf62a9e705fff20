"""Every recipe from answers to predictions, through a bank on disk."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import simulate

from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.config import load_settings

RECIPES = {path.stem: path for path in (Path(__file__).parents[1] / "configs").glob("*.yaml")}

PUBLISHED = {
    "aipw": ("random", "aipw"),
    "anchor_points": ("anchor_points", "kernel_ridge"),
    "metabench": ("information", "score_curve"),
    "mrmr": ("mrmr", "kernel_ridge"),
    "random_ridge": ("random", "ridge"),
    "sparseeval": ("sparse_eval", "mlp"),
    "tinybenchmarks": ("anchor_points", "tiny_benchmarks"),
}


@pytest.fixture(scope="module")
def models():
    """Answers of 34 models on 40 items of two benchmarks, some of them missing."""
    return simulate(34, 40, seed=3, benchmarks=2, missing=0.02)[0]


@pytest.fixture
def short_posterior(monkeypatch):
    """Few steps of Pyro: enough to run through, too few to be any good."""
    from tinyeval.irt import posterior

    monkeypatch.setattr(posterior, "fit_posterior", partial(posterior.fit_posterior, steps=30))


SLOW = ("few_models", "tinybenchmarks")

SHORT = {
    "sparseeval": {
        "selection": {"options": {"rounds": 2, "epochs": 5}},
        "estimator": {"options": {"epochs": 10}},
    },
    "tinybenchmarks": {"estimator": {"options": {"dimensions": [2, 5]}}},
}
"""Less work where a recipe takes long; how much there is of it makes no difference here."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in sorted(RECIPES)
    ],
)
def test_a_recipe_builds_a_bank_that_predicts_alike_when_loaded(
    name, models, tmp_path, short_posterior
):
    settings = load_settings(RECIPES[name]).replace(device="cpu", items=10, interval={"folds": 2})
    settings = settings.replace(**SHORT.get(name, {}))
    source, new = models.take(np.arange(26)), models.take(np.arange(26, 34))
    bank = build(source, settings=settings, name=name)
    assert len(bank.anchors) == 10
    predictions = bank.predict(new)
    for one in predictions:
        assert 0 <= one.lower <= one.score <= one.upper <= 1
        assert set(one.benchmarks) == {"bench0", "bench1"}
    bank.save(tmp_path / name)
    loaded = ItemBank.load(tmp_path / name)
    assert loaded.digest == bank.digest
    assert [one.to_dict() for one in loaded.predict(new)] == [one.to_dict() for one in predictions]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_recipe_of_a_published_method_is_that_method(name):
    settings = load_settings(RECIPES[name])
    assert (settings.selection.method, settings.estimator.method) == PUBLISHED[name]


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_says_what_it_costs(name):
    head = RECIPES[name].read_text(encoding="utf-8").split("\n\n")[:2]
    assert "Cost, one core" in "\n".join(head)
