"""Banks of repeated histories: what they say of new models, on disk, and on the command line."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import simulate
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval import ItemBank, build, read_results
from tinyeval.bank.identity import identity
from tinyeval.bank.packing import pack, unpack
from tinyeval.bank.run_arrays import read_runs
from tinyeval.calibration.doubts import NOT_KNOWN, NOT_REPEATED
from tinyeval.calibration.replayed import thinned
from tinyeval.cli import main
from tinyeval.errors import BankError
from tinyeval.importers import write_results
from tinyeval.responses import ResponseMatrix


def repeated(n=90, items=50, runs=5, seed=6):
    """Models that are stronger or weaker on single items than their abilities say."""
    responses, fit = simulate(n, items, 2, seed)
    rng = np.random.default_rng(seed)
    p = fit.model.probability(fit.ability)
    odds = np.log(p / (1 - p)) * 1.3 + rng.normal(0, 1.3, p.shape)
    scores = rng.binomial(runs, 1 / (1 + np.exp(-odds))) / runs
    trials = np.full(scores.shape, runs, dtype=np.uint16)
    return replace(responses, scores=scores.astype(np.float32), trials=trials)


@pytest.fixture(scope="module")
def models():
    every = repeated()
    return every.take(np.arange(60)), every.take(np.arange(60, 90))


@pytest.fixture(scope="module")
def bank(models, fast):
    return build(models[0], settings=fast.replace(items=12), name="repeated")


def runs_of(new, n, seed=0):
    return thinned(new, n, np.random.default_rng(seed))[0]


def widths(found):
    return np.array(
        [(one.upper - one.lower, one.of_runs.upper - one.of_runs.lower) for one in found]
    )


def test_the_bank_knows_its_number_of_runs_and_calibrates_fewer(bank):
    assert bank.predictor.trials == 5
    assert [one.trials for one in bank.predictor.levels] == [1, 2, 5]
    errors = [bank.predictor.expected_error(0, n)[12] for n in (1, 2, 5)]
    assert errors == sorted(errors, reverse=True)
    assert bank.expected_error[12] == errors[-1] == bank.predictor.expected_error(0, 9)[12]


def test_intervals_widen_for_models_that_ran_less(bank, models):
    found = {n: bank.predict(runs_of(models[1], n)) for n in (1, 2, 5)}
    for n, predictions in found.items():
        assert {one.trials for one in predictions} == {n}
        assert all(
            one.of_runs.lower <= one.of_runs.score <= one.of_runs.upper for one in predictions
        )
    mean = np.array([widths(found[n]).mean(0) for n in (1, 2, 5)])
    assert (np.diff(mean, axis=0) < 0).all()


def held(bank, new):
    """Whether the intervals of what the new models' own runs show hold."""
    truth = new.scores.mean(axis=1)
    found = [one.shown for one in bank.predict(new)]
    return [low <= true <= high for true, (_, low, high) in zip(truth, found, strict=True)]


def test_intervals_hold_for_models_run_once_twice_and_five_times(bank, models, fast):
    """Of 30 models and several draws; paper_repro/trials.py has the figures."""
    plain = build(replace(models[0], trials=None), settings=fast.replace(items=12))
    share = {}
    for n in (1, 2, 5):
        drawn = [runs_of(models[1], n, seed) for seed in range(4)]
        share[n] = np.mean([held(bank, one) for one in drawn])
        assert share[n] > 0.8, share
    once = [replace(runs_of(models[1], 1, seed), trials=None) for seed in range(4)]
    assert np.mean([held(plain, one) for one in once]) < share[1] - 0.1


def test_models_with_different_numbers_of_runs_are_read_each_by_its_own(bank, models):
    new = models[1].take(np.arange(3))
    once, all_ = runs_of(new, 1), new
    scores, trials = np.array(all_.scores), np.array(all_.trials)
    scores[0], trials[0] = once.scores[0], 1
    mixed = bank.predict(ResponseMatrix(scores, new.models, new.items, trials))
    assert [one.trials for one in mixed] == [1, 5, 5]
    alone = bank.predict(once)[0]
    assert_allclose([mixed[0].score, *mixed[0].of_runs], [alone.score, *alone.of_runs], atol=1e-9)
    assert_allclose(mixed[1].upper, bank.predict(all_)[1].upper, atol=1e-9)


def test_comparisons_know_the_number_of_runs(bank, models):
    new = models[1].take([3, 17])
    (five,), (once,) = bank.compare(new), bank.compare(runs_of(new, 1))
    assert (five.trials, once.trials) == (5, 1)
    assert once.upper - once.lower > five.upper - five.lower
    assert once.to_dict()["trials"] == 1


def test_a_method_that_knows_no_runs_is_calibrated_for_them_all_the_same(models, fast):
    settings = fast.replace(items=12, estimator={"method": "mean"})
    plain = build(models[0], settings=settings)
    assert [one.trials for one in plain.predictor.levels] == [1, 2, 5]
    once, five = (plain.predict(runs_of(models[1], n)) for n in (1, 5))
    assert widths(once).mean() > widths(five).mean()
    assert all(one.of_runs == (one.score, one.lower, one.upper) for one in (*once, *five))


def test_a_history_may_be_repeated_in_part(fast):
    """Folds then differ in how much was repeated, and some models have no other runs."""
    every = repeated(60, 40)
    order = np.random.default_rng(3).permutation(60)
    once = thinned(every, 1, np.random.default_rng(0))[0]
    scores, trials = np.array(every.scores), np.array(every.trials)
    scores[order[:29]], trials[order[:29]] = once.scores[order[:29]], 1
    mixed = ResponseMatrix(scores, every.models, every.items, trials)
    bank = build(mixed, settings=fast.replace(items=8, interval={"folds": 5}))
    assert bank.predictor.trials == 5
    found = [bank.predict(runs_of(every.take([3]), n))[0] for n in (1, 5)]
    assert found[0].upper - found[0].lower > found[1].upper - found[1].lower
    rare = np.array(every.trials)
    rare[order[:31]] = 1  # more than half were run once
    scores[order[:31]] = once.scores[order[:31]]
    seldom = ResponseMatrix(scores, every.models, every.items, rare)
    assert build(seldom, settings=fast.replace(items=8)).predictor.trials == 1


def test_a_number_that_is_not_known_is_one_and_said(bank, models):
    (five,) = bank.predict(replace(models[1].take([4]), trials=None))
    assert five.trials == 1
    assert NOT_KNOWN in five.warnings
    right_or_wrong = replace(runs_of(models[1].take([4]), 1), trials=None)
    (once,) = bank.predict(right_or_wrong)
    assert NOT_KNOWN not in once.warnings


def test_a_bank_that_was_not_repeated_says_so_and_predicts_as_before(source, new_models, fast):
    plain = build(source, settings=fast)
    assert plain.predictor.trials == 1
    assert not any(name.startswith("trials") for name in plain.files().arrays)
    assert "trials" not in plain.files().manifest
    told = replace(new_models, trials=np.full(new_models.scores.shape, 3, dtype=np.uint16))
    one, other = plain.predict(told)[0], plain.predict(new_models)[0]
    assert (one.score, one.lower, one.upper) == (other.score, other.lower, other.upper)
    assert NOT_REPEATED in one.warnings
    assert one.trials is None
    assert "trials" not in one.to_dict()
    assert "of_runs" not in one.to_dict()
    assert NOT_REPEATED not in other.warnings


def test_a_saved_bank_predicts_the_same(bank, models, tmp_path):
    bank.save(tmp_path / "bank")
    loaded = ItemBank.load(tmp_path / "bank")
    assert loaded.digest == bank.digest
    for n in (1, 5):
        new = runs_of(models[1], n)
        assert [one.to_dict() for one in loaded.predict(new)] == [
            one.to_dict() for one in bank.predict(new)
        ]
    readme = (tmp_path / "bank" / "README.md").read_text()
    assert "means of 5 runs" in readme
    assert "A model run 1 time: " in readme


def test_the_same_history_gives_the_same_bank(models, bank, fast):
    again = build(models[0], settings=fast.replace(items=12))
    assert again.digest == bank.digest
    assert (
        build(replace(models[0], trials=None), settings=fast.replace(items=12)).digest
        != bank.digest
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.pop("trials/usual"), "no trials/usual"),
        (lambda a: a.update({"trials/usual": np.array(1)}), "from 2 to"),
        (lambda a: a.update({"trials/usual": np.array([5, 5])}), "from 2 to"),
        (lambda a: a.update({"trials/usual": np.array(5.0)}), "expected int64"),
        (lambda a: a.update({"trials/usual": np.array(2)}), "fewer runs than"),
        (lambda a: a.pop("trials/1/calibration/noise"), "no trials/1/calibration/noise"),
        (lambda a: a.update({"trials/0/calibration/noise": np.ones(1)}), "no bank has trials/0"),
        (lambda a: a.update({"trials/1/other/noise": np.ones(1)}), "no bank has trials/1/other"),
        (lambda a: a.update({"trials/1/calibration/x": np.ones(1)}), "no bank has .*/x"),
        (lambda a: a.update({"trials/2/comparison/sizes": np.ones(1)}), "expected int64"),
        (lambda a: a.update({"trials/2/calibration/noise": np.ones(7)}), "expected .2, 7."),
        (lambda a: a.update({"estimator/repeats/single": np.ones(3)}), "single"),
        (lambda a: a.pop("estimator/repeats/held"), "held"),
    ],
)
def test_arrays_that_cannot_be_are_refused(bank, change, said):
    files = bank.files()
    arrays = dict(files.arrays)
    change(arrays)
    with pytest.raises((BankError, TypeError), match=said):
        unpack(replace(files, arrays=arrays))


def test_arrays_of_other_banks_are_left_alone():
    assert read_runs({"a/b": np.ones(1)})[:2] == (1, ())
    assert list(read_runs({"a/b": np.ones(1)})[2]) == ["a/b"]


def test_all_of_it_is_part_of_the_digest(bank):
    files = bank.files()
    name = "trials/1/calibration/noise"
    other = replace(files, arrays={**files.arrays, name: files.arrays[name] + 1e-6})
    assert identity(other) != identity(files)
    assert pack.__doc__


# --- command line -------------------------------------------------------------------------------


def run(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def folder(bank, models, tmp_path_factory):
    place = tmp_path_factory.mktemp("repeated")
    bank.save(place / "bank")
    write_results(models[1].take(np.arange(4)), place / "five.csv")
    write_results(replace(models[1].take(np.arange(4)), trials=None), place / "untold.csv")
    write_results(replace(models[0].take(np.arange(30)), trials=None), place / "history.csv")
    return place


def test_predict_shows_runs_and_the_score_of_these(folder):
    shown = run("predict", folder / "bank", folder / "five.csv")
    assert shown.exit_code == 0, shown.output
    assert "runs  score of these runs" in shown.stdout
    record = json.loads(run("predict", folder / "bank", folder / "five.csv", "--json").stdout)
    assert {one["trials"] for one in record["predictions"]} == {5}
    assert set(record["predictions"][0]["of_runs"]) == {"score", "lower", "upper"}


def test_trials_says_what_the_file_does_not(folder):
    untold = run("predict", folder / "bank", folder / "untold.csv", "--json")
    assert "--trials N" in json.loads(untold.stdout)["predictions"][0]["warnings"][-1]
    told = run("predict", folder / "bank", folder / "untold.csv", "--trials", 5, "--json")
    known = run("predict", folder / "bank", folder / "five.csv", "--json")
    assert json.loads(told.stdout)["predictions"] == json.loads(known.stdout)["predictions"]
    assert_array_equal(read_results(folder / "untold.csv", trials=5).usual_trials, 5)


@pytest.mark.parametrize(
    ("file", "trials", "said"),
    [
        ("untold.csv", "3", "no share of 3 runs"),
        ("five.csv", "5", "leave out --trials"),
        ("untold.csv", "0", "0 is not in the range"),
        ("untold.csv", "70000", "from 1 to 65,535"),
        ("untold.csv", "many", "not a valid integer"),
    ],
)
def test_numbers_that_cannot_be_are_one_clear_line(folder, file, trials, said):
    failed = run("predict", folder / "bank", folder / file, "--trials", trials)
    assert failed.exit_code != 0
    assert said in failed.output
    assert "Traceback" not in failed.output


def test_compare_and_show_say_the_number(folder):
    ranking = run("compare", folder / "bank", folder / "five.csv")
    assert "expected scores, from answers of 5 runs" in ranking.stdout
    shown = run("show", folder / "bank")
    assert "means of 5 runs; with all anchors, the error is" in shown.stdout.replace(
        "\n" + 12 * " ", " "
    )
    record = json.loads(run("show", folder / "bank", "--json").stdout)
    assert record["trials"]["history"] == 5
    assert set(record["trials"]["expected_error"]) == {"1", "2"}


@pytest.mark.slow
def test_build_says_that_scores_look_like_means(folder, tmp_path):
    doubted = run("build", folder / "history.csv", "--items", 5, "--out", tmp_path / "one")
    assert doubted.exit_code == 0, doubted.output
    assert "multiples of 1/5" in doubted.stderr
    five = (folder / "history.csv", "--items", 5, "--trials", 5)
    told = run("build", *five, "--out", tmp_path / "two")
    assert "multiples" not in told.stderr
    assert ItemBank.load(tmp_path / "two").predictor.trials == 5
    planned = run("plan", *five, "--repeats", 1)
    assert "run as often as these: 5 times" in planned.stdout
