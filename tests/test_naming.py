"""What models are called whose runs differ."""

from pathlib import Path

import pytest

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.block import Run
from tinyeval.importers.naming import compare_settings, folder_names, name_runs

ARC, GSM = frozenset({"arc"}), frozenset({"gsm"})


def named(*runs, by=(), sources=()):
    return name_runs([(run, where) for run, where in runs], by, sources).names


def run(model="m", date="", **facts):
    settings = {k.replace("_", "-"): v for k, v in facts.items() if k in ("n_shot", "temperature")}
    identity = {k: v for k, v in facts.items() if k not in ("n_shot", "temperature")}
    return Run(model, identity, settings, date)


def test_facts_that_do_not_differ_name_nothing():
    runs = [(run(revision="a", n_shot="5"), ARC), (run(revision="a", n_shot="5"), GSM)]
    found = name_runs(runs)
    assert (found.names, found.findings) == (["m", "m"], ())
    assert named((run("m", revision="a"), ARC), (run("n", revision="b"), ARC)) == ["m", "n"]


def test_six_checkpoints_are_six_models():
    runs = [(run("org/m", revision=f"step{k}"), ARC) for k in range(6)]
    found = name_runs(runs)
    assert found.names == [f"org/m [revision=step{k}]" for k in range(6)]
    (told,) = found.findings
    assert str(told) == (
        "guessed: 6 models are told apart by their revision: 'org/m [revision=step0]', "
        "'org/m [revision=step1]', 'org/m [revision=step2]', ..."
    )


def test_only_facts_that_differ_are_named_and_unknown_ones_are_left_out():
    runs = (
        (run(revision="a", adapter="x", base="b"), ARC),
        (run(revision="a", base="b"), ARC),
        (run(base="b"), ARC),
    )
    assert named(*runs) == ["m [revision=a, adapter=x]", "m [revision=a]", "m"]


def test_settings_that_differ_on_one_benchmark():
    runs = ((run(n_shot="0"), ARC), (run(n_shot="5"), ARC))
    assert named(*runs) == ["m [n-shot=0]", "m [n-shot=5]"]
    apart = ((run(n_shot="0"), ARC), (run(n_shot="5"), GSM))
    assert named(*apart) == ["m", "m"]


def test_a_run_keeps_its_benchmarks_together():
    first, second = "2026-01-01", "2026-01-02"
    runs = (
        (run(n_shot="0", date=first), ARC),
        (run(n_shot="25", date=second), ARC),
        (run(n_shot="8", date=second), GSM),
    )
    assert named(*runs) == ["m [n-shot=0]", "m [n-shot=25]", "m [n-shot=25]"]


def test_shots_of_several_benchmarks_are_all_named():
    runs = [(run(n_shot="0", date="1"), where) for where in (ARC, GSM)]
    runs += [(run(n_shot=n, date="2"), where) for n, where in (("25", ARC), ("8", GSM))]
    assert named(*runs) == ["m [n-shot=0]"] * 2 + ["m [n-shot=25/8]"] * 2


def test_a_benchmark_goes_with_the_run_of_its_settings():
    runs = (
        (run(temperature="1"), GSM),
        (run(temperature="0.2"), ARC),
        (run(temperature="1"), ARC),
    )
    assert named(*runs) == ["m [temperature=1]", "m [temperature=0.2]", "m [temperature=1]"]


def test_settings_name_within_one_identity():
    runs = (
        (run(revision="a", n_shot="0"), ARC),
        (run(revision="b", n_shot="5"), ARC),
        (run(revision="b", n_shot="0"), ARC),
    )
    expected = ["m [revision=a]", "m [revision=b, n-shot=5]", "m [revision=b, n-shot=0]"]
    assert named(*runs) == expected


def test_a_setting_that_is_the_default_has_no_value():
    runs = ((run(), ARC), (run(temperature="1"), ARC))
    assert named(*runs) == ["m", "m [temperature=1]"]


def test_many_runs_of_one_kind_are_one_model():
    runs = [(run(n_shot=str(k % 2), date=str(k)), ARC) for k in range(40)]
    assert named(*runs) == [f"m [n-shot={k % 2}]" for k in range(40)]


def test_names_by_chosen_facts():
    runs = ((run(revision="a", n_shot="0", date="1"), ARC), (run(n_shot="5", date="2"), ARC))
    assert named(*runs, by=["n-shot"]) == ["m [n-shot=0]", "m [n-shot=5]"]
    assert named(*runs, by=["revision", "n-shot"])[0] == "m [revision=a, n-shot=0]"
    assert named(*runs, by=["model"]) == ["m", "m"]
    assert named(*runs, by=["date"]) == ["m [date=1]", "m [date=2]"]
    with pytest.raises(ConfigError, match=r"no run says anything of 'agent'.*'n-shot', 're"):
        named(*runs, by=["agent"])


def test_names_by_folders(tmp_path):
    sources = [tmp_path / one / "out" / "x.json" for one in ("a", "b", "a")]
    runs = [(run(n_shot=n), ARC) for n in ("0", "0", "5")]
    assert named(*runs, by=["file"], sources=sources) == ["a", "b", "a"]
    assert named(*runs, by=["file", "n-shot"], sources=sources)[2] == "a [n-shot=5]"
    assert folder_names([tmp_path / "only" / "x"]) == ["only"]
    deep = [tmp_path / "a" / "1" / "x", tmp_path / "a" / "2" / "sub" / "x", Path("/x")]
    assert len(set(folder_names(deep))) == 3


def test_settings_that_differ_between_models_are_in_doubt():
    runs = [(run("a", n_shot="5"), ARC), (run("b", n_shot="0"), ARC), (run("b", n_shot="0"), GSM)]
    (told,) = compare_settings(runs, ["a", "b", "b"])
    assert (told.kind, told.count, told.examples) == ("doubt", 1, ("arc: 5 (a), 0 (b)",))
    assert "n-shot differs" in told.what
    templates = [(Run(one, {}, {"template": one}), ARC) for one in "ab"]
    assert compare_settings(templates, ["a", "b"]) == ()
    unknown = [(run("a", n_shot="5"), ARC), (Run("b"), ARC)]
    assert compare_settings(unknown, ["a", "b"]) == ()


def test_a_run_has_a_model():
    assert Run("m", {"revision": ""}, {"n-shot": "0"}).identity == {}
    with pytest.raises(DataError, match="name of a model"):
        Run(" ")
