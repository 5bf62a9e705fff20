"""Real results: better than random items, intervals that hold, and a word for awkward sets."""

from functools import cache

import numpy as np
import pytest
from helpers import real, reliability

from tinyeval.backtesting.backtest import backtest
from tinyeval.backtesting.splits import make_splits
from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.config import Settings
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import import_results
from tinyeval.responses import ResponseMatrix

pytestmark = pytest.mark.slow

QUICK = Settings().replace(device="cpu", irt={"dimensions": [2]}, interval={"folds": 2})


@cache
def read(name: str, every: int = 1) -> ResponseMatrix:
    """A result set, on every ``every``-th item."""
    folder = real(name)
    notes = folder / "items.csv"
    found = import_results(  # some have blocks of one mark, of which read_results warns
        folder / "responses.parquet", items_table=notes if notes.exists() else None
    ).responses
    return found.take(None, np.arange(0, found.n_items, every))


@pytest.mark.parametrize(
    ("name", "every"),
    [("helm_legalbench_79", 8), ("alpaca_eval2_weighted", 2), ("mmlu_pro_29", 8)],
)
def test_chosen_items_tell_more_than_random_ones(name, every):
    found = backtest(
        read(name, every),
        items=[50],
        methods=["default", "random+mean"],
        repeats=3,
        settings=QUICK,
    )
    chosen, random = found.summary()
    assert chosen["mae"] < random["mae"]
    assert chosen["mae"] < 0.05
    assert chosen["kendall"] > 0.7
    assert 0.75 <= chosen["coverage"] <= 1
    assert chosen["width"] < 0.35


PAIRS_OF = [("ollb2_ifeval_musr", 4), ("arc_challenge_official", 4), ("helm_legalbench_79", 4)]
FOLDS = QUICK.replace(items=50, interval={"folds": 4})


@cache
def banks(name: str, every: int, split: str) -> list[tuple[ResponseMatrix, ItemBank]]:
    """Models to be tested on, and a bank of the others, for each of two splits at most."""
    splits = make_splits(read(name, every), split, repeats=2)
    return [(test, build(source, settings=FOLDS)) for source, test in splits]


def compared(name: str, every: int, split: str) -> tuple[np.ndarray, ...]:
    """Coverage of each difference of test models, width, and what was said of the leader."""
    rows = []
    for test, bank in banks(name, every, split):
        truth = dict(zip(test.models.ids, np.nanmean(test.scores, 1), strict=True))
        for one in bank.compare(test):
            gap = truth[one.a] - truth[one.b]
            sure = max(one.probability, 1 - one.probability)
            right = 0.5 if gap == 0 else (gap > 0) == (one.probability >= 0.5)
            rows.append((one.lower <= gap <= one.upper, one.upper - one.lower, sure, right))
    return tuple(np.array(rows, dtype=float).T)


@pytest.mark.parametrize(("name", "every"), PAIRS_OF)
def test_differences_of_models_like_the_source_are_covered_and_their_signs_honest(name, every):
    covered, width, sure, right = compared(name, every, "random")
    assert 0.8 <= covered.mean() <= 0.99
    assert width.mean() < 0.25
    assert right.mean() == pytest.approx(sure.mean(), abs=0.04)
    doubtful = (sure > 0.6) & (sure < 0.9)
    assert right[doubtful].mean() == pytest.approx(sure[doubtful].mean(), abs=0.1)


def margins(name: str, every: int, split: str) -> tuple[np.ndarray, ...]:
    """Said and seen, of better and worse by more than 2 and 5 points, and of within them."""
    beyond, within = [], []
    for test, bank in banks(name, every, split):
        truth = dict(zip(test.models.ids, np.nanmean(test.scores, 1), strict=True))
        for margin in (0.02, 0.05):
            for one in bank.compare(test, margin=margin):
                gap = truth[one.a] - truth[one.b]
                beyond += [(one.better, gap > margin), (one.worse, -gap > margin)]
                within.append((one.within, abs(gap) <= margin))
    return np.array(beyond, dtype=float).T, np.array(within, dtype=float).T


@pytest.mark.parametrize(("name", "every"), PAIRS_OF)
def test_probabilities_of_a_margin_are_honest_for_models_like_the_source(name, every):
    for said, seen in margins(name, every, "random"):
        gaps = reliability(said, seen)
        assert len(gaps) >= 2
        assert np.average(np.abs(gaps[:, 0]), weights=gaps[:, 1]) < 0.05
        assert np.abs(gaps[:, 0]).max() < 0.15


def test_margins_beyond_the_range_are_nearly_honest_where_many_models_are_tested():
    for said, seen in margins(*PAIRS_OF[0], "top"):
        gaps = reliability(said, seen)
        assert np.average(np.abs(gaps[:, 0]), weights=gaps[:, 1]) < 0.06


def test_the_signs_of_differences_beyond_the_range_are_no_more_certain_than_true():
    figures = [compared(name, every, "top") for name, every in PAIRS_OF]
    covered, _, sure, right = (
        np.array([one.mean() for one in column]) for column in zip(*figures, strict=True)
    )
    assert (covered > 0.7).all()
    assert covered.mean() > 0.82
    assert right.mean() > sure.mean() - 0.1


@pytest.mark.parametrize(("name", "every"), PAIRS_OF)
def test_flags_are_rare_on_models_like_the_source_and_find_mixed_up_answers(name, every):
    alarms, found, far = [], [], []
    for test, bank in banks(name, every, "random"):
        answers = test.align(bank.anchors.items)
        mixed = np.random.default_rng(0).permuted(answers, axis=1)
        spoilt = ResponseMatrix.from_arrays(mixed, test.models.ids, bank.anchors.items)
        alarms += [(not one.in_range, one.misfit) for one in bank.predict(test)]
        found += [one.misfit for one in bank.predict(spoilt)]
    test, bank = banks(name, every, "top")[0]
    far = [not one.in_range for one in bank.predict(test)]
    assert (np.mean(alarms, axis=0) <= 0.15).all()  # 0.05 is meant, of 40 models here
    assert np.mean(found) > 0.85
    assert np.mean(far) > 0.7


def test_the_strongest_models_are_predicted_from_the_weakest_by_allowing_for_drift():
    responses = read("ollb2_ifeval_musr", 4)
    still = QUICK.replace(
        selection={"options": {"drift": [0.0]}},
        estimator={"method": "kriging", "options": {"drift": [0.0]}},
    )
    ours, without = (
        backtest(responses, items=[50], split="top", methods=["default"], settings=one).rows[0]
        for one in (QUICK, still)
    )
    assert ours["mae"] < 0.06
    assert ours["mae"] < 0.7 * without["mae"]
    assert ours["coverage"] > 0.7


@pytest.mark.parametrize(("name", "items"), [("swebench_pro_9", 30), ("terminal_bench_9", 20)])
def test_nine_models_are_enough(name, items):
    responses = read(name)
    bank = build(responses, items=items, settings=QUICK)
    assert bank.source["models"] == 9
    assert 0.01 < bank.expected_error[items] < 0.15
    known = responses.observed.mean(1) > 0.95
    for one, scores in zip(bank.predict(responses), responses.scores, strict=True):
        assert 0 < one.upper - one.lower < 0.8
        if known[responses.models.ids.index(one.model)]:
            assert one.lower <= np.nanmean(scores) <= one.upper


def test_a_benchmark_smaller_than_the_budget_is_refused():
    with pytest.raises(ConfigError, match="100 items were asked for, but the benchmark has 80"):
        build(read("terminal_bench_9"), items=100, settings=QUICK)


def test_eleven_benchmarks_and_twelve_models_one_of_them_aberrant():
    responses = read("psn_irt_12", 16)
    assert len(responses.benchmarks) == 11
    bank = build(responses, items=60, settings=QUICK)
    assert bank.predictor.targets == ("overall", *responses.benchmarks)
    found = bank.predict(responses)
    error = [one.score - scores.mean() for one, scores in zip(found, responses.scores, strict=True)]
    assert np.abs(error).mean() < 0.05
    for one in found:
        assert list(one.benchmarks) == list(responses.benchmarks)
        assert all(b.lower <= b.score <= b.upper for b in one.benchmarks.values())


def test_a_split_of_nine_models_leaves_enough_but_one_of_six_does_not():
    responses = read("terminal_bench_9")
    found = backtest(responses, items=[20], methods=["random+mean"], repeats=2, settings=QUICK)
    assert all(row["models"] == 2 for row in found.rows)
    with pytest.raises(DataError, match="at least 5 and 1 are needed"):
        backtest(responses.take(np.arange(6)), items=[20], split="random", settings=QUICK)
