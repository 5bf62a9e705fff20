"""What an import says of the scores themselves: on simulated and on real results."""

import time
from dataclasses import replace

import numpy as np
import pytest
from helpers import real, simulate

from tinyeval.errors import ConfigError
from tinyeval.importers import describe, import_results, read_results, write_results
from tinyeval.importers.audit.against import item_rest, speak_against
from tinyeval.importers.audit.copies import near_copies, one_of_each
from tinyeval.importers.audit.thin import reliability, warn_if_thin
from tinyeval.importers.audit.zeros import constant_blocks, treat_zeros
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table


def read(name: str) -> ResponseMatrix:
    folder = real(name)
    notes = folder / "items.csv"
    items = notes if notes.exists() else None
    return import_results(folder / "responses.parquet", items_table=items).responses


def matrix(scores, benchmarks=None, **options) -> ResponseMatrix:
    scores = np.array(scores, dtype=np.float32)
    models = tuple(f"m{k}" for k in range(len(scores)))
    items = tuple(f"q{k}" for k in range(scores.shape[1]))
    columns = {} if benchmarks is None else {"benchmark": np.array(benchmarks, dtype=object)}
    return ResponseMatrix(scores, Table(models), Table(items, columns), **options)


def with_flips(responses: ResponseMatrix, seed: int) -> tuple[ResponseMatrix, set[str]]:
    """The same with 10 % of the items turned round, and their ids."""
    pick = np.random.default_rng(seed).choice(
        responses.n_items, responses.n_items // 10, replace=False
    )
    scores = responses.scores.copy()
    scores[:, pick] = 1 - scores[:, pick]
    return replace(responses, scores=scores), {responses.items.ids[k] for k in pick}


# --- items that speak against the rest ----------------------------------------------------------


def test_the_correlation_with_the_rest_is_that_of_the_scores_and_ranks():
    responses, _ = simulate(60, 50, seed=1)
    found, n = item_rest(responses)
    assert (n == 60).all()
    for k in (0, 17, 49):  # the rest lacks a tenth of the items, so about and not exactly
        rest = np.delete(responses.scores, k, axis=1).mean(axis=1)
        rank = rest.argsort().argsort()
        assert found[k] == pytest.approx(np.corrcoef(responses.scores[:, k], rank)[0, 1], abs=0.12)


@pytest.mark.parametrize("options", [{}, {"missing": 0.3}, {"graded": True}, {"benchmarks": 3}])
def test_flipped_items_of_simulated_results_are_found_and_hardly_any_other(options):
    n_right = n_flagged = n_planted = 0
    for seed in range(3):
        responses, _ = simulate(150, 300, seed=seed, **options)
        spoilt, planted = with_flips(responses, seed)
        flagged = [one.item for one in speak_against(spoilt)[:200]]
        n_right += len(planted & set(flagged))
        n_flagged, n_planted = n_flagged + len(flagged), n_planted + len(planted)
    assert n_right >= 0.95 * n_flagged
    assert n_right >= 0.5 * n_planted


def test_clean_simulated_results_raise_hardly_a_flag():
    flags = [
        len(speak_against(simulate(n, 400, dimensions, seed=seed)[0]))
        for seed, (n, dimensions) in enumerate([(30, 1), (100, 1), (100, 2), (300, 3), (500, 1)])
    ]
    assert sum(flags) <= 2


def test_answers_by_chance_raise_hardly_a_flag():
    rng = np.random.default_rng(3)
    flags = [len(speak_against(matrix(rng.random((80, 500)) < 0.3))) for _ in range(5)]
    assert sum(flags) <= 2


def test_one_model_far_below_all_others_flags_no_item():
    """It alone is right on some items; ranks let it say no more than one model can."""
    rng = np.random.default_rng(0)
    scores = (rng.random((50, 200)) < 0.8).astype(float)
    scores[:, :20] = 0
    scores[0] = 0
    scores[0, :20] = 1
    assert speak_against(matrix(scores)) == ()


def test_too_few_models_say_nothing_of_items():
    responses, _ = simulate(9, 100, seed=1)
    assert speak_against(with_flips(responses, 0)[0]) == ()


def test_flagged_items_come_the_surest_first_with_their_error():
    spoilt, _ = with_flips(simulate(200, 200, seed=4)[0], 1)
    found = speak_against(spoilt)
    correlation = [one.correlation for one in found]
    assert correlation == sorted(correlation)
    assert all(one.error == pytest.approx((1 - one.correlation**2) / 197**0.5) for one in found)
    assert str(found[0]).startswith(f"'{found[0].item}' (-0.")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["helm_lite_83", "swebench_verified", "alpaca_eval2_weighted"])
def test_flipped_items_of_real_results_are_found(name):
    responses = read(name)
    own = {one.item for one in speak_against(responses)}
    assert len(own) <= 3  # they have a few bad items of their own
    spoilt, planted = with_flips(responses, 0)
    flagged = [one.item for one in speak_against(spoilt)[:200]]
    assert len(planted & set(flagged)) >= 0.95 * len(flagged)
    assert len(flagged) >= min(200, 0.5 * len(planted))


# --- near copies --------------------------------------------------------------------------------


def variants(n_models: int, n_each: int, changed: float, seed: int = 0) -> ResponseMatrix:
    """Models with several variants, each with a share of its answers drawn anew."""
    base = simulate(max(n_models, 2), 300, seed=seed)[0].scores[:n_models]
    rng = np.random.default_rng(seed)
    scores = np.repeat(base, n_each, axis=0)
    other = rng.random(scores.shape) < changed
    return matrix(np.where(other, 1 - scores, scores))


def test_variants_of_a_few_models_are_counted_as_these():
    found = near_copies(variants(12, 8, 0.03))
    assert (found.rows, found.distinct, found.models) == (96, 12, 96)
    assert {frozenset(one) for one in found.groups} == {
        frozenset(f"m{k}" for k in range(start, start + 8)) for start in range(0, 96, 8)
    }
    assert found.agreement == pytest.approx(0.97**2 + 0.03**2, abs=0.01)
    assert 0.5 < found.expected < 0.85
    assert "rows are about 12 models" in found.words


@pytest.mark.parametrize("options", [{}, {"missing": 0.5}, {"graded": True}, {"dimensions": 3}])
def test_independent_models_are_no_copies(options):
    responses, _ = simulate(200, 300, seed=2, **options)
    assert near_copies(responses).groups == ()


def test_strong_models_are_no_copies_although_they_agree_nearly_everywhere():
    rng = np.random.default_rng(0)
    ability = np.concatenate([np.full(20, 4.0), rng.normal(size=40)])
    right = rng.random((60, 400)) < 1 / (1 + np.exp(rng.normal(size=400) - ability[:, None]))
    assert (right[0] == right[1]).mean() > 0.9
    assert near_copies(matrix(right)).groups == ()


def test_exact_copies_are_counted_apart():
    base = simulate(30, 100, seed=1)[0].scores
    found = near_copies(matrix(np.vstack([base, base[:4]])))
    assert (len(found.exact), found.groups, found.models) == (4, (), 30)


def test_few_shared_items_make_no_copies():
    scores = np.full((40, 400), np.nan)
    rng = np.random.default_rng(0)
    for row in scores:
        row[rng.choice(400, 60, replace=False)] = rng.random(60) < 0.5
    assert near_copies(matrix(scores)).groups == ()


def test_one_of_each_group_is_kept():
    responses = variants(12, 3, 0.03)
    kept = one_of_each(responses, near_copies(responses))
    assert kept.models.ids == tuple(f"m{k}" for k in range(0, 36, 3))


def test_models_without_a_benchmark_are_no_copies_for_that():
    scores = simulate(60, 200, seed=3)[0].scores.copy()
    scores[:20, :150] = 0
    responses = matrix(scores, ["math"] * 150 + ["code"] * 50)
    assert near_copies(responses).groups == ()


@pytest.mark.slow
def test_real_results_of_different_models_have_few_copies():
    found = near_copies(read("helm_lite_83"))
    assert found.distinct >= 80


# --- blocks of one mark -------------------------------------------------------------------------


def two_benchmarks(seed: int = 0) -> ResponseMatrix:
    """80 models on 100 items of one benchmark and 60 of another."""
    scores = simulate(80, 160, seed=seed)[0].scores.copy()
    return matrix(scores, ["math"] * 100 + ["code"] * 60)


def zeroed(responses: ResponseMatrix, models, items, mark: float = 0) -> ResponseMatrix:
    scores = responses.scores.copy()
    scores[np.ix_(models, items)] = mark
    return replace(responses, scores=scores)


@pytest.mark.parametrize("several", [True, False])
def test_benchmarks_written_as_zero_are_a_doubt_and_can_be_missing(several):
    whole = two_benchmarks()
    if not several:
        whole = matrix(whole.scores[:, :100])
    spoilt = zeroed(whole, range(24), range(100))
    same, (finding,) = treat_zeros(spoilt, "keep")
    name = "math" if several else "benchmark"
    assert same is spoilt
    assert (finding.kind, finding.count) == ("doubt", 24)
    assert "--zeros missing" in finding.what
    assert finding.examples == (f"{name}: 24 of 80 models, such as m0, on 100 items",)
    mended, (finding,) = treat_zeros(spoilt, "missing")
    assert (finding.kind, finding.count) == ("missing", 24)
    assert np.isnan(mended.scores[:24, :100]).all()
    np.testing.assert_array_equal(mended.scores[24:], whole.scores[24:])
    np.testing.assert_array_equal(mended.scores[:, 100:], whole.scores[:, 100:])


def test_trials_of_missing_zeros_are_none():
    trials = np.full((80, 160), 5, dtype=np.uint16)
    spoilt = zeroed(replace(two_benchmarks(), trials=trials), [3], range(100))
    mended, _ = treat_zeros(spoilt, "missing")
    assert (mended.trials[3, :100] == 0).all()
    assert mended.trials.sum() == 5 * (80 * 160 - 100)


def test_a_hard_benchmark_on_which_many_have_nothing_right_is_no_doubt():
    rng = np.random.default_rng(1)
    whole = two_benchmarks()
    scores = whole.scores.copy()
    scores[:, :100] = rng.random((80, 100)) < 0.02
    hard = replace(whole, scores=scores)
    assert (scores[:, :100].sum(axis=1) == 0).sum() > 5
    assert constant_blocks(hard) == []


def test_a_model_that_is_weak_elsewhere_too_may_have_nothing_right():
    rng = np.random.default_rng(2)
    ability = np.concatenate([[-3.0] * 4, np.linspace(-2, 2, 76)])
    right = rng.random((80, 160)) < 1 / (1 + np.exp(1.5 - 1.5 * ability[:, None]))
    right[:4, 100:] = False
    assert constant_blocks(matrix(right, ["math"] * 100 + ["code"] * 60)) == []


def test_few_items_are_no_doubt():
    responses = matrix(two_benchmarks().scores[:, 91:], ["math"] * 9 + ["code"] * 60)
    assert constant_blocks(zeroed(responses, [0, 1], range(9))) == []


def test_one_right_answer_anywhere_is_enough_to_have_been_asked():
    whole = two_benchmarks()
    for item in range(0, 100, 7):  # whichever items are looked at first
        spoilt = zeroed(zeroed(whole, [3, 5], range(100)), [5], [item], 1)
        (found,) = constant_blocks(spoilt)
        assert found.models.tolist() == [3]


@pytest.mark.parametrize("mark", [1, 0.5])
def test_another_mark_than_zero_throughout_is_a_doubt_and_kept(mark):
    spoilt = zeroed(two_benchmarks(), [7], range(100), mark)
    same, (finding,) = treat_zeros(spoilt, "missing")
    assert same is spoilt
    assert (finding.kind, finding.count) == ("doubt", 1)
    assert "such as m7" in finding.examples[0]


@pytest.mark.slow
def test_the_real_block_of_ones_is_seen():
    responses = read("psn_irt_12")
    (found,) = constant_blocks(responses)
    assert (found.benchmark, found.mark) == ("MMLU", 1.0)
    assert [responses.models.ids[k] for k in found.models] == ["llm_03"]


def test_zeros_is_an_option_of_reading(tmp_path):
    spoilt = zeroed(two_benchmarks(), range(24), range(100))
    write_results(spoilt, tmp_path / "r.parquet")
    with pytest.warns(UserWarning, match="24 models have 0 on every item of a benchmark"):
        read_results(tmp_path / "r.parquet")
    found = import_results(tmp_path / "r.parquet", zeros="missing")
    assert np.isnan(found.responses.scores[:24, :100]).all()
    assert [one.kind for one in found.findings] == ["missing"]
    with pytest.raises(ConfigError, match="zeros to be keep or missing, found 'no'"):
        import_results(tmp_path / "r.parquet", zeros="no")


# --- histories that are too thin ----------------------------------------------------------------


def test_a_good_history_is_not_called_thin():
    assert warn_if_thin(simulate(60, 100, seed=1)[0]) == ()
    assert warn_if_thin(simulate(20, 200, seed=1)[0]) == ()
    assert warn_if_thin(simulate(60, 200, seed=1, missing=0.4)[0]) == ()


def test_few_models_are_thin():
    (line,) = warn_if_thin(simulate(9, 200, seed=1)[0])
    assert "9 models only" in line


def test_most_scores_missing_is_thin():
    lines = warn_if_thin(simulate(200, 600, seed=1, missing=0.91)[0])
    assert lines[0].startswith("91 % of the scores are missing (5")


def test_variants_of_one_model_have_no_signal():
    for seed in range(5):
        responses = variants(1, 45, 0.1, seed)
        (line,) = warn_if_thin(responses)
        assert "reliability 0." in line
        assert reliability(responses) < 0.5


def test_reliability_is_the_share_of_variance_that_is_true():
    responses, fit = simulate(1500, 40, seed=3)
    p = fit.model.probability(fit.ability)
    true = np.corrcoef(responses.scores.mean(axis=1), p.mean(axis=1))[0, 1] ** 2
    assert reliability(responses) == pytest.approx(true, abs=0.03)


def test_equal_models_have_no_reliability():
    assert reliability(matrix(np.ones((30, 20)))) == 0
    assert len(warn_if_thin(matrix(np.ones((30, 20))))) == 1


THIN = {
    "atlas_adaptive_truthfulqa": 2,
    "swebench_pro_9": 1,
    "ollb1_winogrande": 0,
    "helm_lite_83": 0,
    "wildbench_21": 0,
    "language_soft": 0,
}


@pytest.mark.parametrize("name", THIN)
def test_real_histories_are_called_thin_where_they_are(name):
    assert len(warn_if_thin(read(name))) == THIN[name]


# --- bounded time -------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_large_matrix_is_described_in_bounded_time():
    rng = np.random.default_rng(0)
    ability, difficulty = rng.normal(size=(3500, 1)), rng.normal(size=6000)
    right = rng.random((3500, 6000), dtype=np.float32) < 1 / (1 + np.exp(difficulty - ability))
    start = time.process_time()
    found = describe(matrix(right))
    assert time.process_time() - start < 60
    assert found.audit.copies.models == 3000
    assert found.audit.compared == 2000
