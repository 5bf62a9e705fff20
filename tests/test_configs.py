import inspect
import re
from pathlib import Path

import pytest
import yaml
from helpers import simulate

from tinyeval.building import build
from tinyeval.cli import main
from tinyeval.config import Settings, checked_options, load_settings
from tinyeval.estimators import get_estimator
from tinyeval.selection import get_selector

RECIPES = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


def test_the_default_recipe_is_the_defaults():
    text = (RECIPES[0].parent / "default.yaml").read_text()
    assert load_settings(RECIPES[0].parent / "default.yaml") == Settings()
    values = yaml.safe_load(text)
    expected = Settings().model_dump() | {"stages": 1}  # which banks of one stage do not store
    assert values == expected, "default.yaml must name every setting"


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("optimal_design", get_selector("optimal_design")),
        ("stack", get_estimator("stack")),
    ],
)
def test_the_default_recipe_states_the_options_defaults(name, function):
    text = (RECIPES[0].parent / "default.yaml").read_text()
    stated = re.search(rf"for {name} the defaults are\s+#\s+(\{{[^}}]*\}})", text)
    assert stated is not None
    parameters = inspect.signature(function).parameters.values()
    options = [p for p in parameters if p.default is not p.empty and p.name != "budget"]
    defaults = {p.name: p.default for p in options}
    expected = {k: list(v) if isinstance(v, tuple) else v for k, v in defaults.items()}
    assert yaml.safe_load(stated.group(1).replace("#", "")) == expected


def test_the_default_recipe_says_where_methods_are_listed():
    text = (RECIPES[0].parent / "default.yaml").read_text()
    assert text.count("`tinyeval methods`") == 2
    assert "methods" in main.commands


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_names_known_methods_and_options(path):
    settings = load_settings(path)
    select, fit = get_selector(settings.selection.method), get_estimator(settings.estimator.method)
    checked_options(select, settings.selection.options, "selection")
    checked_options(fit, settings.estimator.options, "estimator")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["anchor_points", "fast", "tinybenchmarks"])
def test_recipes_build_banks(name):
    settings = load_settings(RECIPES[0].parent / f"{name}.yaml")
    bank = build(simulate(20, 25, seed=1)[0], items=6, settings=settings)
    assert len(bank.anchors) == 6
