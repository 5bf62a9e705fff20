"""Building a bank: how wrong it is on new models, what is dropped, and what is refused."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate
from numpy.testing import assert_allclose

from tinyeval import building
from tinyeval.build_plan import BuildPlan
from tinyeval.building import build
from tinyeval.calibrated import make_predictor
from tinyeval.config import Settings
from tinyeval.errors import ConfigError, DataError, TinyEvalError
from tinyeval.learning import learn, make_history
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import usable

NAN = float("nan")


def with_scores(responses, scores):
    return replace(responses, scores=scores)


def shuffled(responses, seed=0):
    rng = np.random.default_rng(seed)
    return responses.take(rng.permutation(responses.n_models), rng.permutation(responses.n_items))


def answers_to(bank, responses):
    return responses.select(items=bank.anchors.items)


def mean_error(bank, responses, truth, target=None):
    predictions = bank.predict(answers_to(bank, responses))
    scores = [p.score if target is None else p.benchmarks[target].score for p in predictions]
    return np.abs(np.array(scores) - truth).mean()


def random_mean_error(responses, truth, n, columns=None):
    """Mean error of the plain mean of ``n`` random items, over 50 draws."""
    columns = np.arange(responses.n_items) if columns is None else columns
    rng = np.random.default_rng(0)
    draws = [rng.permutation(columns)[:n] for _ in range(50)]
    return np.mean([np.abs(responses.scores[:, d].mean(1) - truth).mean() for d in draws])


# --- acceptance ---------------------------------------------------------------------------------

WORLDS = {
    "one dimension": {},
    "three dimensions": {"dimensions": 3},
    "graded": {"graded": True},
    "two benchmarks": {"benchmarks": 2, "dimensions": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_new_models_are_predicted_better_than_by_random_items(fast, world):
    responses, _ = simulate(260, 150, seed=7, **WORLDS[world])
    source, new = responses.take(np.arange(100)), responses.take(np.arange(100, 260))
    bank = build(source, items=25, settings=fast)
    truth = new.scores.mean(1)
    error = mean_error(bank, new, truth)
    assert error < 0.85 * random_mean_error(new, truth, 25)
    assert bank.expected_error[25] == pytest.approx(error, rel=0.5)


@pytest.mark.slow
def test_few_models_are_still_predicted_no_worse_than_by_random_items(fast):
    responses, _ = simulate(212, 150, seed=7)
    bank = build(responses.take(np.arange(12)), items=25, settings=fast)
    new = responses.take(np.arange(12, 212))
    truth = new.scores.mean(1)
    assert mean_error(bank, new, truth) < random_mean_error(new, truth, 25)


@pytest.mark.slow
def test_every_benchmark_is_predicted(fast):
    responses, _ = simulate(200, 120, dimensions=2, seed=3, benchmarks=2)
    new = responses.take(np.arange(100, 200))
    bank = build(responses.take(np.arange(100)), items=24, settings=fast)
    assert bank.predictor.targets == ("overall", "bench0", "bench1")
    for name in ("bench0", "bench1"):
        columns = np.flatnonzero(responses.items.column("benchmark") == name)
        truth = new.scores[:, columns].mean(1)
        assert mean_error(bank, new, truth, name) < random_mean_error(new, truth, 12, columns)
    one = bank.predict(new)[0]
    assert list(one.benchmarks) == ["bench0", "bench1"]


@pytest.mark.slow
def test_a_score_known_from_elsewhere_is_predicted(fast):
    responses, _ = simulate(200, 80, seed=3, column=True)
    source, new = responses.take(np.arange(100)), responses.take(np.arange(100, 200))
    bank = build(source, items=25, settings=fast.replace(target={"column": "full"}))
    truth, known = new.models.column("full"), source.models.column("full")
    assert mean_error(bank, new, truth) < 0.75 * np.abs(truth - known.mean()).mean()
    assert mean_error(bank, new, truth) < np.abs(new.scores.mean(1) - truth).mean()
    assert_allclose(bank.predictor.calibration.score_range[:, 0], [known.min(), known.max()])
    lower, upper = np.array([(p.lower, p.upper) for p in bank.predict(new)]).T
    assert ((lower <= truth) & (truth <= upper)).mean() > 0.8


@pytest.mark.slow
def test_missing_answers_cost_little(fast):
    responses, _ = simulate(160, 100, seed=3)
    scores = responses.scores.copy()
    scores[np.random.default_rng(0).random(scores.shape) < 0.05] = NAN
    new = responses.take(np.arange(80, 160))
    whole = build(responses.take(np.arange(80)), items=25, settings=fast)
    holes = build(with_scores(responses, scores).take(np.arange(80)), items=25, settings=fast)
    truth = new.scores.mean(1)
    assert mean_error(holes, new, truth) < 1.3 * mean_error(whole, new, truth)


@pytest.mark.slow
def test_weights_of_items_count(fast):
    responses, _ = simulate(160, 100, seed=3)
    weight = np.where(np.arange(100) < 20, 10.0, 0.1)
    items = responses.items.with_columns(weight=weight)
    responses = replace(responses, items=items)
    new = responses.take(np.arange(80, 160))
    bank = build(responses.take(np.arange(80)), items=15, settings=fast)
    heavy = set(items.ids[:20])
    assert len(heavy & set(bank.anchors.items)) > 10
    truth = new.scores @ (weight / weight.sum())
    assert mean_error(bank, new, truth) < mean_error(bank, new, new.scores.mean(1))


# --- what is dropped ----------------------------------------------------------------------------


@pytest.mark.slow
def test_exact_duplicates_are_dropped_and_counted(source, bank, fast):
    twice = ResponseMatrix(
        np.vstack([source.scores, source.scores[:3]]),
        type(source.models)((*source.models.ids, "zz1", "zz2", "zz3")),
        source.items,
    )
    built = build(twice, settings=fast)
    assert built.source["duplicates_dropped"] == 3
    assert built.source["models"] == 60
    assert built.anchors.items == bank.anchors.items


@pytest.mark.slow
def test_items_without_answers_are_dropped(fast):
    responses, _ = simulate(40, 60, seed=1)
    scores = responses.scores.copy()
    scores[:, [3, 17]] = NAN
    bank = build(with_scores(responses, scores), settings=fast)
    gone = {responses.items.ids[3], responses.items.ids[17]}
    assert len(bank.items) == 58
    assert not gone & set(bank.items.ids)
    without = responses.take(None, np.setdiff1d(np.arange(60), [3, 17]))
    assert bank.digest == build(without, settings=fast).digest


def test_models_without_answers_are_dropped():
    responses, _ = simulate(20, 30, seed=1)
    scores = responses.scores.copy()
    scores[4] = NAN
    kept, duplicates = usable(with_scores(responses, scores))
    assert kept.n_models == 19
    assert responses.models.ids[4] not in kept.models.ids
    assert duplicates == ()


# --- determinism --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_input_gives_the_same_digest(source, bank, fast):
    again = build(source, settings=fast, name="simulated", source="tests/helpers.py")
    assert again.digest == bank.digest


@pytest.mark.slow
def test_another_seed_gives_another_bank(source, bank, fast):
    other = build(source, settings=fast.replace(seed=1, selection={"method": "random"}))
    same = build(source, settings=fast.replace(seed=2, selection={"method": "random"}))
    assert other.anchors.items != same.anchors.items


@pytest.mark.slow
@pytest.mark.parametrize(
    ("selector", "estimator"),
    [
        ("optimal_design", "kriging"),
        ("random", "ridge"),
        ("stratified", "gp_irt"),
        ("anchor_points_irt", "p_irt"),
    ],
)
def test_the_order_of_models_and_items_changes_no_prediction(
    source, new_models, fast, selector, estimator
):
    method = fast.replace(selection={"method": selector}, estimator={"method": estimator})
    one, other = build(source, settings=method), build(shuffled(source), settings=method)
    assert one.anchors.items == other.anchors.items
    for a, b in zip(one.predict(new_models), other.predict(new_models), strict=True):
        assert_allclose((a.score, a.lower, a.upper), (b.score, b.lower, b.upper), atol=1e-5)
        assert (a.in_range, a.misfit) == (b.in_range, b.misfit)


@pytest.mark.slow
def test_the_order_of_models_changes_no_folds_of_groups(source, new_models, fast):
    names = np.array([f"family {k % 13}" for k in range(source.n_models)], dtype=object)
    source = replace(source, models=source.models.with_columns(family=names))
    grouped = fast.replace(interval={"groups": "family"})
    one, other = build(source, settings=grouped), build(shuffled(source), settings=grouped)
    for a, b in zip(one.predict(new_models), other.predict(new_models), strict=True):
        assert_allclose((a.score, a.lower, a.upper), (b.score, b.lower, b.upper), atol=1e-5)


@pytest.mark.slow
def test_renaming_the_bank_changes_no_prediction(source, new_models, bank, fast):
    assert build(source, settings=fast, name="x").predict(new_models) == bank.predict(new_models)


def test_nothing_is_learned_from_held_out_models(source, fast):
    part = source.take(np.arange(30))
    learned = learn(part, BuildPlan.of(fast, part))
    assert learned.history.responses.models.ids == tuple(sorted(part.models.ids))
    assert len(learned.history.fit.ability) == 30
    assert learned.history.target_values.shape == (30, 3)


@pytest.mark.slow
def test_a_history_that_is_remembered_is_used(source, fast):
    calls = []

    def remember(responses, plan, progress=None):
        calls.append((responses.n_models, tuple(plan.settings.irt.dimensions)))
        return make_history(responses, plan, progress)

    settings = fast.replace(irt={"dimensions": [1, 2]}, interval={"folds": 3})
    plan = BuildPlan.of(settings, source)
    learned = learn(source, plan, history_of=remember)
    assert calls == [(60, (1, 2))]
    make_predictor(learned, plan, history_of=remember)
    chosen = (learned.irt.dimensions,)
    assert calls.count((40, chosen)) == 3
    assert all(n < 60 and dimensions == chosen for n, dimensions in calls[1:])


@pytest.mark.slow
def test_progress_is_told_what_is_done(source, fast):
    seen = []
    build(source, settings=fast, progress=lambda *now: seen.append(now))
    assert all(0 <= done <= total for done, total, _ in seen)
    assert any("calibrating" in what for _, _, what in seen)
    assert any("dimensions" in what for _, _, what in seen)


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_items_override_the_settings(source, fast):
    bank = build(source, items=4, settings=fast)
    assert len(bank.anchors) == bank.settings["items"] == 4
    assert bank.expected_error.keys() == {4}


@pytest.mark.slow
def test_all_items_may_be_anchors(fast):
    responses, _ = simulate(60, 20, seed=1)
    bank = build(responses, items=20, settings=fast)
    found = bank.predict(responses)
    assert_allclose([p.score for p in found], responses.scores.mean(1), atol=1e-4)
    assert max(p.upper - p.lower for p in found) < 0.01


@pytest.mark.slow
def test_the_settings_in_force_are_stored(source, fast):
    settings = fast.replace(interval={"level": 0.8}, seed=3)
    bank = build(source, settings=settings)
    assert bank.level == 0.8
    assert Settings.model_validate(bank.settings) == settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"items": 61}, "61 items were asked for, but the benchmark has 60"),
        ({"selection": {"method": "magic"}}, "unknown selection method 'magic'; known are: random"),
        ({"estimator": {"method": "magic"}}, "unknown estimator 'magic'; known are: mean"),
        ({"selection": {"options": {"depth": 1}}}, r"selection\.options: unknown option 'depth'"),
        ({"estimator": {"options": {"rng": 1}}}, r"estimator\.options: unknown option 'rng'"),
        ({"irt": {"dimensions": [0]}}, "dimensions"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(source, fast, changes, message):
    with pytest.raises(ConfigError, match=message):
        build(source, settings=fast.replace(**changes))


def test_a_missing_target_column_is_refused(source, fast):
    with pytest.raises(DataError, match="no column 'full'"):
        build(source, settings=fast.replace(target={"column": "full"}))


# --- too little data ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_models", [1, 4])
def test_too_few_models_are_refused(fast, n_models):
    responses = simulate(10, 30)[0].take(np.arange(n_models))
    with pytest.raises(DataError, match=f"at least 5 different models, found {n_models}; add"):
        build(responses, settings=fast)


def test_copies_of_a_few_models_are_too_few(fast):
    scores = np.tile(np.random.default_rng(0).integers(0, 2, (4, 30)), (5, 1))
    responses = ResponseMatrix.from_arrays(scores, range(20), range(30))
    with pytest.raises(DataError, match="at least 5 different models, found 4"):
        build(responses, settings=fast)


def test_no_answers_at_all_are_refused(fast):
    responses = ResponseMatrix.from_arrays(np.full((6, 30), NAN), range(6), range(30))
    with pytest.raises(DataError, match="at least one model and one item"):
        build(responses, settings=fast)


@pytest.mark.slow
def test_five_models_are_enough(fast):
    bank = build(simulate(5, 30, seed=2)[0], settings=fast)
    found = bank.predict(dict.fromkeys(bank.anchors.items, 1))
    assert 0.5 < found.score <= 1
    assert found.upper - found.lower > 0.05


@pytest.mark.slow
def test_a_perfect_order_of_models_and_items_is_no_obstacle(fast):
    responses = ResponseMatrix.from_arrays(np.triu(np.ones((12, 40))), range(12), range(40))
    bank = build(responses, settings=fast)
    assert np.isfinite(bank.expected_error[15])


@pytest.mark.slow
def test_items_that_everyone_solves_or_fails_are_no_obstacle(fast):
    responses, _ = simulate(30, 40, seed=1)
    scores = responses.scores.copy()
    scores[:, :10], scores[:, 10:20] = 1, 0
    bank = build(with_scores(responses, scores), settings=fast)
    found = bank.predict(with_scores(responses, scores))
    truth = scores.mean(1)
    assert np.abs(np.array([p.score for p in found]) - truth).mean() < 0.05


# --- known defects ------------------------------------------------------------------------------


def test_a_benchmark_that_one_model_answered_is_built_or_refused(fast):
    responses, _ = simulate(40, 60, seed=1)
    scores = responses.scores.copy()
    scores[1:, :10] = NAN
    names = np.where(np.arange(60) < 10, "rare", "common")
    items = responses.items.with_columns(benchmark=names)
    with suppress(TinyEvalError):
        build(ResponseMatrix(scores, responses.models, items), settings=fast)


@pytest.mark.slow
def test_all_items_may_be_anchors_though_one_model_alone_answered_one(fast):
    responses, _ = simulate(40, 30, seed=1)
    scores = responses.scores.copy()
    scores[1:, 0] = NAN
    bank = build(with_scores(responses, scores), items=30, settings=fast)
    assert len(bank.anchors) == 30


@pytest.mark.slow
def test_drift_costs_little_for_a_score_on_another_scale(fast):
    responses, _ = simulate(300, 80, seed=3, column=True)
    source, new = responses.take(np.arange(100)), responses.take(np.arange(100, 300))
    settings = fast.replace(items=25, target={"column": "full"}, estimator={"method": "kriging"})
    still = settings.replace(estimator={"options": {"drift": [0.0]}})
    truth = new.models.column("full")
    error = [mean_error(build(source, settings=one), new, truth) for one in (settings, still)]
    assert error[0] < 1.2 * error[1]


# --- several benchmarks, budgets and quotas -----------------------------------------------------


def priced(responses, seed=0):
    """The same responses with lognormal costs."""
    cost = np.random.default_rng(seed).lognormal(0, 1, responses.n_items)
    return replace(responses, items=responses.items.with_columns(cost=cost))


@pytest.mark.slow
def test_a_budget_bounds_the_cost_of_the_anchors(source, fast):
    settings = Settings().replace(device="cpu", irt={"dimensions": [1]}, interval={"folds": 2})
    bank = build(priced(source), budget=12.0, settings=settings)
    assert 0.8 * 12 < bank.cost <= 12
    assert bank.settings["budget"] == 12
    assert bank.settings["items"] is None
    both = build(priced(source), budget=12.0, items=4, settings=settings)
    assert len(both.anchors) == 4
    assert both.cost <= 12


def test_a_budget_needs_costs(source, fast):
    with pytest.raises(DataError, match="the items table has no column 'cost'"):
        build(source, budget=12.0, settings=fast)


@pytest.mark.slow
def test_quotas_divide_the_anchors(source, fast):
    settings = fast.replace(items=9, quotas={"anchors": {"bench0": "2+", "bench1": 6}})
    bank = build(source, settings=settings)
    benchmark = bank.items.column("benchmark")[bank.items.index(bank.anchors.items)]
    assert len(bank.anchors) == 9
    assert (benchmark == "bench1").sum() == 6
    assert set(bank.benchmark_errors) == {"bench0", "bench1"}
    assert list(bank.benchmark_errors["bench0"]) == list(bank.expected_error)


def test_impossible_quotas_are_refused_before_any_work(source, fast, monkeypatch):
    settings = fast.replace(items=9, quotas={"anchors": 5})
    monkeypatch.setattr(building, "learn", lambda *_, **__: pytest.fail("work was done"))
    with pytest.raises(ConfigError, match="the quotas ask for at least 10 anchors"):
        build(source, settings=settings)


def with_full_scores(responses, seed=0):
    """A column for each benchmark: its mean, stretched, with a little noise."""
    rng = np.random.default_rng(seed)
    benchmark = responses.items.column("benchmark")
    columns = {
        f"full_{name}": np.clip(
            0.1
            + 0.7 * responses.scores[:, benchmark == name].mean(1)
            + rng.normal(0, 0.01, len(responses.models)),
            0,
            1,
        )
        for name in responses.benchmarks
    }
    return replace(responses, models=responses.models.with_columns(**columns))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["kriging", "p_irt", "aipw", "ridge"])
def test_full_scores_of_benchmarks_are_predicted(fast, estimator):
    responses, _ = simulate(200, 80, dimensions=2, seed=5, benchmarks=2)
    responses = with_full_scores(responses)
    source, new = responses.take(np.arange(100)), responses.take(np.arange(100, 200))
    settings = fast.replace(
        items=30,
        target={"columns": {"bench0": "full_bench0"}, "benchmark_weights": "equal"},
        estimator={"method": estimator},
    )
    bank = build(source, settings=settings)
    first = new.models.column("full_bench0")
    second = new.scores[:, new.items.column("benchmark") == "bench1"].mean(1)
    errors = {
        "bench0": mean_error(bank, new, first, "bench0"),
        "bench1": mean_error(bank, new, second, "bench1"),
        "overall": mean_error(bank, new, (first + second) / 2),
    }
    spread = {
        "bench0": first.std(),
        "bench1": second.std(),
        "overall": ((first + second) / 2).std(),
    }
    for name, error in errors.items():
        assert error < 0.6 * spread[name], name
    covered = np.mean(
        [
            one.benchmarks["bench0"].lower <= truth <= one.benchmarks["bench0"].upper
            for one, truth in zip(bank.predict(answers_to(bank, new)), first, strict=True)
        ]
    )
    assert covered > 0.8


@pytest.mark.slow
def test_a_fold_may_lack_a_benchmark_that_has_a_quota_and_a_column(fast):
    responses, _ = simulate(24, 40, seed=5, benchmarks=2)
    scores = responses.scores.copy()
    scores[3:, responses.items.column("benchmark") == "bench1"] = np.nan
    models = responses.models.with_columns(full=np.linspace(0.2, 0.8, 24))
    responses = replace(responses, scores=scores, models=models)
    settings = fast.replace(
        items=10, quotas={"anchors": "3+"}, target={"columns": {"bench1": "full"}}
    )
    bank = build(responses, settings=settings)
    assert len(bank.anchors) == 10
    assert np.isfinite(bank.predict(answers_to(bank, responses))[0].score)


@pytest.mark.slow
def test_subjects_can_count_the_same(fast):
    responses, _ = simulate(60, 60, seed=5)
    subject = np.where(np.arange(60) < 50, "large", "small")
    responses = replace(responses, items=responses.items.with_columns(subject=subject))
    settings = fast.replace(items=60, target={"average": "subjects"})
    found = build(responses, settings=settings).predict(responses)
    truth = (responses.scores[:, :50].mean(1) + responses.scores[:, 50:].mean(1)) / 2
    assert_allclose([one.score for one in found], truth, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("world", [*WORLDS, "missing answers"])
def test_what_is_computed_again_gives_the_bank_of_what_is_kept(world, monkeypatch, fast):
    options = WORLDS.get(world, {"missing": 0.2})
    responses, _ = simulate(60, 90, seed=5, **options)
    kept = build(responses, items=20, settings=fast)
    monkeypatch.setattr("tinyeval.history.KEPT_CELLS", 100)
    monkeypatch.setattr("tinyeval.compute.row_blocks.CELLS", 1000)
    again = build(responses, items=20, settings=fast)
    assert again.anchors.items == kept.anchors.items
    for one, other in zip(*(bank.predict(responses) for bank in (again, kept)), strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert_allclose((one.lower, one.upper), (other.lower, other.upper), atol=1e-4)


def test_a_history_of_few_answers_is_refused_before_it_is_fitted(fast):
    responses, _ = simulate(40, 60, seed=1, missing=0.7)
    seen = []
    with pytest.raises(DataError, match=r"^\d of 40 models answered 60 % of every benchmark or mo"):
        build(responses, settings=fast, progress=lambda *now: seen.append(now))
    assert seen == []
