"""Real results: better than random items, intervals that hold, and a word for awkward sets."""

from pathlib import Path

import numpy as np
import pytest

from tinyeval.backtesting import backtest
from tinyeval.building import build
from tinyeval.config import Settings
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import read_results
from tinyeval.responses import ResponseMatrix

DATA = Path(__file__).parent.parent / ".." / "shared" / "data"
QUICK = Settings().replace(device="cpu", irt={"dimensions": [2]}, interval={"folds": 2})

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="real results are not beside the repository"
)


def read(name: str, every: int = 1) -> ResponseMatrix:
    """A result set, on every ``every``-th item."""
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"there is no result set {name}")
    notes = folder / "items.csv"
    found = read_results(
        folder / "responses.parquet", items_table=notes if notes.exists() else None
    )
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


def test_the_strongest_models_are_predicted_from_the_weakest_by_allowing_for_drift():
    responses = read("ollb2_ifeval_musr", 4)
    still = QUICK.replace(
        selection={"options": {"drift": [0.0]}}, estimator={"options": {"drift": [0.0]}}
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
