"""Settings: defaults, what may be changed and how, and errors that name file, key and remedy."""

import numpy as np
import pytest

from tinyeval.config import Settings, checked_options, load_settings, parse_settings
from tinyeval.errors import ConfigError
from tinyeval.selection import get_selector


def write(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# --- reading ------------------------------------------------------------------------------------


def test_an_empty_recipe_is_the_default(tmp_path):
    for text in ("", "# nothing but a comment\n", "{}"):
        assert load_settings(write(tmp_path, text)) == Settings()


def test_a_recipe_changes_what_it_names(tmp_path):
    text = "items: 30\nirt:\n  dimensions: [1, 3]\nselection: {method: random}\n"
    found = load_settings(write(tmp_path, text))
    assert (found.items, found.irt.dimensions, found.selection.method) == (30, [1, 3], "random")
    assert found.irt.guessing == Settings().irt.guessing
    assert found.estimator == Settings().estimator


def test_settings_survive_a_round_trip():
    settings = Settings().replace(
        items=7, target={"column": "full"}, estimator={"options": {"drift": [0.0, 0.1]}}
    )
    assert parse_settings(settings.model_dump(), "here") == settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("itms: 30", "itms", "there is no such setting; known are: items, budget"),
        ("irt: {dimension: [1]}", r"irt\.dimension", "no such setting; known are: method, dim"),
        ("items: 0", "items", "greater than or equal to 1"),
        ("items: many", "items", "valid integer"),
        ("items: 2.5", "items", "integer"),
        ("seed: -1", "seed", "greater than or equal to 0"),
        ("irt: {dimensions: []}", r"irt\.dimensions", "at least 1 item"),
        ("irt: {dimensions: 3}", r"irt\.dimensions", "valid list"),
        ("irt: {dimensions: [one]}", r"irt\.dimensions\.0", "valid integer"),
        ("irt: {guessing: 1}", r"irt\.guessing", "less than 1"),
        ("irt: {guessing: .nan}", r"irt\.guessing", "less than 1"),
        ("irt: {method: magic}", r"irt\.method", "'map' or 'pyro'"),
        ("irt: {block_size: 0}", r"irt\.block_size", "greater than or equal to 1"),
        ("interval: {level: 1}", r"interval\.level", "less than 1"),
        ("interval: {level: 90}", r"interval\.level", "less than 1"),
        ("interval: {groups: ''}", r"interval\.groups", "at least 1 character"),
        ("interval: {groups: 3}", r"interval\.groups", "valid string"),
        ("interval: {folds: 1}", r"interval\.folds", "greater than or equal to 2"),
        ("target: {benchmark_weights: none}", r"target\.benchmark_weights", "'items' or 'equal'"),
        ("selection: random", "selection", "valid dictionary"),
        ("selection: {options: 3}", r"selection\.options", "valid dictionary"),
        ("irt:", "irt", "valid dictionary"),
        ("1: 2", "1", "there is no such setting"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_remedy(tmp_path, text, key, hint):
    with pytest.raises(ConfigError, match=rf"recipe\.yaml: {key}: .*{hint}"):
        load_settings(write(tmp_path, text))


@pytest.mark.parametrize("text", ["- items\n- 30\n", "items", "3"])
def test_a_recipe_that_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"recipe\.yaml: expected a mapping of settings, found"):
        load_settings(write(tmp_path, text))


def test_broken_yaml_is_refused_with_its_line(tmp_path):
    with pytest.raises(ConfigError, match=r"recipe\.yaml:3: not valid YAML"):
        load_settings(write(tmp_path, "items: 30\nirt:\n\tguessing: 0\n"))


@pytest.mark.parametrize("text", ["items: !!python/object/apply:os.getpid []", "a: \x00"])
def test_yaml_that_runs_code_or_is_binary_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_settings(write(tmp_path, text))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read as a recipe"):
            load_settings(path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("device: caf\xe9".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml: cannot be read as a recipe"):
        load_settings(latin)


# --- changing -----------------------------------------------------------------------------------


def test_replace_returns_new_settings():
    old = Settings()
    new = old.replace(items=5)
    assert (old.items, new.items) == (100, 5)


def test_replace_changes_one_key_of_a_section():
    one = Settings().replace(irt={"guessing": 0.25}).replace(irt={"dimensions": [2]})
    assert (one.irt.guessing, one.irt.dimensions) == (0.25, [2])


def test_replace_ignores_none_but_not_within_a_section():
    one = Settings().replace(items=None, target={"column": "full"})
    assert (one.items, one.target.column) == (100, "full")
    assert one.replace(target={"column": None}).target.column is None


def test_replace_takes_whole_options():
    one = Settings().replace(estimator={"method": "ridge", "options": {"a": 1}})
    other = one.replace(estimator={"options": {}})
    assert (other.estimator.method, other.estimator.options) == ("ridge", {})


def test_replace_validates():
    with pytest.raises(ConfigError, match="the settings: items: "):
        Settings().replace(items=0)
    with pytest.raises(ConfigError, match=r"the settings: irt\.depth: there is no such setting"):
        Settings().replace(irt={"depth": 3})


def test_settings_cannot_be_written():
    with pytest.raises(ValueError, match="frozen"):
        Settings().items = 3
    with pytest.raises(ValueError, match="frozen"):
        Settings().irt.guessing = 0.5


# --- budgets and quotas -------------------------------------------------------------------------


def test_the_default_number_stands_back_where_something_else_says_how_many():
    assert Settings().replace(budget=500).items is None
    assert Settings().replace(quotas={"anchors": 20}).items is None
    assert Settings().replace(quotas={"by": "subject"}).items == 100
    assert parse_settings({"quotas": {"anchors": {"arc": "5+"}}}, "here").items is None


def test_a_number_that_was_asked_for_stays():
    assert Settings().replace(items=100).replace(budget=500).items == 100
    assert Settings().replace(budget=500).replace(items=30).items == 30
    assert parse_settings({"items": 7, "budget": 500}, "here").items == 7


def test_quotas_are_read_as_numbers_or_least_numbers():
    def read(anchors):
        return parse_settings({"quotas": {"anchors": anchors}}, "here").quotas.anchors

    assert read(20) == read("20") == read(" 20 ") == 20
    assert read("20+") == "20+"
    assert read({"arc": "20", "gsm8k": "5+", 7: 3}) == {"arc": 20, "gsm8k": "5+", "7": 3}


def test_budgets_and_quotas_survive_a_round_trip():
    settings = Settings().replace(budget=0.5, cost="tokens", quotas={"anchors": {"arc": "5+"}})
    assert parse_settings(settings.model_dump(), "here") == settings
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


@pytest.mark.parametrize("value", ["many", "20-", "+20", "-3", -3, 2.5, True, "", [], "٣"])
def test_a_quota_that_is_no_number_is_refused(value):
    with pytest.raises(ConfigError, match=r"here: quotas\.anchors: expected a number of anchors"):
        parse_settings({"quotas": {"anchors": value}}, "here")
    with pytest.raises(ConfigError, match=r"such as 20, or 20\+ for at least 20, found"):
        parse_settings({"quotas": {"anchors": {"arc": value}}}, "here")


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "much"])
def test_a_budget_that_is_no_amount_is_refused(value):
    with pytest.raises(ConfigError, match="here: budget: "):
        parse_settings({"budget": value}, "here")


# --- options of methods -------------------------------------------------------------------------


def method(history, n, *, rng, depth=1, width=2.0):
    return history, n, rng, depth, width


def test_known_options_pass():
    assert checked_options(method, {"depth": 3}, "selection") == {"depth": 3}
    assert checked_options(method, {}, "selection") == {}


@pytest.mark.parametrize("name", ["hight", "rng", "n", "history"])
def test_an_unknown_option_is_refused_with_the_known_ones(name):
    with pytest.raises(
        ConfigError, match=rf"selection\.options: unknown option '{name}'; .*: depth, width"
    ):
        checked_options(method, {name: 3}, "selection")


def test_a_method_without_options_says_so():
    with pytest.raises(ConfigError, match="unknown option 'seed'; known are: none"):
        checked_options(get_selector("random"), {"seed": np.int64(1)}, "selection")
